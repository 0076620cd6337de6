-- Events: something that has happened, or not yet, and those who wait for it.
local errors = require "eddy.base.errors"
local coroutines = require "eddy.tasks.coroutine"
local futures = require "eddy.tasks.future"
local waiters = require "eddy.tasks.waiters"

--- An event. `event.name`, for messages to people, may be set.
---@class eddy.Event
---@field name string for messages to people; may be set
local Event = {}
Event.__index = Event

local M = {}

function Event:__tostring() return errors.named("event", self) .. " made at " .. self._place end

function Event:_waited_for() return tostring(self) end

--- An event that is not set.
---@return eddy.Event
function M.new()
  local self = setmetatable({ _place = errors.called_from(), _set = false }, Event)
  self._line = waiters.new(self)
  return self
end

--- Sets it: all who wait go on.
function Event:set()
  errors.check_self(self, "set", "event")
  self._set = true
  local line = self._line
  self._line = waiters.new(self) -- for those who come after a `clear`
  local waiter = waiters.next(line)
  while waiter do
    waiter.future:_resolve(true)
    waiter = waiters.next(line)
  end
end

--- Takes `set` back.
function Event:clear()
  errors.check_self(self, "clear", "event")
  self._set = false
end

--- Whether it is set.
---@return boolean
function Event:is_set()
  errors.check_self(self, "is_set", "event")
  return self._set
end

--- A future of true: done already when it is set, else when it will be.
---@return eddy.Future<true>
function Event:wait()
  errors.check_self(self, "wait", "event")
  if self._set then return futures.resolved(coroutines.current(), true) end
  return (waiters.wait(self._line, "wait"))
end

return M
