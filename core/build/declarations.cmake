# Writes eddy_declarations.c: eddy.h without its preprocessor lines, as a C string.
file(READ ${IN} text)
string(REGEX REPLACE "#[^\n]*\n" "" text "${text}")
string(REPLACE "\\" "\\\\" text "${text}")
string(REPLACE "\"" "\\\"" text "${text}")
string(REPLACE "\n" "\\n\"\n    \"" text "${text}")
file(WRITE ${OUT} "#include \"eddy.h\"\n\nconst char *eddy_declarations(void) {\n    return \"${text}\";\n}\n")
