# Writes FUNCTION, which returns the text of the header IN without its preprocessor lines.
file(READ ${IN} text)
string(REGEX REPLACE "#[^\n]*\n" "" text "${text}")
string(REPLACE "\\" "\\\\" text "${text}")
string(REPLACE "\"" "\\\"" text "${text}")
string(REPLACE "\n" "\\n\"\n    \"" text "${text}")
file(WRITE ${OUT} "#include \"${HEADER}\"\n\nconst char *${FUNCTION}(void) {\n    return \"${text}\";\n}\n")
