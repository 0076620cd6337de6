-- Semaphores: so many at a time, and others wait.
local errors = require "eddy.base.errors"
local methods = require "eddy.base.methods"
local coroutines = require "eddy.tasks.coroutine"
local futures = require "eddy.tasks.future"
local waiters = require "eddy.tasks.waiters"

--- A semaphore. `semaphore.name`, for messages to people, may be set.
---@class eddy.Semaphore
---@field limit integer
---@field name string for messages to people; may be set
local Semaphore = {}
Semaphore.__index = Semaphore

local M = {}

function Semaphore:__tostring()
  return errors.named("semaphore", self) .. " made at " .. self._place
end

function Semaphore:_waited_for() return tostring(self) end

--- A semaphore.
---@param limit integer how many may have acquired it at a time, from 1 on
---@return eddy.Semaphore
function M.new(limit)
  if type(limit) ~= "number" or limit < 1 or limit % 1 ~= 0 then
    errors.misuse("semaphore: expected a whole number from 1 on, got " .. tostring(limit))
  end
  local self = setmetatable({ limit = limit, _place = errors.called_from(), _left = limit },
    Semaphore)
  self._line = waiters.new(self)
  return self
end

--- Waits until there is one left, and takes it.
-- @return a future of true, done already when there is one. Cancelled, it takes none.
---@return eddy.Future<true>
function Semaphore:acquire()
  errors.check_self(self, "acquire", "semaphore")
  local refused = waiters.refused("acquire")
  if refused then return refused end
  if self._left > 0 then
    self._left = self._left - 1
    return futures.resolved(coroutines.current(), true)
  end
  return (waiters.wait(self._line, "acquire"))
end

--- Takes one if there is one now. It never waits.
-- @return true; or nil and an EAGAIN error
---@return true? ok
---@return eddy.Error err
function Semaphore:try_acquire()
  errors.check_self(self, "try_acquire", "semaphore")
  if self._left == 0 then return nil, errors.again end
  self._left = self._left - 1
  return true
end

--- Gives one back; anybody may. The next one who waits has it. Raises when all are there.
function Semaphore:release()
  errors.check_self(self, "release", "semaphore")
  local waiter = waiters.next(self._line)
  if waiter then return waiter.future:_resolve(true) end
  if self._left >= self.limit then
    errors.misuse("release: all of the " .. tostring(self) .. " are there")
  end
  self._left = self._left + 1
end

--- Acquires it, calls fn(...), and releases it, also when fn raises. It waits.
-- @return what fn returns; nil and an error when the task was cancelled before it had one
---@param fn function
---@return any ...
function Semaphore:with(fn, ...)
  errors.check_function(fn, "with")
  return waiters.with(self, fn, ...)
end

--- How many are left.
---@return integer
function Semaphore:left() return self._left end

methods(Semaphore, "semaphore", "acquire try_acquire release")

return M
