-- What is left of a generation when the next one has taken over: handlers and tasks that wait go on
-- in its code for a while, with what they use; then they are ended, and it is closed.
local C = require("eddy.base.libeddy").C
local errors = require "eddy.base.errors"
local inventory = require "eddy.reload.inventory"
local loops = require "eddy.loop"
local unfinished = require "eddy.loop.unfinished"
local coroutines = require "eddy.tasks.coroutine"

local LOOK_MS = 20 -- how often it is seen whether they have ended
local DRAIN_MS = 5000

local M = {}

local all = {} -- of generations that are not over

local Remains = {}
Remains.__index = Remains

local function log(text) loops.current():_log(text) end

--- Whether a coroutine, or a thing, is of a generation before.
function M.has(what)
  for _, each in ipairs(all) do
    if each.threads[what] or each.things[what] then return each end
  end
end

-- What coroutines of such a generation start, is its own.
local function note_thread(thread)
  local remains = M.has(coroutine.running())
  if remains then remains.threads[thread] = true end
end

local function note_thing(target)
  local remains = M.has(coroutine.running())
  if remains then remains.started[target] = true end
end

local function watch()
  local is_any = #all > 0
  coroutines.born = is_any and note_thread or false
  loops._set_adopted(is_any and note_thing or false)
end

-- What its coroutines have started and is not theirs any more, or was kept, stays.
local function add_started(self)
  if not next(self.started) then return end
  inventory.each(function(thing, kind)
    local stays = inventory.is_internal(thing, kind) or self.is_kept and self.is_kept(thing)
    if self.started[thing] and not stays then table.insert(self.list, { thing, kind }) end
  end)
end

local function count(self)
  local number = 0
  for thread in pairs(self.threads) do
    if coroutine.status(thread) == "dead" then
      self.threads[thread] = nil
    else
      local task = coroutines.tasks[thread]
      local is_over = task and task:done() and not task._end
      if not is_over then number = number + 1 end
    end
  end
  return number
end

-- Ends a coroutine's wait, and those that it tries yet.
local function end_thread(thread)
  if coroutines.ended[thread] then return end
  local what, task = coroutines.awaited(thread), coroutines.tasks[thread]
  coroutines.ended[thread] = true
  if task then
    task:cancel()
  elseif what then
    coroutines.wake(thread, what, errors.cancelled)
  end
end

local function end_threads(self)
  for thread in pairs(self.threads) do end_thread(thread) end
end

-- Tasks that wait for messages, and have none in hand, have nothing to end.
local function end_idle(self)
  for thread in pairs(self.threads) do
    local what = coroutines.awaited(thread)
    local is_idle = coroutines.tasks[thread] and what and not unfinished.kind_of(thread, what)
    if is_idle then
      self.threads[thread] = nil
      end_thread(thread)
    end
  end
end

-- What LuaJIT has compiled of the way to a handler has that handler in it: it would keep all that
-- is over in memory, and come to compare more and more of them.
local function forget_compiled() jit.flush() end

-- What still has messages to send is closed when they are sent.
local function drain(stream) stream:close { drain = DRAIN_MS } end

local function close(self)
  local now = {}
  for _, each in ipairs(self.list) do
    local is_stream = each[2] == "stream" and each[1]._id
    if is_stream and each[1]:sending() and each[1].loop:running() then
      each[1].loop:spawn(drain, each[1])
    else
      now[#now + 1] = each
    end
  end
  inventory.close(now, nil, log)
  forget_compiled()
end

local function finish(self)
  if self.timer then self.timer:stop() end
  add_started(self)
  for i = #all, 1, -1 do
    if all[i] == self then table.remove(all, i) end
  end
  watch()
  close(self)
end

local function look(self)
  if count(self) == 0 then return finish(self) end
  local now = C.eddy_time()
  if self.is_ended and now >= self.last then
    log(("%d handler%s or task%s of generation %d did not end"):format(count(self),
      count(self) == 1 and "" or "s", count(self) == 1 and "" or "s", self.number))
    return finish(self)
  end
  if now < self.deadline then return end
  self.is_ended, self.last = true, self.last or now + self.grace
  end_threads(self)
end

-- Whether a coroutine is the script's, and of no generation before.
local function is_own(thread)
  if type(thread) ~= "thread" or M.has(thread) then return false end
  local task = coroutines.tasks[thread]
  return not task or inventory.is_own(task._fn)
end

-- The coroutines that wait on loops since before the next generation was loaded: a set.
local function threads_of(states)
  local threads = {}
  for loop, state in pairs(states) do
    for thread in pairs(state.waiting) do
      if is_own(thread) and loop._waiting[thread] then threads[thread] = true end
    end
    for i = 1, loop._c and state.queued or 0 do
      local callback = loop._callbacks[i]
      local task = callback and callback[1]
      local thread = type(task) == "table" and rawget(task, "_coroutine")
      if is_own(thread) then threads[thread] = true end
    end
  end
  return threads
end

local function new(number, list, states)
  local self = setmetatable({ number = number, list = list, threads = threads_of(states),
    things = {}, started = {}, is_ended = false, last = false, loop = loops.current(),
    timer = false }, Remains)
  for _, each in ipairs(list) do self.things[each[1]] = true end
  return self
end

--- Begins to end a generation.
-- @param number the generation's
-- @param list what is to be closed, when nothing of it waits any more: { thing, kind } each
-- @param states of the loops, from before the next one was loaded
-- @param grace ms for those that wait
-- @param is_kept fn(thing)
-- @return how many wait
function M.begin(number, list, states, grace, is_kept)
  local self = new(number, list, states)
  self.grace, self.deadline, self.is_kept = grace, C.eddy_time() + grace, is_kept
  end_idle(self)
  local waiting = count(self)
  if waiting == 0 then
    close(self)
  else
    table.insert(all, self)
    self.timer = self.loop:call_every(LOOK_MS, look, self):unref()
    watch()
    forget_compiled()
  end
  return waiting
end

--- Ends a generation now, and those before it.
function M.finish_now(number, list, states)
  local self = new(number, list, states)
  for _, each in ipairs { self, unpack(all) } do
    end_threads(each)
    finish(each)
  end
end

return M
