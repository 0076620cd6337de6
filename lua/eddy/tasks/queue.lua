-- Queues between coroutines: values, in their order, to those who wait for them, in theirs.
local errors = require "eddy.base.errors"
local methods = require "eddy.base.methods"
local coroutines = require "eddy.tasks.coroutine"
local futures = require "eddy.tasks.future"
local waiters = require "eddy.tasks.waiters"

--- A queue. Fields: `limit`, and `name`, for messages to people, which may be set.
---@class eddy.Queue
---@field limit number
---@field name string for messages to people; may be set
local Queue = {}
Queue.__index = Queue

local M = {}

function Queue:__tostring()
  return errors.named("queue", self) .. " made at " .. self._place ..
    (self._closed and " (closed)" or "")
end

function Queue:_waited_for(waiter) return waiter.what .. " of " .. tostring(self) end

--- A queue.
---@param limit number
-- how many values may wait in it; math.huge for any number; 0: each is handed over
---@return eddy.Queue
function M.new(limit)
  if type(limit) ~= "number" or limit ~= limit or limit < 0 then
    errors.misuse("queue: expected a limit, a number from 0 on (math.huge for none), got " ..
      tostring(limit))
  end
  local self = setmetatable({ limit = limit, _place = errors.called_from(), _size = 0,
    _first = false, _last = false, _closed = false }, Queue)
  self._getters, self._putters = waiters.new(self), waiters.new(self)
  return self
end

local function append(self, value)
  local item = { value = value, after = false }
  local last = self._last
  self._last, self._size = item, self._size + 1
  if last then last.after = item else self._first = item end
end

-- Hands a value to who waits for one, or keeps it; false when there is no room.
local function give(self, value)
  local getter = waiters.next(self._getters)
  if getter then
    getter.future:_resolve(value)
  elseif self._size < self.limit then
    append(self, value)
  else
    return false
  end
  return true
end

-- The next value; nil when there is none.
local function take(self)
  local item, putter = self._first, waiters.next(self._putters)
  local value = item and item.value
  if item then
    self._first, self._size = item.after, self._size - 1
    if not self._first then self._last = false end
    if putter then append(self, putter.value) end
  elseif putter then
    value = putter.value
  else
    return nil
  end
  if putter then putter.future:_resolve(true) end
  return value
end

local function closed_error(self, what)
  return errors.new(errors.numbers.EPIPE, what .. ": " .. tostring(self))
end

local function check_value(value, what)
  if value == nil then errors.misuse(what .. ": nil cannot be in a queue") end
end

--- Puts a value in it, after all others.
-- @return a future of true, done already when there is room. Cancelled, it puts nothing. It fails
-- with EPIPE when the queue is closed.
---@return eddy.Future<true>
function Queue:put(value)
  errors.check_self(self, "put", "queue")
  check_value(value, "put")
  if self._closed then return waiters.failed("put", closed_error(self, "put")) end
  if give(self, value) then return futures.resolved(coroutines.current(), true) end
  return (waiters.wait(self._putters, "put", value))
end

--- Takes the next value out of it.
-- @return a future of it, done already when there is one. Cancelled, it takes none. Of nil and an
-- EPIPE error, when the queue is closed and empty.
---@return eddy.Future<any>
function Queue:get()
  errors.check_self(self, "get", "queue")
  local refused = waiters.refused("get")
  if refused then return refused end
  local value = take(self)
  if value ~= nil then return futures.resolved(coroutines.current(), value) end
  if self._closed then return waiters.done("get", nil, closed_error(self, "get")) end
  return (waiters.wait(self._getters, "get"))
end

--- Puts a value in it if there is room now. It never waits.
-- @return true; or nil and an EAGAIN error. Raises EPIPE when the queue is closed.
---@return true? ok
---@return eddy.Error err
function Queue:try_put(value)
  errors.check_self(self, "try_put", "queue")
  check_value(value, "try_put")
  if self._closed then error(closed_error(self, "try_put"), 0) end
  if give(self, value) then return true end
  return nil, errors.again
end

--- Takes the next value if there is one now. It never waits.
-- @return it; or nil and an error: EAGAIN, or EPIPE when the queue is closed
---@return any value
---@return eddy.Error err
function Queue:try_get()
  errors.check_self(self, "try_get", "queue")
  local value = take(self)
  if value ~= nil then return value end
  return nil, self._closed and closed_error(self, "try_get") or errors.again
end

local function next_value(self) return (self:get():_await_private()) end

--- For `for value in queue:each() do`: waits for each value, until the queue is closed and empty,
-- or the task is cancelled.
---@return fun(queue: eddy.Queue): any
---@return eddy.Queue
function Queue:each() return next_value, self end

--- Ends it: what is in it can still be taken; those who wait for a value get nil and an EPIPE
-- error, and what cannot be put any more fails with that.
function Queue:close()
  if self._closed then return end
  self._closed = true
  local putter = waiters.next(self._putters)
  while putter do
    putter.future:set_error(closed_error(self, "put"))
    putter = waiters.next(self._putters)
  end
  local getter = waiters.next(self._getters)
  while getter do
    getter.future:set_result(nil, closed_error(self, "get"))
    getter = waiters.next(self._getters)
  end
end

--- How many values are in it.
---@return integer
function Queue:size()
  errors.check_self(self, "size", "queue")
  return self._size
end

--- Whether a `put` would have to wait.
---@return boolean
function Queue:full()
  errors.check_self(self, "full", "queue")
  return self._size >= self.limit and not waiters.next(self._getters)
end

--- Whether it was closed.
---@return boolean
function Queue:closed() return self._closed end

methods(Queue, "queue", "put get try_put try_get size full")

return M
