-- A stream's flush.
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"
local completions = require "eddy.stream.completions"
local receiving = require "eddy.stream.receive"
local directions = require "eddy.zmq.directions"

local C = c.C
local band = require("bit").band

-- Whether the stream may receive now.
local function listens(self) return self._on_recv ~= false and not self._waiting end

local function pull(self, limit)
  local inbox = C.eddy_stream_pull(self.loop._c, self._id or 0, limit)
  if inbox ~= nil then return receiving.take(self, inbox) end
end

-- Takes the next message, of at most `limit`, and the handler. What runs in the middle cannot turn
-- the loop, which would end the inbox's loan.
local function take(self, limit)
  local loop = self.loop
  local was = loop._is_held
  loop._is_held, self._flushed = true, loop._turns
  local ok, msg, fn, loan = pcall(pull, self, limit)
  loop._is_held = was
  if not ok then error(msg, 0) end
  return msg, fn, loan
end

-- Receives up to `limit` messages now, through the handler. Returns how many; fewer when there
-- are no more, or the handler closed, paused, stopped or waited.
local function flush_receives(self, limit)
  local loop, handled = self.loop, 0
  local this, turn = loop._run, loop._turns
  while handled < limit do
    local msg, fn, loan = take(self, limit - handled)
    if not msg then break end
    handled = handled + 1
    self:_call_handler(fn, msg)
    if loan then loan:give_back() end
    local stopped = loop._running and loop._stop
    local waited = loop._run ~= this or loop._turns ~= turn
    if not self._id or not listens(self) or stopped or waited then
      return handled, true
    end
  end
  return handled
end

--- Handles what is pending now, in this call: receives through the handler, without which all
-- stays where it is, and sends what is queued, of which on_send hears at once. Replies made
-- meanwhile are sent too. Never waits. Ends early when the stream is closed or paused.
-- @param flag zmq.POLLIN, zmq.POLLOUT, or both (the default)
-- @param limit how many messages at most, both ways together; none unless given
-- @return how many messages were received and sent, those included that left with their send
-- since the turn began, or the last flush
---@return integer messages
return function(self, flag, limit)
  self:_check_open("flush")
  local is_count = type(limit) == "number" and limit >= 0 and
    (limit % 1 == 0 or limit == math.huge)
  if limit ~= nil and not is_count then
    errors.misuse("flush: expected a limit, a whole number of at least 0, got " .. tostring(limit))
  end
  if flag ~= nil and type(flag) ~= "number" then
    errors.misuse("flush: expected zmq.POLLIN, POLLOUT or both, got " .. tostring(flag))
  end
  flag, limit = flag or C.EDDY_READ + C.EDDY_WRITE, limit or math.huge
  directions.check_events(self.socket, flag, "flush", self.name)
  local receives, sends = band(flag, C.EDDY_READ) ~= 0, band(flag, C.EDDY_WRITE) ~= 0
  local handled = 0
  repeat
    local before, ends, listened = handled, false, listens(self)
    if receives and listened then
      local received
      received, ends = flush_receives(self, limit - handled)
      handled = handled + received
    end
    if sends and not ends and self._id and handled < limit then
      handled = handled + math.max(0, C.eddy_stream_push(self.loop._c, self._id, limit - handled))
      completions.now(self)
      local paused = listened and not listens(self) -- by on_send
      ends = not self._id or paused or (self.loop._running and self.loop._stop)
    end
  until ends or handled == before or handled >= limit
  return handled
end
