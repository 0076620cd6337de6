-- What can be put on a loop: the methods of its that make timers, handlers and tasks.
local errors = require "eddy.base.errors"
local dispatch = require "eddy.loop.dispatch"
local handler = require "eddy.loop.handler"
local Timer = require "eddy.loop.timer"
local futures = require "eddy.tasks.future"
local Task = require "eddy.tasks.task"

local check_function, check_ms = errors.check_function, errors.check_ms

local M = {}

--- Calls fn(...) once, `ms` from now. Returns the timer.
function M:call_later(ms, fn, ...)
  self:_core("call_later")
  check_ms(ms, "call_later")
  check_function(fn, "call_later")
  return Timer.new(self, ms, nil, 0, fn, ...)
end

--- Calls fn(...) once, when the loop's time is `time`. Returns the timer.
function M:call_at(time, fn, ...)
  self:_core("call_at")
  check_ms(time, "call_at")
  check_function(fn, "call_at")
  return Timer.new(self, time - self:time(), time, 0, fn, ...)
end

--- Calls fn(...) every `ms`, the first time `ms` from now. Calls stay on that grid; those
-- that a slow handler made impossible are left out. Returns the timer.
function M:call_every(ms, fn, ...)
  self:_core("call_every")
  check_ms(ms, "call_every")
  check_function(fn, "call_every")
  if ms <= 0 or ms == math.huge then
    errors.misuse("call_every: expected a period above 0 ms, got " .. ms)
  end
  return Timer.new(self, ms, nil, ms, fn, ...)
end

--- Calls fn(what, events) whenever a descriptor or socket is ready, as long as it is.
-- @param what a descriptor's number, a socket, or something with a fileno method
-- @param events loop.READ (the default), loop.WRITE, or their sum; errors are told always
function M:add_handler(what, fn, events)
  check_function(fn, "add_handler")
  handler.add(self, what, fn, events)
end

--- Changes what a handler waits for.
function M:update_handler(what, events) handler.update(self, what, events) end

--- Removes a handler, at once. Unknown ones are ignored.
function M:remove_handler(what) handler.remove(self, what) end

--- Calls fn(name, number) when a signal comes, which then does nothing else. nil gives the
-- signal back. Returns a handle with `cancel`.
-- @param name "SIGHUP", "HUP" or its number
function M:on_signal(name, fn)
  check_function(fn, "on_signal", true)
  return handler.on_signal(self, name, fn)
end

--- Calls fn(ms) when the loop lost time, before the timers that are late: more than 5 s in which
-- its process was stopped, a handler ran or nobody ran the loop, or more than 1 s for which the
-- machine was suspended. Keeps no loop alive. nil ends it.
function M:on_gap(fn)
  check_function(fn, "on_gap", true)
  handler.on_gap(self, fn)
end

--- Makes the end of a wire from other threads: fn(number) is called here for each
-- eddy_loop_wake(waker.loop_pointer, waker.id, number) there.
function M:add_waker(fn)
  check_function(fn, "add_waker")
  return handler.add_waker(self, fn)
end

--- Runs fn(...) in a coroutine, from the next turn on. Returns the task, which is a future.
function M:spawn(fn, ...)
  check_function(fn, "spawn")
  return Task.new(self, fn, ...)
end

-- What a function has returned; of a future alone, what that comes to.
local function settled(first, ...)
  if select("#", ...) == 0 and futures.is(first) then return first:await() end
  return first, ...
end

--- Runs the loop until fn, which runs in a coroutine on it, has ended, and the future, too,
-- if it returned one.
-- @param ms how long at most; for ever unless given
-- @return its results; or nil and an ETIMEDOUT error when the time is up: it is cancelled
-- then. Raises its error, or when the loop was stopped first.
function M:run_sync(fn, ms)
  check_function(fn, "run_sync")
  if ms ~= nil then check_ms(ms, "run_sync") end
  if dispatch.loop() then errors.misuse("run_sync: a loop is already running") end
  local task, late, runs = Task.new(self, function() return settled(fn()) end), false, true
  task._fn = fn
  task._heard = true
  task:add_done_callback(function()
    if runs then self:stop() end
  end)
  local timer = ms and self:call_later(ms, function() late = task:cancel() end)
  local ok, err = pcall(self.start, self)
  runs = false
  if timer then timer:cancel() end
  if not ok then error(err, 0) end
  if late then return nil, errors.new(errors.numbers.ETIMEDOUT, "run_sync") end
  if task:done() then return task:result() end
  task._heard = false
  errors.misuse("run_sync: the loop was stopped before the function ended")
end

return M
