-- What a loop leaves undone that was stopped: handlers and tasks that wait in the middle of their
-- work, and messages that were received and that no handler has got.
local c = require "eddy.base.libeddy"
local dispatch = require "eddy.loop.dispatch"
local coroutines = require "eddy.tasks.coroutine"
local foreign = require "eddy.tasks.foreign"
local futures = require "eddy.tasks.future"

local C = c.C

local MOST_PARTS = 1000 -- of what a task waits for, that are looked at

local M = {}

-- Whether all that a future stands for is that something comes in, which has not come yet: who
-- waits for it has nothing in hand.
local function is_idle(future)
  local open, looked = { future }, 0
  while #open > 0 do
    local each = table.remove(open)
    local source = each._source
    if each:done() then
      return false
    elseif source and source._is_input then
      if not source:_is_input() then return false end
    else
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
  return true
end

-- How many messages were received into a stream's inbox that nobody took out.
local function unread(loop, stream)
  local inbox = C.eddy_stream_pull(loop._c, stream._id, 0)
  local count = 0
  if inbox == nil then return count end
  for i = inbox.head, inbox.tail - 1 do
    if inbox.parts[i].more == 0 then count = count + 1 end
  end
  return count
end

-- Names, with what each left, by that name.
local function add(names, name, what)
  local each = names[name]
  if not each then
    each = { name = name, handlers = 0, tasks = 0, messages = 0 }
    names[name], names[#names + 1] = each, each
  end
  each[what] = each[what] + 1
  return each
end

-- Calls fn with each task that waits to begin.
local function each_new_task(loop, fn)
  local function look(callback)
    local task = callback and callback[1]
    if futures.is(task) and coroutines.tasks[task._coroutine] == task then fn(task) end
  end
  for i = loop._batch_next, loop._batch_last do look(loop._batch[i]) end
  for i = 1, loop._queued do look(loop._callbacks[i]) end
end

local function name_of(target)
  return target and tostring(target.name or target:_describe()) or "a callback"
end

--- What some loops left undone.
-- @return a list of { name =, handlers =, tasks =, messages = }, counts all but the name
function M.list(loops)
  local names = {}
  for loop in pairs(loops) do
    for thread, what in pairs(loop._waiting) do
      local task = coroutines.tasks[thread]
      if dispatch.is_run(thread) then
        add(names, name_of(dispatch.target_of(thread)), "handlers")
      elseif task and not is_idle(what) then
        add(names, task:_describe(), "tasks")
      elseif foreign.is(thread) and not is_idle(what) then
        add(names, thread.name, "tasks")
      end
    end
    each_new_task(loop, function(task) add(names, task:_describe(), "tasks") end)
    for _, target in pairs(loop._c and loop._targets or {}) do
      local count = target.stats and target._id and unread(loop, target) or 0
      if count > 0 then
        local each = add(names, name_of(target), "messages")
        each.messages = each.messages - 1 + count
      end
    end
  end
  table.sort(names, function(a, b) return a.name < b.name end)
  return names
end

local function some(count, one, more) return count == 1 and "1 " .. one or count .. " " .. more end

--- What is said of one of them.
function M.text(each)
  local texts = {}
  if each.handlers > 0 then
    texts[1] = some(each.handlers, "handler", "handlers") .. " did not end"
  end
  if each.tasks > 0 then texts[#texts + 1] = each.tasks .. " did not end" end
  if each.messages > 0 then
    texts[#texts + 1] = some(each.messages, "message was", "messages were") ..
      " received and not handled"
  end
  return each.name .. ": " .. table.concat(texts, "; ")
end

return M
