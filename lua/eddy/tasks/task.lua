-- Tasks: functions that run in a coroutine on a loop, and the futures of what they return.
local errors = require "eddy.base.errors"
local coroutines = require "eddy.tasks.coroutine"
local futures = require "eddy.tasks.future"
local ownership = require "eddy.tasks.ownership"

--- A task: made by `eddy.spawn` and `loop:spawn`. It is a future, too. `task.name` may be set,
-- for messages to people.
---@class eddy.Task<T>: eddy.Future<T>
local Task = {}
for name, method in pairs(futures.class) do Task[name] = method end
Task.__index = Task
Task._interruption = false -- the text of the error that it is to raise

local function finish(task, ok, ...)
  ownership.ended(task._coroutine, task._loop, task._state ~= "cancelled" and ok and task)
  if task._state ~= "cancelled" then
    if ok then return task:set_result(...) end
    return task:_fail(task._loop:_failure(...))
  end
  if task._end then
    coroutines.cancelled.count = coroutines.cancelled.count - 1
    task._end:set_result()
  end
  local failure = not ok and task._loop:_failure(...)
  -- Nobody awaits what it comes to, after it was cancelled.
  if failure and failure.value ~= errors.cancelled then task._loop:_failed(failure, task) end
end

-- What its coroutine runs: the same for all, so that none needs a closure.
local function body(task, fn, ...)
  finish(task, xpcall(fn, task._loop._trace, ...))
end

-- A hook that raises in a task's coroutine, at its next line.
local function raise_in(task, text)
  local thread = task._coroutine
  local hook, mask, count = debug.gethook()
  debug.sethook(function()
    if coroutine.running() ~= thread and not task:done() then return end
    local info = debug.getinfo(2, "S")
    if not task:done() and info and errors.is_ours(info.source) then return end
    debug.sethook(hook, mask, count)
    if not task:done() then error(text, 2) end
  end, "l")
end

--- Raises an error in the task: where it waits, what it waits for is given up as by `cancel`; in
-- the one that calls, here; in one that runs and has resumed the coroutine that calls, at its next
-- line. One that was not begun fails with it. The task may catch it, and go on.
---@param text? string of the error; "interrupted" unless given
-- @return true; false when it was done already
---@return boolean
function Task:interrupt(text)
  errors.check_self(self, "interrupt", "task")
  if text ~= nil and type(text) ~= "string" then
    errors.misuse("interrupt: expected a text, got " .. type(text))
  end
  if self:done() then return false end
  text = text or "interrupted"
  local thread = self._coroutine
  if coroutine.running() == thread then errors.misuse(text) end
  if coroutine.status(thread) == "normal" then
    raise_in(self, text)
  elseif debug.getinfo(thread, 0, "l") then -- it has begun
    coroutines.interrupt(self, text)
  else
    self:set_error(text)
  end
  return true
end

-- Begins it; an error cannot come out: its function is protected inside.
local function begin(task, fn, ...)
  if task._state ~= "pending" then return end
  coroutines.active = task
  assert(coroutine.resume(task._coroutine, task, fn, ...))
  coroutines.active = false
end

--- Starts fn(...) in a coroutine, in the loop's next turn.
function Task.new(loop, fn, ...)
  local task = setmetatable({ _loop = loop, _fn = fn, _told = false, _end = false }, Task)
  task._coroutine = coroutine.create(body)
  coroutines.tasks[task._coroutine] = task
  if coroutines.born then coroutines.born(task._coroutine) end
  loop:add_callback(begin, task, fn, ...)
  return task
end

--- Cancels the task, and what it waits for, unless others wait for that, too. Its wait returns
-- nil and an ECANCELED error; the next wait that it tries raises that error. A task that was
-- not begun yet never is. One that runs, or whose wait is over, goes on; the next wait that it
-- tries is cancelled, and when it ends before, it has its result.
-- @return true; false when it was done already, or goes on
Task.cancel = futures.class.cancel

-- It is told first, then those that wait for it, then what it waits for.
function Task:_cancel()
  local thread = self._coroutine
  local what = coroutines.awaited(thread)
  if what and coroutines.wake(thread, what, errors.cancelled) or self:_runs() then
    self._end = futures.new(self._loop)
    self._end._name = "the end of " .. self:_describe()
    coroutines.cancelled.count = coroutines.cancelled.count + 1
  end
  self._ending = true
  futures.class._cancel(self)
  if what then what:_unlisten(thread) end
end

Task._unref = false     -- it keeps nothing alive
Task._root = false      -- see eddy.tasks.coroutine
Task._is_resting = false -- it has nothing in hand, whatever it waits for
Task._is_wanted = false  -- whoever ends the loop waits for it, whatever it waits for

-- The timers of what a task waits for count as alive, or not.
local function count_timers(task)
  local open = { coroutines.awaited(task._coroutine) }
  while #open > 0 do
    local each = table.remove(open)
    local timer = each._source and each._source.timer
    if timer then timer:_count_alive(not task._unref) end
    local number = 1
    local part = each:_part(1)
    while part and not coroutines.tasks[part._coroutine] do
      open[#open + 1], number = part, number + 1
      part = each:_part(number)
    end
  end
end

--- Has the task keep nothing alive: the program ends though it waits, and an end in order does not
-- wait for it. For what goes on in the background: a heart beat, a server beside the work.
-- @return the task
---@return eddy.Task<T>
function Task:unref()
  errors.check_self(self, "unref", "task")
  self._unref, coroutines.unrefs = true, coroutines.unrefs + 1
  count_timers(self)
  return self
end

--- Takes `unref` back. Returns the task.
---@return eddy.Task<T>
function Task:ref()
  errors.check_self(self, "ref", "task")
  self._unref = false
  count_timers(self)
  return self
end

function Task:_part(number)
  return number == 1 and coroutines.awaited(self._coroutine) or nil
end

function Task:_runs() return coroutine.status(self._coroutine) ~= "suspended" end

--- As a future's; one that was cancelled has come to its end, too, when it returns.
---@return T first
---@return any ...
function Task:await()
  errors.check_self(self, "await", "task")
  local own = self._end
  if own and not own:done() and not self._loop._closed then own:await() end
  return futures.class.await(self)
end

function Task:_describe()
  return errors.named("task", self) .. " (" .. errors.where(self._fn) .. ")"
end

coroutines.names[begin] = Task._describe

return Task
