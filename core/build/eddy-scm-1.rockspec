-- For LuaRocks: luarocks --lua-version 5.1 make core/build/eddy-scm-1.rockspec
-- It builds by CMake, in build/rock, and needs libzmq and LuaJIT with their headers.
rockspec_format = "3.0"
package = "eddy"
version = "scm-1"
source = { url = "." } -- the source tree that it is in
description = {
  summary = "An event loop host for ZeroMQ, scripted in Lua",
  detailed = "Scripts whose functions are the handlers of ZeroMQ sockets, timers, file " ..
    "descriptors and signals, with the command eddy; and the same as modules for LuaJIT.",
  license = "MIT",
}
supported_platforms = { "linux" }
dependencies = { "lua == 5.1" }
external_dependencies = { ZMQ = { header = "zmq.h", library = "zmq" } }
build = {
  type = "command",
  build_command = [[
cmake -S . -B build/rock -DCMAKE_PREFIX_PATH='$(ZMQ_DIR)' -DCMAKE_INSTALL_PREFIX='$(PREFIX)' \
  -DCMAKE_INSTALL_BINDIR='$(BINDIR)' -DCMAKE_INSTALL_LIBDIR='$(LIBDIR)' \
  -DCMAKE_INSTALL_DOCDIR=doc -DEDDY_LUADIR='$(LUADIR)' \
  -DEDDY_RPATH='$ORIGIN/../lib/lua/5.1' -DBUILD_TESTING=OFF &&
cmake --build build/rock --parallel]],
  -- LuaRocks moves files one by one, which symbolic links do not outlive: one name a library.
  install_command = [[
for component in eddy libeddy0 libeddy-jetstream0 lua-eddy; do
  cmake --install build/rock --strip --component $component || exit
done
for library in '$(LIBDIR)'/*.so.0.*; do
  mv "$library" "${library%.so.0.*}.so.0"
done]],
}
