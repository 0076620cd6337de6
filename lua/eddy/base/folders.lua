-- Folders and files of the user's, made where they are not there.
local c = require "eddy.base.libeddy"

local C, ffi = c.C, c.ffi

local M = {}

local ENOENT, EEXIST = 2, 17

c.declare [[
int mkdir(const char *path, unsigned int mode);
int creat(const char *path, unsigned int mode);
int chmod(const char *path, unsigned int mode);
int close(int fd);
char *realpath(const char *path, char *resolved);
void free(void *memory);
]]

--- Makes a folder that must not be there.
-- @param mode a number
-- @return true; or nil, why not, and the number of that error
function M.make_new(path, mode)
  if C.mkdir(path, mode) == 0 then return true end
  local problem = ffi.errno()
  return nil, ffi.string(C.eddy_error_text(problem)), problem
end

--- Makes a folder, and those that it is in, unless they are there.
-- @return as make_new
function M.make(path, mode)
  local ok, text, problem = M.make_new(path, mode)
  if ok or problem == EEXIST then return true end
  local parent = path:match "^(.+)/[^/]+/*$"
  if problem == ENOENT and parent and M.make(parent, mode) then return M.make(path, mode) end
  return nil, text, problem
end

--- The path that something really has; nil when it is not there.
function M.real(path)
  local found = C.realpath(path, nil)
  if found == nil then return nil end
  local text = ffi.string(found)
  C.free(found)
  return text
end

--- Makes sure that a file is there which only its user can read. False when that cannot be.
function M.private_file(path)
  local file = io.open(path, "r")
  if file then
    file:close()
    return C.chmod(path, 384) == 0 -- 0600
  end
  local fd = C.creat(path, 384)
  return fd >= 0 and C.close(fd) == 0
end

return M
