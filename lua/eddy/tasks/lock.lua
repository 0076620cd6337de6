-- Locks: one coroutine has what others wait for.
local errors = require "eddy.base.errors"
local methods = require "eddy.base.methods"
local coroutines = require "eddy.tasks.coroutine"
local futures = require "eddy.tasks.future"
local ownership = require "eddy.tasks.ownership"
local waiters = require "eddy.tasks.waiters"

--- A lock. `lock.name`, for messages to people, may be set.
---@class eddy.Lock
---@field name string for messages to people; may be set
local Lock = {}
Lock.__index = Lock

local M = {}

function Lock:__tostring() return errors.named("lock", self) .. " made at " .. self._place end

function Lock:_waited_for()
  local holder = self._owner and ownership.holder(self)
  return tostring(self) .. (holder and ", held by " .. coroutines.describe(holder) or "")
end

--- A lock that nobody holds.
---@return eddy.Lock
function M.new()
  local self = setmetatable({ _place = errors.called_from(), _owner = false }, Lock)
  self._line = waiters.new(self)
  return self
end

-- The next one holds it: whoever goes on with what it waited for.
local function pass_on(self)
  self._owner = false
  local waiter = waiters.next(self._line)
  while waiter do
    local owner = ownership.heir(waiter.future) or waiter.value
    if not ownership.is_dead(owner) then
      ownership.give(self, owner)
      return waiter.future:_resolve(true)
    end
    waiter.future:_cancel()
    waiter = waiters.next(self._line)
  end
end

-- Who holds it has ended.
function Lock:_give_up(loop, owner)
  if loop and not coroutines.is_cancelled(owner) then
    loop:_log(("%s: %s ended without releasing it"):format(tostring(self),
      coroutines.describe(owner)))
  end
  pass_on(self)
end

function Lock:_moved() return self end

-- Whether it is held, by one who can release it.
local function is_held(self)
  if self._owner and ownership.is_dead(self._owner) then -- a coroutine that is no task
    ownership.take(self)
    self:_give_up(coroutines.current(), self._owner)
  end
  return self._owner ~= false
end

--- Waits until nobody holds it, and holds it: the running task or handler does.
-- @return a future of true, done already when nobody holds it. Cancelled, it acquires nothing.
---@return eddy.Future<true>
function Lock:acquire()
  errors.check_self(self, "acquire", "lock")
  local refused = waiters.refused("acquire")
  if refused then return refused end
  local owner = ownership.current()
  if not is_held(self) then
    ownership.give(self, owner, true)
    return futures.resolved(coroutines.current(), true)
  end
  if ownership.has(self, owner) then
    errors.misuse(("acquire: %s: %s would wait for itself"):format(tostring(self),
      coroutines.describe(ownership.holder(self))))
  end
  return (waiters.wait(self._line, "acquire", owner))
end

--- Lets the next one hold it. Raises unless the running code holds it, or works for who does: a
-- task for the one that awaits it.
function Lock:release()
  errors.check_self(self, "release", "lock")
  if not is_held(self) then errors.misuse("release: nobody holds the " .. tostring(self)) end
  local owner = self._owner
  if not ownership.acts_for(ownership.current(), owner) then
    errors.misuse(("release: %s is held by %s"):format(tostring(self),
      coroutines.describe(ownership.holder(self))))
  end
  ownership.take(self)
  pass_on(self)
end

--- Calls fn(...) while it holds the lock, and releases it, also when fn raises. It waits.
-- @return what fn returns; nil and an error when the task was cancelled before it had the lock
---@param fn function
---@return any ...
function Lock:with(fn, ...)
  errors.check_function(fn, "with")
  return waiters.with(self, fn, ...)
end

--- Whether somebody holds it.
---@return boolean
function Lock:locked() return is_held(self) end

methods(Lock, "lock", "acquire release")

return M
