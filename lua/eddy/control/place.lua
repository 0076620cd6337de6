-- What `--control` says, and where a process's control socket is.
local c = require "eddy.base.libeddy"

local C, ffi = c.C, c.ffi

local M = {}

local MOST_PATH = 4096
local USE = 'expected "on", "eval", a path with a "/" in it, or eval:PATH'

--- Reads the value of `--control` or EDDY_CONTROL.
-- @param text "", "on", "eval", a path, or "eval:" and a path
-- @return { allows_eval =, path = nil where it is to be in the process's folder }; or nil and what
-- is wrong
function M.read(text)
  if text == "" or text == "on" then return { allows_eval = false } end
  if text == "eval" then return { allows_eval = true } end
  local path = text:match "^eval:(.+)$"
  local allows_eval = path ~= nil
  path = path or text
  if not path:find "/" then return nil, USE end
  return { allows_eval = allows_eval, path = path }
end

--- The process's id.
function M.pid()
  local file = io.open "/proc/self/stat"
  local pid = file and file:read "*n"
  if file then file:close() end
  return pid
end

--- The folder of this user's processes; nil when there can be none.
function M.folder()
  local path = ffi.new("char[?]", MOST_PATH)
  local size = C.eddy_page_folder(path, MOST_PATH)
  return size > 0 and ffi.string(path, size) or nil
end

--- The path of a process's control socket in its folder.
function M.path(folder, pid) return ("%s/%d.sock"):format(folder, pid) end

local ENXIO = 6 -- opening a socket as a file

--- Whether there is a socket at a path.
function M.has_socket(path)
  local file, _, code = io.open(path)
  if file then file:close() end
  return code == ENXIO
end

return M
