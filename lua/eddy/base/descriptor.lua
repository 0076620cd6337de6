-- The descriptor of whatever has one: a number, a file of Lua's, an object with a `fileno` method,
-- as many libraries have it, or a `getfd` method, as LuaSocket's have.
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"

local C = c.C

local M = {}

local function method_of(what)
  local method = what.fileno
  if method then return method, "fileno" end
  return what.getfd, "getfd"
end

local function is_descriptor(fd)
  return type(fd) == "number" and fd >= 0 and fd < 2 ^ 31 and fd % 1 == 0
end

--- The descriptor of what is not a socket of eddy's; raises for what has none, or is closed.
-- @param name the call's, for the error
function M.of(what, name)
  local kind = type(what)
  if kind == "number" and is_descriptor(what) then return what end
  local file = io.type(what)
  if file == "file" then return errors.check(C.eddy_file_descriptor(what), name .. ":", what) end
  if file then errors.misuse(name .. ": the file is closed, and has no descriptor") end
  local is_object = kind == "table" or kind == "userdata" or kind == "cdata"
  local ok, method, which = pcall(method_of, is_object and what or {})
  if not ok or not method then
    errors.misuse(("%s: expected a socket, a descriptor, a file, or something with a fileno or " ..
      "getfd method, got %s"):format(name, kind == "number" and tostring(what) or kind))
  end
  local fd = method(what)
  if is_descriptor(fd) then return fd end
  errors.misuse(("%s: the %s of %s is %s%s"):format(name, which, tostring(what), tostring(fd),
    (fd == -1 or fd == nil) and ": it is closed" or ""))
end

return M
