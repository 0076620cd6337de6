# Writes FUNCTION, which returns the text of the headers IN, a list, without their preprocessor
# lines and comments: two thirds of it are for people only.
foreach(header ${IN})
  file(READ ${header} one)
  string(APPEND text "${one}")
endforeach()
string(REGEX REPLACE "#[^\n]*\n" "" text "${text}")
string(RANDOM LENGTH 12 own) # two libraries have it made, at the same time
file(WRITE ${OUT}.${own} "${text}")
execute_process(
  COMMAND ${CC} -E -P -undef -x c ${OUT}.${own}
  OUTPUT_VARIABLE text COMMAND_ERROR_IS_FATAL ANY)
file(REMOVE ${OUT}.${own})
string(REPLACE "\\" "\\\\" text "${text}")
string(REPLACE "\"" "\\\"" text "${text}")
string(REPLACE "\n" "\\n\"\n    \"" text "${text}")
file(WRITE ${OUT} "#include \"${HEADER}\"\n\nconst char *${FUNCTION}(void) {\n    return \"${text}\";\n}\n")
