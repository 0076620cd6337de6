# Writes eddy_declarations.c: the public headers, a list, without their preprocessor lines, as a C
# string.
foreach(header ${IN})
  file(READ ${header} one)
  string(APPEND text "${one}")
endforeach()
string(REGEX REPLACE "#[^\n]*\n" "" text "${text}")
string(REPLACE "\\" "\\\\" text "${text}")
string(REPLACE "\"" "\\\"" text "${text}")
string(REPLACE "\n" "\\n\"\n    \"" text "${text}")
file(WRITE ${OUT} "#include \"eddy.h\"\n\nconst char *eddy_declarations(void) {\n    return \"${text}\";\n}\n")
