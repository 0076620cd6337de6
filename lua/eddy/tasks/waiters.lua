-- Those who wait for a queue, an event, a lock or a semaphore, in their order. However many there
-- are, and wherever in the line they leave it, each takes the same work.
local coroutines = require "eddy.tasks.coroutine"
local futures = require "eddy.tasks.future"
local origin = require "eddy.tasks.origin"

local M = {}

-- One that waits: what its future stands for.
local Waiter = {}
Waiter.__index = Waiter

function Waiter:_describe() return self.line.of:_waited_for(self) end

--- Whether it has nothing in hand when a loop ends: one that waits for a value, or an event.
function Waiter:_is_input() return self.what == "get" or self.what == "wait" end

function Waiter._lines() return {} end

-- The future is done: it is in the line no more.
function Waiter:_release()
  local line, before, after = self.line, self.before, self.after
  if before then before.after = after else line.first = after end
  if after then after.before = before else line.last = before end
end

--- A line of those who wait for a thing.
-- @param of the thing: its _waited_for(waiter) is a text for people
function M.new(of) return { of = of, first = false, last = false } end

local function loop_of(what)
  local loop = coroutines.current()
  loop:_core(what)
  return loop
end

--- A future that has its results already.
-- @param what the name of the call
function M.done(what, ...)
  local future = futures.new(loop_of(what))
  future:set_result(...)
  return future
end

--- A future that has failed.
function M.failed(what, err)
  local future = futures.new(loop_of(what))
  future:set_error(err)
  return future
end

--- In a task that was cancelled, a failed future in place of what it would take; else nil.
function M.refused(what)
  if coroutines.cancelled.count == 0 then return nil end
  local _, err = pcall(coroutines.refusal)
  return err and M.failed(what, err)
end

--- Puts one after all others.
-- @param what the name of the call
-- @param value what it waits with, if anything
-- @return its future, and the waiter
function M.wait(line, what, value)
  local loop = loop_of(what)
  local waiter = setmetatable({ line = line, what = what, value = value, before = false,
    after = false, future = false }, Waiter)
  local future = futures.new(loop, waiter)
  local last = line.last
  waiter.future, waiter.before, line.last = future, last, waiter
  if last then last.after = waiter else line.first = waiter end
  return future, waiter
end

--- The first one that can go on, or nil: on a loop that was closed nobody does.
function M.next(line)
  local waiter = line.first
  while waiter and waiter.future._loop._closed do
    waiter.future:_cancel()
    waiter = line.first
  end
  return waiter or nil
end

local function leave(thing, loop, ok, ...)
  thing:release()
  if not ok then origin.raise(loop._failure(nil, (...))) end
  return ...
end

--- Acquires a thing, calls fn(...), and releases it, also when fn raises.
-- @return what fn returns; nil and an error when it was cancelled before
function M.with(thing, fn, ...)
  local got, err = thing:acquire():_await_private()
  if not got then return nil, err end
  local loop = coroutines.current()
  return leave(thing, loop, xpcall(fn, loop._trace, ...))
end

return M
