-- Functions that run in coroutines on a loop: methods of a loop's.
local errors = require "eddy.base.errors"
local dispatch = require "eddy.loop.dispatch"
local coroutines = require "eddy.tasks.coroutine"
local futures = require "eddy.tasks.future"
local Task = require "eddy.tasks.task"

local check_function = errors.check_function

---@class eddy.Loop
local Loop = {}

--- Runs fn(...) in a coroutine, from the next turn on. Returns the task, which is a future.
---@param fn fun(...): ...
---@return eddy.Task<any>
function Loop:spawn(fn, ...)
  errors.check_self(self, "spawn", "loop")
  check_function(fn, "spawn")
  self:_core("spawn")
  return Task.new(self, fn, ...)
end

-- What a function has returned; of a future alone, what that comes to.
local function settled(first, ...)
  if select("#", ...) == 0 and futures.is(first) then return first:await() end
  return first, ...
end

--- Runs the loop until fn, which runs in a coroutine on it, has ended, and the future, too,
-- if it returned one.
---@param ms? number how long at most; nil, negative or infinite: for ever
-- @return its results; or nil and an ETIMEDOUT error when the time is up: it is cancelled
-- then, unless a result is on its way: that still comes, as it does with `with_timeout`. Raises
-- its error, or EINTR when the loop was stopped first.
---@param fn function
---@return any ...
function Loop:run_sync(fn, ms)
  errors.check_self(self, "run_sync", "loop")
  check_function(fn, "run_sync")
  ms = errors.limit_of(ms, "run_sync")
  if dispatch.loop() then errors.misuse("run_sync: a loop is already running") end
  local task, late, runs = Task.new(self, function() return settled(fn()) end), false, true
  task._fn = fn
  task._heard = true
  task:add_done_callback(function()
    if runs then self:stop() end
  end)
  local timer = ms and self:call_later(ms, function()
    late = not task:done()
    task:cancel()
  end)
  local ok, signal = pcall(self.start, self)
  runs = false
  if timer then timer:cancel() end
  if not ok then error(signal, 0) end
  if late and task:cancelled() then
    return nil, errors.new(errors.numbers.ETIMEDOUT, "run_sync" .. self:_elsewhere())
  end
  if task:done() then return task:result() end
  task._heard = false
  if signal then error(coroutines.stopped, 0) end -- the host ends in order with it
  error(errors.new(errors.numbers.EINTR,
    "run_sync: the loop was stopped before the function ended"), 0)
end

return { methods = Loop }
