-- Sends and receives of a stream that failed.
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"

local C, ffi = c.C, c.ffi
local EHOSTUNREACH = errors.numbers.EHOSTUNREACH

local M = {}

-- The error of a message whose peer is gone.
local function unreachable(self)
  local peer = ffi.new("char[?]", C.EDDY_PEER_BYTES)
  local size = C.eddy_stream_lost_peer(self.loop._c, self._id, peer)
  return errors.unreachable("send: " .. self.name, size > 0 and ffi.string(peer, size) or nil)
end

--- Tells on_err of an error, or the log.
-- @param is_heard whether somebody hears of it anyway
function M.report(self, err, is_heard)
  if self._on_err then
    self.loop:_protect(self, self._on_err, err)
  elseif not is_heard then
    self.loop:_log(tostring(err))
  end
end

--- The same of a failure.
-- @param what "send" or "receive"
-- @return its error
function M.tell(self, what, code, is_heard)
  local err = code == EHOSTUNREACH and what == "send" and unreachable(self) or
    errors.new(code, what .. ": " .. self.name)
  M.report(self, err, is_heard)
  return err
end

return M
