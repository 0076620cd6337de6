-- Messages that wait for a handler: some are handled in each turn of the loop, as many at a time as
-- may be in hand. Owners are streams and subscriptions, with `_waiting` from `_first` to `_last`,
-- `_on_recv`, `_inside` (so many handlers wait) and `_concurrency`.
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"

local C = c.C

local BUDGET = 64 -- messages that are handled in a turn

---@class eddy.jetstream.Stream
local M = { methods = {} }

local deliver

--- Has what waits handled in the next turn.
local function schedule(self)
  if self._queued or self._first > self._last or not self._on_recv then return end
  self._queued = true
  self.loop:add_callback(deliver, self)
end

M.schedule = schedule

-- owner:_hand_over(fn, message, began) calls the function, and returns when that had ended, in ms;
-- owner:_handed_over() is called after the turn's last one.
function deliver(self)
  self._queued = false
  local loop = self.loop
  local this, now = loop._run, C.eddy_time()
  for _ = 1, BUDGET do
    local fn, first = self._on_recv, self._first
    if not fn or first > self._last or loop._stop then break end
    if self._inside >= self._concurrency then break end
    local message = self._waiting[first]
    self._waiting[first], self._first = nil, first + 1
    loop._current = self
    now = self:_hand_over(fn, message, now)
    if loop._run ~= this then return end -- it waited, and others took over
    loop._current = false
  end
  if self._inside < self._concurrency then schedule(self) end
  self:_handed_over()
end

--- Adds a message.
function M.add(self, message)
  self._last = self._last + 1
  self._waiting[self._last] = message
  schedule(self)
end

--- Says how many messages may be in the hands of a handler that waits: 1 unless set.
---@param count number
function M.methods:set_concurrency(count)
  if type(count) ~= "number" or count ~= count or count < 1 then
    errors.misuse("set_concurrency: expected a number of at least 1, got " .. errors.typed(count))
  end
  self:_check_open "set_concurrency"
  self._concurrency = count
  schedule(self)
end

return M
