-- Folders and files of the user's, made where they are not there.
local c = require "eddy.base.libeddy"

local C, ffi = c.C, c.ffi

local M = {}

c.declare [[
int mkdir(const char *path, unsigned int mode);
int creat(const char *path, unsigned int mode);
int chmod(const char *path, unsigned int mode);
int close(int fd);
]]

--- Makes a folder, and those that it is in.
-- @param mode of those that are made, a number
-- @return true; or nil, why not, and the number of that error
function M.make(path, mode)
  local parent = path:match "^(.+)/[^/]+/*$"
  if C.mkdir(path, mode) == 0 then return true end
  local ENOENT, EEXIST = 2, 17
  local problem = ffi.errno()
  if problem == ENOENT and parent and M.make(parent, mode) then return M.make(path, mode) end
  if problem == EEXIST then return true end
  return nil, ffi.string(C.eddy_error_text(problem)), problem
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
