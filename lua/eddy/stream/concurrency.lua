-- How many messages a stream takes at a time: in a turn, and while handlers wait, as coroutines
-- do. Methods of a stream's.
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"
local views = require "eddy.zmq.view"

local C = c.C
local ENOTSUP = errors.numbers.ENOTSUP

local M = { methods = {} }
---@class eddy.Stream
local Stream = M.methods

local function refuse(self, what, reason)
  error(errors.new(ENOTSUP, ("%s: %s %s"):format(what, self.name, reason)), 0)
end

--- Limits how many messages the stream receives in a turn; 64 unless set. With `xpub_manual` or
-- `conflate` it receives one, whatever was set before, and more is refused: a later message would
-- change what the handler of the one before is about.
---@param messages integer
function Stream:set_budget(messages)
  if type(messages) ~= "number" or messages < 1 or messages % 1 ~= 0 then
    errors.misuse("set_budget: expected a whole number of at least 1, got " .. tostring(messages))
  end
  self:_check_open("set_budget")
  local result = C.eddy_stream_budget(self.loop._c, self._id, messages)
  if result == -ENOTSUP then
    refuse(self, "set_budget", "receives one message a turn, by xpub_manual or conflate")
  end
  errors.check(result, "set_budget:", self.name)
  self._budget = messages
end

local MOST_PRIORITY = 2 ^ 31

--- Serves the stream before others: of what is ready in a turn, streams with a higher priority come
-- first, and those with a lower one wait as long as a higher one has more messages than its
-- budget.
---@param priority integer a whole number, also a negative one; 0 unless set
function Stream:set_priority(priority)
  if type(priority) ~= "number" or priority % 1 ~= 0 or math.abs(priority) >= MOST_PRIORITY then
    errors.misuse("set_priority: expected a whole number, got " .. errors.typed(priority))
  end
  self:_check_open("set_priority")
  errors.check(C.eddy_stream_priority(self.loop._c, self._id, priority), "set_priority:", self.name)
  self._priority = priority
end

-- With XPUB_MANUAL libzmq acts on the peer received from last.
local function may_overlap(self)
  local socket = self.socket
  return socket._type ~= "XPUB" or C.eddy_socket_is_single(socket._c, socket._id) ~= 1
end

--- Says how many messages may be in the hands of a handler that waits, as coroutines do: 1
-- unless set, so that the next message waits for it; with more, handlers overlap. It is always 1
-- with `xpub_manual`.
---@param count number at least 1; math.huge for any number
function Stream:set_concurrency(count)
  if type(count) ~= "number" or count ~= count or count < 1 then
    errors.misuse("set_concurrency: expected a number of at least 1, got " .. tostring(count))
  end
  self:_check_open("set_concurrency")
  if count > 1 and not may_overlap(self) then
    refuse(self, "set_concurrency", "handles one message at a time, by xpub_manual")
  end
  self._concurrency = count
end

-- The handler waits, in its coroutine.
function Stream:_waits()
  self._inside = self._inside + 1
  local run = self.loop._run
  if run.loan then run.guard = views.guard(run.loan) end -- it may never go on
  if self._inside < self._concurrency and (not self._id or may_overlap(self)) then return end
  self._waiting = true
  if self._id then C.eddy_stream_receive(self.loop._c, self._id, 0) end
end

-- A handler went on and has ended.
function Stream:_went_on()
  self._inside = self._inside - 1
  if not self._waiting or self._inside >= self._concurrency then return end
  self._waiting = false
  if not self._id or not self._on_recv then return end
  C.eddy_stream_receive(self.loop._c, self._id, self._receive)
end

-- It receives nothing, whatever the script does, and keeps the loop alive; or as before.
function Stream:_pause(on)
  self._is_paused, self._receive = on or nil, on and 0 or nil
  self.loop._expected = self.loop._expected + (on and -1 or 1)
  if not self._on_recv or self._waiting then return end
  C.eddy_stream_receive(self.loop._c, self._id, self._receive)
end

return M
