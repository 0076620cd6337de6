-- How coroutines wait on a loop: they are suspended, and the loop resumes them.
local errors = require "eddy.errors"

local M = {}

--- What a task's coroutine belongs to.
M.tasks = setmetatable({}, { __mode = "k" })

--- Raised in the main program when the loop that it ran, to wait, was stopped: by a signal,
-- or by a script. The host ends quietly with it.
M.stopped = errors.new(errors.numbers.EINTR, "the loop was stopped")

local MAIN = "the main program"

local function main_program(loop, what)
  local function limit() return what:done() and 0 or math.huge end
  loop._waiting[MAIN], loop._waiters = what, loop._waiters + 1
  local ok, err = pcall(loop._run_within, loop, limit)
  loop._waiting[MAIN], loop._waiters = nil, loop._waiters - 1
  if not ok then error(err, 0) end
  if not what:done() then error(M.stopped, 0) end
end

--- Suspends the running coroutine until `wake`, or, in the main program, runs the loop until
-- `what` is done.
-- @param what the future that is waited for
-- @return nil, or the error with which the wait was ended
function M.suspend(loop, what)
  local thread = coroutine.running()
  if not thread then return main_program(loop, what) end
  local task = M.tasks[thread]
  if task and task:_interrupted() then return errors.cancelled end
  loop._waiting[thread], loop._waiters = what, loop._waiters + 1
  what:_listen(thread)
  local reason
  -- Somebody else may resume it, too.
  repeat reason = coroutine.yield() until loop._waiting[thread] ~= what
  if reason and task then task._told = true end
  return reason
end

-- What names a coroutine in messages to people.
local function describe(thread)
  if thread == MAIN then return MAIN end
  local task = M.tasks[thread]
  return task and task:_describe() or "coroutine"
end

-- Tells of an error that ended a coroutine.
local function tell(loop, thread, err)
  loop:_failed(loop._trace(err, thread), { _describe = function() return describe(thread) end })
end

--- Resumes a coroutine, unless it does not wait for `what` any more.
-- @param reason the error with which its wait ends, if any
function M.wake(loop, thread, what, reason)
  if loop._waiting[thread] ~= what then return end
  loop._waiting[thread], loop._waiters = nil, loop._waiters - 1
  local ok, err = coroutine.resume(thread, reason)
  if not ok then tell(loop, thread, err) end
end

--- Who waits on a loop, and where: a text.
function M.report(loop)
  local lines = {}
  for thread, what in pairs(loop._waiting) do
    local where = thread ~= MAIN and debug.traceback(thread, "") or ""
    lines[#lines + 1] = ("%s waits for %s%s"):format(describe(thread), what:_describe(), where)
  end
  table.sort(lines)
  return table.concat(lines, "\n")
end

return M
