# Writes FUNCTION, which returns the text of the headers IN, a list, without their preprocessor
# lines.
foreach(header ${IN})
  file(READ ${header} one)
  string(APPEND text "${one}")
endforeach()
string(REGEX REPLACE "#[^\n]*\n" "" text "${text}")
string(REPLACE "\\" "\\\\" text "${text}")
string(REPLACE "\"" "\\\"" text "${text}")
string(REPLACE "\n" "\\n\"\n    \"" text "${text}")
file(WRITE ${OUT} "#include \"${HEADER}\"\n\nconst char *${FUNCTION}(void) {\n    return \"${text}\";\n}\n")
