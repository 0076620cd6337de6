-- The core's library, and the only place that loads and declares it. The declarations come
-- from the library itself: they are the text of core/eddy.h.
local ffi = require "ffi"

-- Where the library is when this process is not the host, which has it in itself: named by
-- EDDY_LIBRARY, in the source tree's build folder, where LuaRocks puts it, or installed.
local function candidates()
  local named = os.getenv("EDDY_LIBRARY")
  if named then return { named } end
  local here = debug.getinfo(1, "S").source
  local tree = here:match "^@(.*)lua/eddy/base/libeddy%.lua$"
  local rocks = here:match "^@(.*)share/lua/5%.1/eddy/base/libeddy%.lua$"
  local beside = tree and tree .. "build/libeddy.so" or
    rocks and rocks .. "lib/lua/5.1/libeddy.so.0"
  return { beside or "libeddy.so.0", "libeddy.so.0" }
end

local function has_core(library)
  return pcall(function() return library.eddy_declarations end)
end

local function load()
  if has_core(ffi.C) then return ffi.C end
  local problem
  for _, name in ipairs(candidates()) do
    local ok, library = pcall(ffi.load, name)
    if ok then return library end
    problem = library
  end
  error("eddy's library is not to be found (EDDY_LIBRARY can name it): " .. problem, 0)
end

-- A second load of this module in one Lua state meets the first one's declarations.
local declared = pcall(ffi.typeof, "eddy_event")
if not declared then ffi.cdef "const char *eddy_declarations(void);" end
local C = load()
if not declared then ffi.cdef(ffi.string(C.eddy_declarations())) end

-- The folder of the core's library; "" in the host, which has the core in itself.
local function folder()
  for line in io.lines "/proc/self/maps" do
    local found = line:match "%s(/.*/)libeddy[_%w]*%.so[%d.]*$"
    if found then return found end
  end
  return ""
end

--- Loads a library that stands beside the core's, and its declarations.
-- @param name "jetstream": libeddy_jetstream, whose eddy_jetstream_declarations has its header
-- @return the library; nil and why where there is none, or something that it needs is missing
local function extension(name)
  local file = "libeddy_" .. name .. ".so.0"
  local ok, library = pcall(ffi.load, folder() .. file)
  if not ok then
    local problem = library
    ok, library = pcall(ffi.load, file)
    if not ok then return nil, problem end
  end
  local declarations = "eddy_" .. name .. "_declarations"
  if not pcall(function() return library[declarations] end) then
    ffi.cdef("const char *" .. declarations .. "(void);")
    ffi.cdef(ffi.string(library[declarations]()))
  end
  return library
end

--- A library of somebody else's that this process has loaded already.
-- @param name "readline"
-- @param declarations what is used of it
-- @return the library; nil where it is not there
local function loaded(name, declarations)
  for line in io.lines "/proc/self/maps" do
    local path = line:match("%s(/.*/lib" .. name .. "%.so[%d.]*)$")
    local ok, library = pcall(ffi.load, path or "")
    if path and ok and pcall(ffi.cdef, declarations) then return library end
  end
end

return {
  C = C, ffi = ffi, extension = extension, loaded = loaded,
  --- Declares what scripts have in C.
  declare = ffi.cdef,
}
