-- What is under way on a loop: handlers and tasks that wait in the middle of their work, and
-- messages that were received and that no handler has got.
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"
local traceback = require "eddy.base.traceback"
local dispatch = require "eddy.loop.dispatch"
local coroutines = require "eddy.tasks.coroutine"
local foreign = require "eddy.tasks.foreign"
local futures = require "eddy.tasks.future"
local ownership = require "eddy.tasks.ownership"

local C = c.C
local MAIN = ownership.MAIN

local MOST_PARTS = 1000 -- of what a task waits for, that are looked at

local M = {}

local function is_task(future) return coroutines.tasks[future._coroutine] == future end

-- Whether one that waits for input has nothing in hand: when it is where its messages come from.
-- @param root the line from which it had its first message, if any
-- @return whether it is, and whether what it waits for comes from there
local function is_input_idle(source, root)
  if not source:_is_input() then return false end
  local lines = source._lines and source:_lines() or { source.line }
  for _, line in ipairs(lines) do
    if line == root then return true, true end
    if line._keeps and not root then return false end -- it may be the answer to what it has sent
  end
  return true, false
end

-- Whether all that a future stands for is that something comes in, which has not come yet: who
-- waits for it has nothing in hand, unless that is from another socket.
-- @param is_main whether the main program waits, whose tasks speak for themselves, and which, as
-- long as it has no message in hand, mostly sleeps until something is to be done
local function is_idle(future, root, is_main)
  local open, looked, at_root = { future }, 0, not root
  while #open > 0 do
    local each = table.remove(open)
    local source = each._source
    if each:done() then return false end
    if source and source._is_input then
      local idle, is_root = is_input_idle(source, root)
      if not idle then return false end
      at_root = at_root or is_root
    elseif is_main and (is_task(each) or source and source._is_sleep and not root) then
      at_root = true
    elseif not (is_task(each) and each._is_resting) then
      local number, part = 1, each:_part(1)
      if not part then return false end
      while part do
        open[#open + 1], number = part, number + 1
        part = each:_part(number)
      end
    end
    looked = looked + 1
    if looked > MOST_PARTS then return false end
  end
  return at_root
end

--- What a coroutine that waits has in hand: "handlers", "tasks", or nil for nothing.
local function kind_of(thread, what)
  if what._is_end then return nil end -- it waits for the rest
  if dispatch.is_run(thread) then return not dispatch.is_late(thread) and "handlers" or nil end
  if foreign.is(thread) then return not is_idle(what) and "tasks" or nil end
  local task = coroutines.tasks[thread]
  if not task and thread ~= MAIN or task and task._unref then return nil end
  if task and task._is_wanted then return "tasks" end
  if task and task._is_resting or is_idle(what, coroutines.root_of(thread), not task) then
    return nil
  end
  return "tasks"
end
M.kind_of = kind_of

-- How many messages were received into a stream's inbox that nobody took out.
local function unread(loop, stream)
  local inbox = stream.stats and stream._id and C.eddy_stream_pull(loop._c, stream._id, 0)
  local count = 0
  if not inbox or inbox == nil then return 0 end
  for i = inbox.head, inbox.tail - 1 do
    if inbox.parts[i].more == 0 then count = count + 1 end
  end
  return count
end

-- Calls fn with each callback that begins a task, or goes on with a coroutine. Returns the first
-- result that is one.
local function each_start(loop, fn)
  local function look(callback)
    return callback and coroutines.names[callback.fn] and fn(callback) or nil
  end
  for i = loop._batch_next, loop._batch_last do
    local found = look(loop._batch[i])
    if found then return found end
  end
  for i = 1, loop._queued do
    local found = look(loop._callbacks[i])
    if found then return found end
  end
end

-- The task that a callback begins.
local function new_task(callback)
  local task = callback[1]
  return futures.is(task) and is_task(task) and not task._unref and not task:done() and task or nil
end

--- Whether anything on a loop is under way that may come to its end.
-- @param state where what was found last is kept: `state.last`
-- @return false, "waits", or "comes": with the next turn, whatever else there is
function M.any(loop, state)
  local waiting, last = loop._waiting, state.last
  if last and waiting[last] and kind_of(last, waiting[last]) then return "waits" end
  state.last = false
  for thread, what in pairs(waiting) do
    if kind_of(thread, what) then
      state.last = thread
      return "waits"
    end
  end
  if next(dispatch.suspended(loop)) then return "waits" end
  if each_start(loop, new_task) then return "comes" end
  local asked = false
  for _, target in pairs(loop._targets) do
    if target._on_recv and not target._waiting and unread(loop, target) > 0 then return "comes" end
    asked = asked or target._is_asked and target:_is_asked()
  end
  return asked and "waits"
end

-- Names, with what each left, by that name.
local function add(names, name, what, count)
  local each = names[name]
  if not each then
    each = { name = name, handlers = 0, tasks = 0, messages = 0, requests = 0, where = false }
    names[name], names[#names + 1] = each, each
  end
  each[what] = each[what] + (count or 1)
  return each
end

local function name_of(target)
  return target and tostring(target.name or target:_describe()) or "a callback"
end

-- Where a coroutine waits, and for what.
local function where_of(thread, what)
  local place = type(thread) == "thread" and traceback.of(thread, ""):match("\n\t([^\n]-:%d+): ")
  return "waiting for " .. what:_describe() .. (place and " at " .. place or "")
end

--- What a loop leaves undone.
-- @return a list, by name, of { name =, handlers =, tasks =, messages =, requests =, where = }:
-- counts, and where one of them waits
function M.list(loop)
  local names = {}
  for thread, what in pairs(loop._waiting) do
    local kind = kind_of(thread, what)
    local is_ours = thread ~= MAIN and not foreign.is(thread)
    local name = not is_ours and thread.name or kind == "tasks" and
      coroutines.describe(thread) or name_of(dispatch.target_of(thread))
    if kind then
      local each = add(names, name, kind)
      each.where = each.where or where_of(thread, what)
    end
  end
  for thread in pairs(dispatch.suspended(loop)) do
    add(names, name_of(dispatch.target_of(thread)), "handlers")
  end
  each_start(loop, function(callback)
    local task = new_task(callback)
    if task then add(names, task:_describe(), "tasks") end
  end)
  for _, target in pairs(loop._c and loop._targets or {}) do
    local count = unread(loop, target)
    if count > 0 then add(names, name_of(target), "messages", count) end
    if target._is_asked and target:_is_asked() then add(names, name_of(target), "requests") end
  end
  table.sort(names, function(a, b) return a.name < b.name end)
  return names
end

local function some(count, one, more) return count == 1 and "1 " .. one or count .. " " .. more end

--- What is said of one of them.
-- @param is_open whether it may end yet
function M.text(each, is_open)
  local texts, where = {}, each.where and " (" .. each.where .. ")" or ""
  local ends = is_open and " not ended yet" or " did not end"
  if each.handlers > 0 then
    texts[1] = some(each.handlers, "handler", "handlers") .. ends .. where
  end
  if each.tasks > 0 then texts[#texts + 1] = each.tasks .. ends .. where end
  if each.messages > 0 then
    texts[#texts + 1] = some(each.messages, "message was", "messages were") ..
      " received and not handled"
  end
  if each.requests > 0 then texts[#texts + 1] = "1 request was not answered" end
  return errors.text_of(each.name) .. ": " .. table.concat(texts, "; ")
end

return M
