-- Tasks: functions that run in a coroutine on a loop. They are given the loop.
local errors = require "eddy.errors"

--- A task: made by `loop:spawn(fn, ...)`.
local Task = {}
Task.__index = Task

local function finish(task, ok, ...)
  task._state = ok and "done" or "failed"
  if ok then
    task._count, task._results = select("#", ...), { ... }
  else
    task._failure = ...
    if not task._awaited then task._loop:_failed(task._failure, task) end
  end
  for _, fn in ipairs(task._callbacks) do task._loop:add_callback(fn, task) end
  task._callbacks = {}
end

-- Resumes the coroutine. An error cannot come out of it: its function is protected inside.
local function resume(task, ...) assert(coroutine.resume(task._coroutine, ...)) end

--- Starts fn(...) in a coroutine, in the loop's next turn.
-- @param awaited whether somebody asks for the error; otherwise it is logged
function Task.new(loop, awaited, fn, ...)
  local task = setmetatable({
    _loop = loop, _fn = fn, _state = "pending", _awaited = awaited, _callbacks = {},
  }, Task)
  task._coroutine = coroutine.create(function(...)
    finish(task, xpcall(fn, loop._trace, ...))
  end)
  loop:add_callback(resume, task, ...)
  return task
end

--- Whether it has ended, with results or with an error.
function Task:done() return self._state ~= "pending" end

--- Its results; raises its error, and while it is not done.
function Task:result()
  if self._state == "done" then return unpack(self._results, 1, self._count) end
  if self._state == "failed" then error(self._failure.value, 0) end
  errors.misuse("result: the task is not done")
end

--- Its error, or nil.
function Task:error() return self._failure and self._failure.value end

--- Calls fn(task) in the turn after it ended.
function Task:add_done_callback(fn)
  errors.check_function(fn, "add_done_callback")
  if self:done() then
    self._loop:add_callback(fn, self)
  else
    self._callbacks[#self._callbacks + 1] = fn
  end
end

function Task:_describe() return "task (" .. errors.where(self._fn) .. ")" end

return Task
