# Writes eddy_facts.h: the version, and every integer constant of zmq.h, without the prefix.
separate_arguments(flags UNIX_COMMAND "${CFLAGS}")
execute_process(
  COMMAND ${CC} ${flags} -E -dM -include zmq.h -x c /dev/null
  OUTPUT_VARIABLE macros COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "#define ZMQ_[A-Z0-9_]+ \\(?-?[A-Z0-9_x][^\n]*" defines "${macros}")
set(entries "")
foreach(define IN LISTS defines)
  string(REGEX REPLACE "#define ZMQ_([A-Z0-9_]+) .*" "\\1" name "${define}")
  if(NOT name MATCHES "^(VERSION|EXPORT|DEFINED_STDINT|HAVE_.*|H)$")
    string(APPEND entries " \\\n    {\"${name}\", ZMQ_${name}},")
  endif()
endforeach()
file(WRITE ${OUT} "#define EDDY_VERSION \"${VERSION}\"\n#define EDDY_ZMQ_CONSTANTS${entries}\n")
