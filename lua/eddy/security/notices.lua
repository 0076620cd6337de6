-- What threads of the core's say, put into a loop's log.
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"
local descriptor = require "eddy.security.descriptor"

local C, ffi = c.C, c.ffi

local M = {}

local LONGEST = 512
local reader, users = nil, 0

local function log_all(loop)
  local text = ffi.new("char[?]", LONGEST)
  while C.eddy_notices_next(text, LONGEST) == 1 do loop:_log(ffi.string(text)) end
end

--- One more socket has something to say. A loop logs it, until the last one is closed.
function M.add()
  if users == 0 then log_all { _log = function() end } end -- of sockets that are no more
  users = users + 1
end

--- A socket is on this loop: it logs from now on.
function M.attach(loop)
  if reader then reader:stop() end
  local fd = errors.check(C.eddy_notices_fd(), "the log of who may come in")
  reader = descriptor.read(fd, loop, function() log_all(loop) end)
end

--- One socket less.
function M.remove()
  users = users - 1
  if users > 0 or not reader then return end
  reader:stop()
  reader = nil
end

return M
