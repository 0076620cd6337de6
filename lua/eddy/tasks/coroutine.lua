-- How coroutines wait on a loop: they are suspended, and the loop resumes them. Of the loop
-- that it is given, the folder of tasks uses `add_callback`, `_run_within`, `_trace`,
-- `_failure`, `_failed`, `_closed`, `_waiting`, `_waiters` and `_unheard`.
local errors = require "eddy.base.errors"
local traceback = require "eddy.base.traceback"
local foreign = require "eddy.tasks.foreign"
local ownership = require "eddy.tasks.ownership"

local M = {}

local MOST_REPORTED = 20 -- places where coroutines wait, in the report of a deadlock

--- The task that a coroutine belongs to.
M.tasks = ownership.tasks

--- The loop that is running, or nil; eddy.loop.dispatch sets it.
M.running = function() end

--- The loop that is running, else the one that is to be used; eddy.loop sets it.
M.current = function() end

-- The main program, among those that wait. The loop runs until what it waits for is done, so
-- that nobody has to tell it.
local MAIN = ownership.MAIN

--- Who receives: the task that runs, or false in a callback; the main program, when no loop runs.
-- `_root` of each is the line of the socket from which it had its first message. What else it
-- waits for while that line is open, it needs for a message that it has in hand.
M.main = { _root = false }
M.active = M.main

--- The main program has a message in hand: eddy.loop has signals wait for its end from now on.
function M.main_begins() end

--- Somebody has received a message.
-- @param who a task, or M.active
-- @param line where; what a REQ receives are answers
function M.note_root(who, line)
  if not who or who._root or line._what._type == "REQ" then return end
  who._root = line
  if who == M.main then M.main_begins() end
end

--- The same for whoever waited: a coroutine, or the main program.
function M.note_root_of(owner, line)
  M.note_root(owner == MAIN and M.main or M.tasks[owner], line)
end

--- How often a task was told to keep nothing alive.
M.unrefs = 0

--- Whether a coroutine is that of a task which keeps nothing alive.
function M.is_unref(thread)
  local task = M.unrefs > 0 and M.tasks[thread]
  return task and task._unref or false
end

--- A timer of a wait that the running code begins keeps alive what that does.
function M.own_timer(timer)
  if M.unrefs > 0 and M.is_unref(coroutine.running()) then timer:unref() end
  return timer
end

-- The loop that each coroutine waits on.
local homes = setmetatable({}, { __mode = "k" })

--- For reloads: fn(thread), told of the coroutine of each new task; false: nobody is.
M.born = false

--- Coroutines that may wait no more: each wait that they try ends with an ECANCELED error, which is
-- raised.
M.ended = setmetatable({}, { __mode = "k" })

--- Raised in the main program when the loop that it ran, to wait, was stopped: by a signal,
-- or by a script. The host ends quietly with it.
M.stopped = errors.new(errors.numbers.EINTR, "the loop was stopped")

-- What to do where a function of Lua's own, in C, runs a file.
local remedies = {
  [require] = "while `require` loads %s: wait in a function of the module, or run the program " ..
    "with eddy, whose `require` may wait",
  [dofile] = "while `dofile` runs %s: use `assert(loadfile(FILE))()` in its place",
}

local function remedy()
  local file
  for level = 3, math.huge do
    local info = debug.getinfo(level, "Sf")
    if not info then break end
    if info.what == "main" then file = info.short_src end
    if info.what == "C" and remedies[info.func] then return remedies[info.func]:format(file) end
  end
  return "inside a C function that calls back, such as string.gsub, nor in a callback of luv's: " ..
    "spawn a task there"
end

-- Lua cannot suspend what a C function calls back.
local function refuse_inside_c(what)
  if what._private then what:cancel() end
  errors.misuse(("a coroutine cannot wait for %s %s"):format(what:_describe(), remedy()))
end

local function main_program(loop, what)
  if M.running() then refuse_inside_c(what) end -- it runs the loop, in which something calls back
  local function limit() return what:done() and 0 or math.huge end
  loop._waiting[MAIN], loop._waiters = what, loop._waiters + 1
  what:_listen(MAIN)
  ownership.suspended()
  local ok, err = pcall(loop._run_within, loop, limit)
  ownership.resumed()
  loop._waiting[MAIN], loop._waiters = nil, loop._waiters - 1
  if what:done() and ok then return end
  if what._private then what:_unlisten(MAIN) else what:_forget(MAIN) end
  error(ok and M.stopped or err, 0)
end

--- Tasks that were cancelled and have not come to their end: how many.
M.cancelled = { count = 0 }

-- A task that was cancelled is told once; after that it is an error.
local function tell_cancelled(task)
  if task._told then error(errors.cancelled, 0) end
  task._told = true
  return errors.cancelled
end

--- What a receive that may wait is told in a task that was cancelled, also when it would not have
-- to wait: nobody would have the message. For when there are such tasks; nil in any other.
function M.refusal()
  local task = M.tasks[coroutine.running()]
  return task and task:cancelled() and tell_cancelled(task) or nil
end

--- With which a wait ends of a task that is interrupted.
local INTERRUPTION = {}

