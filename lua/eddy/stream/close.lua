-- How a stream ends.
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"
local later = require "eddy.base.later"
local backpressure = require "eddy.stream.backpressure"
local monitor = later.require "eddy.zmq.monitor"

local C = c.C

local M = {}

-- Waits while queued messages are sent: in a coroutine of a loop that runs, for that one alone.
local function drain(self, ms)
  if not self.loop._running or not coroutine.isyieldable() then
    C.eddy_stream_drain(self.loop._c, self._id, ms)
    return
  end
  self:on_recv(nil)
  self._on_full, self._on_drain = false, false
  backpressure.finish(self, ms)
end

-- The stream is no more: its callbacks are forgotten, and on_close is told.
local function ended(self)
  backpressure.settle(self, errors.new(errors.numbers.ENOTSOCK, self.name .. " was closed"))
  local on_close = self._on_close
  self.loop:_abandon(self._id)
  self._id, self[1] = false, nil
  self._on_recv, self._on_send, self._on_err, self._on_close = false, false, false, false
  self._on_full, self._on_drain, self._sent = false, false, false
  if on_close then self.loop:_protect(self, on_close) end
end

---@class (exact) eddy.CloseOptions
---@field drain? number ms for which what is queued is sent before
---@field linger? number ms for which libzmq still tries to send what it has

--- Closes the stream and its socket. From now on no callback of its is called but on_close,
-- at once. Messages that were still queued are lost: a warning says so.
---@param linger? number|eddy.CloseOptions
-- ms for which libzmq still tries to send what it has, the option's unless given;
-- or { drain = ms, linger = ms }: first sends what is queued, for up to `drain` ms (negative or
-- infinite: for as long as it takes), in which it
-- receives nothing. A callback or a task of a loop that runs waits for that alone, the loop and
-- others go on.
-- @return how many messages are lost
---@return integer lost
function M.close(self, linger)
  local drain_ms
  if type(linger) == "table" then
    errors.check_fields(linger, { drain = true, linger = true }, "close")
    drain_ms, linger = linger.drain, linger.linger
  end
  linger = errors.linger_of(linger)
  if drain_ms then
    errors.check_ms(drain_ms, "close: drain")
    if drain_ms < 0 then drain_ms = math.huge end
  end
  if self._id and drain_ms then drain(self, drain_ms) end
  if self._is_paused then self:_pause(false) end
  if not self._id then return 0 end -- closed, before or meanwhile
  self.name = self.name
  if self._events then monitor._forget(self) end
  self.socket:_closed()
  local lost = math.max(0,
    C.eddy_stream_close(self.loop._c, self._id, linger or C.EDDY_OWN_LINGER))
  if lost > 0 then
    self.loop:_log(("%s closed with %d message%s not sent"):format(self.name, lost,
      lost == 1 and "" or "s"))
  end
  ended(self)
  return lost
end

return M
