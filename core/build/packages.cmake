# Debian packages, by CPack: cmake --build build --target package.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME eddy)
set(CPACK_PACKAGE_DIRECTORY ${CMAKE_BINARY_DIR}/packages)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_PRE_BUILD_SCRIPTS ${CORE}/build/package_files.cmake)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_ENABLE_COMPONENT_DEPENDS ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "") # each has its own

# The changelog's newest entry is this version's, and says who maintains the packages.
file(READ ${CORE}/build/changelog changelog)
string(REGEX MATCH "^eddy \\(([^)]*)\\)[^\n]*\n.*\n -- ([^>]*>)" newest "${changelog}")
if(NOT CMAKE_MATCH_1 STREQUAL PROJECT_VERSION)
  message(FATAL_ERROR "core/build/changelog begins with ${CMAKE_MATCH_1}, but CMakeLists.txt "
    "has version ${PROJECT_VERSION}: add an entry")
endif()
set(CPACK_DEBIAN_PACKAGE_MAINTAINER "${CMAKE_MATCH_2}")

# add_package(NAME SECTION SUMMARY TEXT [LIBRARY its-library] [NEEDS package...]
#             [FIELDS field value ...])
function(add_package name section summary text)
  cmake_parse_arguments(PARSE_ARGV 4 with "" LIBRARY "NEEDS;FIELDS")
  string(TOUPPER ${name} NAME)
  set(CPACK_COMPONENT_${NAME}_DEPENDS ${with_NEEDS} PARENT_SCOPE)
  set(CPACK_DEBIAN_${NAME}_PACKAGE_NAME ${name} PARENT_SCOPE)
  set(CPACK_DEBIAN_${NAME}_PACKAGE_SECTION ${section} PARENT_SCOPE)
  set(CPACK_DEBIAN_${NAME}_DESCRIPTION "${summary}\n${about}\n${text}" PARENT_SCOPE)
  if(with_LIBRARY)
    # What other packages need that are linked to it. CPack's own way asks for the type of each file
    # of all packages, which takes long.
    set(shlibs ${MADE}/${name}/shlibs)
    file(WRITE ${shlibs} "${with_LIBRARY} 0 ${name} (>= ${PROJECT_VERSION})\n")
    set(CPACK_DEBIAN_${NAME}_PACKAGE_SHLIBDEPS ON PARENT_SCOPE)
    set(CPACK_DEBIAN_${NAME}_PACKAGE_CONTROL_EXTRA ${CORE}/build/triggers ${shlibs} PARENT_SCOPE)
  endif()
  while(with_FIELDS)
    list(POP_FRONT with_FIELDS field value)
    set(CPACK_DEBIAN_${NAME}_PACKAGE_${field} ${value} PARENT_SCOPE)
  endwhile()
  set(CPACK_COMPONENTS_ALL ${CPACK_COMPONENTS_ALL} ${name} PARENT_SCOPE)
endfunction()

set(about [[
eddy runs Lua scripts whose functions are the handlers of ZeroMQ sockets,
timers, file descriptors and signals, with streams as PyZMQ has them, at
nearly the speed of C.
]])
add_package(eddy interpreters "event loop host for ZeroMQ, scripted in Lua"
  "This package has the command, with its Lua modules in itself."
  FIELDS SHLIBDEPS ON
  RECOMMENDS "lua-argparse, lua-busted, lua-cjson, lua-http, lua-readline"
  SUGGESTS "lua-luv, libeddy-jetstream0")
add_package(libeddy0 libs "event loop for ZeroMQ - shared library"
  "This package has the library, for programs in C and for plain LuaJIT."
  LIBRARY libeddy)
add_package(libeddy-dev libdevel "event loop for ZeroMQ - development files"
  "This package has the headers that programs in C are compiled with."
  NEEDS libeddy0)
add_package(lua-eddy interpreters "event loop for ZeroMQ - modules for LuaJIT"
  "This package has the modules for scripts that run in plain LuaJIT; the\ncommand has its own."
  NEEDS libeddy0
  FIELDS ARCHITECTURE all DEPENDS luajit RECOMMENDS lua-cjson
  SUGGESTS "lua-cqueues, lua-luv, libeddy-jetstream0")
if(NATS_FOUND)
  add_package(libeddy-jetstream0 libs "event loop for ZeroMQ - streams on NATS JetStream"
    "This package has what the module eddy.jetstream needs."
    LIBRARY libeddy_jetstream)
endif()
include(CPack)