-- Raises what a task is interrupted with, at the line that waits.
local function interrupt(task)
  local text = task._interruption
  task._interruption = false
  errors.misuse(text)
end

--- Has a task that is not done raise an error where it waits; in the next wait that it tries, where
-- it has what it waited for, or runs.
function M.interrupt(task, text)
  local thread = task._coroutine
  local what = M.awaited(thread)
  task._interruption = text
  if what and not what:done() and M.wake(thread, what, INTERRUPTION) then what:_unlisten(thread) end
end

-- A task that was cancelled, or is to be, does not wait.
local function refuse(task, thread, what)
  what:_unlisten(thread)
  if not task:done() then task:_cancel() end
  return tell_cancelled(task)
end


--- Suspends the running coroutine until `wake`, or, in the main program, runs the loop until
-- `what` is done.
-- @param loop the future's; a coroutine goes on on the loop that it was suspended on
-- @param what the future that is waited for
-- @return nil, or the error with which the wait was ended
function M.suspend(loop, what)
  local thread = coroutine.running()
  if not thread then return main_program(loop, what) end
  local task = M.tasks[thread]
  if task and task._ending then return refuse(task, thread, what) end
  if M.ended[thread] then
    what:_unlisten(thread)
    error(errors.cancelled, 0)
  end
  if task and task._interruption then
    what:_unlisten(thread)
    interrupt(task)
  end
  if not coroutine.isyieldable() then refuse_inside_c(what) end
  local queue = foreign.controller()
  if queue then return foreign.wait(loop, what, queue) end
  loop = M.running() or loop
  homes[thread] = loop
  loop._waiting[thread], loop._waiters = what, loop._waiters + 1
  what:_listen(thread)
  ownership.waits(thread)
  local reason
  -- Somebody else may resume it, too.
  repeat reason = coroutine.yield() until loop._waiting[thread] ~= what
  if reason == INTERRUPTION then interrupt(task) end
  if reason and task then task._told = true end
  return reason
end

--- What names a coroutine, or another owner of things, in messages to people.
function M.describe(thread)
  if type(thread) == "table" then return thread.name end
  local task = M.tasks[thread]
  return task and task:_describe() or "coroutine"
end

local describe = M.describe

--- Whether it is that of a task which was cancelled.
function M.is_cancelled(thread)
  local task = M.tasks[thread]
  return task ~= nil and task:cancelled()
end

-- Tells of an error that ended a coroutine.
local function tell(loop, thread, err)
  loop:_failed(loop._trace(err, thread), { _describe = function() return describe(thread) end })
end

-- Resumes a coroutine, unless it does not wait for `what` any more.
local function wake(loop, thread, what, reason)
  if loop._waiting[thread] ~= what then return end
  loop._waiting[thread], loop._waiters = nil, loop._waiters - 1
  M.active = M.tasks[thread] or false
  local ok, err = coroutine.resume(thread, reason)
  M.active = false
  if not ok then tell(loop, thread, err) end
end

--- What names a callback that goes on with a coroutine, by its function: of the arguments.
M.names = { [wake] = function(_, thread) return describe(thread) end }

--- The future that a coroutine waits for, or nil.
function M.awaited(thread)
  local loop = homes[thread]
  return loop and loop._waiting[thread]
end

--- Whether anybody waits on a loop but tasks that keep nothing alive.
function M.holds(loop)
  for thread in pairs(loop._waiting) do
    if not M.is_unref(thread) then return true end
  end
  return false
end

--- The line of the socket from which a coroutine had its first message; nil when it had none.
function M.root_of(thread)
  local who = thread == MAIN and M.main or M.tasks[thread]
  local root = who and who._root
  if not root then return nil end
  if not root._what.closed then return root end
  who._root = false
end

--- Has a coroutine go on in the next turn of the loop that it waits on.
-- @param what the future that it waits for: if it does not any more, nothing happens
-- @param reason the error with which its wait ends, if any
-- @return false when that loop is closed, so that it never will
function M.wake(thread, what, reason)
  local loop = homes[thread]
  if loop._closed then return false end
  loop:add_callback(wake, loop, thread, what, reason)
  return true
end

--- Who waits on a loop, and where: a text. Those who wait alike are counted; the most come first.
function M.report(loop)
  local counts, texts = {}, {}
  for thread, what in pairs(loop._waiting) do
    local stack = thread
    if type(thread) == "table" then stack = thread.thread end -- none of the main program's
    local where = stack and traceback.of(stack, "") or ""
    local text = ("%s waits for %s%s"):format(describe(thread), what:_describe(), where)
    if not counts[text] then texts[#texts + 1] = text end
    counts[text] = (counts[text] or 0) + 1
  end
  table.sort(texts, function(a, b)
    if counts[a] ~= counts[b] then return counts[a] > counts[b] end
    return a < b
  end)
  local shown, left_out = {}, 0
  for i, text in ipairs(texts) do
    local count = counts[text]
    if i > MOST_REPORTED then
      left_out = left_out + count
    else
      shown[i] = count > 1 and ("%d times: %s"):format(count, text) or text
    end
  end
  if left_out > 0 then shown[#shown + 1] = ("%d more wait elsewhere"):format(left_out) end
  return table.concat(shown, "\n")
end

return M
