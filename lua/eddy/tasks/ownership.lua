-- What a coroutine or a callback has begun and has to end itself, such as a message of which it
-- sent a part. A thing that is owned has an `_owner`; `_give_up(loop, owner)`, which is called when
-- its owner has ended and nobody goes on with it; and `_moved()`, when it has another owner, or
-- its owner waits for something else.
local listeners = require "eddy.tasks.listeners"

local MOST_AWAITS = 10000 -- of a chain of tasks that is followed: there may be a circle

local M = {}

--- The owner that all callbacks are which have not waited, and the main program unless it waits:
-- one after another they may go on with what one of them began.
local CALLBACKS = { name = "a callback" }
--- The main program while it waits, and callbacks run. A future may tell it, too.
local MAIN = { name = "the main program", _follow = function() end }
M.MAIN = MAIN

--- The task that a coroutine belongs to. Each holds on to the other, and this to neither.
M.tasks = setmetatable({}, { __mode = "kv" })

--- Whether a coroutine is one in which callbacks run and none has waited; and a value that is
-- another one in each call of a callback, "" outside. eddy.loop.dispatch sets both.
local NO_CALL = ""
M.in_callback = function() return false end
M.position = function() return NO_CALL end

-- The things of each owner: a set.
local owned = setmetatable({}, { __mode = "k" })

--- Whose the things are that the running code begins.
function M.current()
  local thread = coroutine.running()
  if not thread or M.in_callback(thread) then return CALLBACKS end
  return thread
end

--- The same for code that is about to wait.
function M.waiting() return coroutine.running() or MAIN end

--- Gives a thing to an owner.
-- @param is_of_call whether the callback that runs began it, if callbacks own it
function M.give(thing, owner, is_of_call)
  local things = owned[owner]
  if not things then
    things = {}
    owned[owner] = things
  end
  things[thing] = is_of_call and owner == CALLBACKS and M.position() or true
  thing._owner = owner
end

--- Who began a thing, for messages to people.
function M.holder(thing)
  local owner = thing._owner
  return owner == CALLBACKS and owned[owner][thing] == NO_CALL and MAIN or owner
end

--- Whether the running code has a thing: the same coroutine; where none runs, the main program, or
-- the same call of a callback.
function M.has(thing, owner)
  if owner ~= thing._owner then return false end
  return owner ~= CALLBACKS or owned[owner][thing] == M.position()
end

--- Takes a thing from its owner: it has come to its end.
function M.take(thing) owned[thing._owner][thing] = nil end

--- Whether an owner is a coroutine that has ended.
function M.is_dead(owner) return type(owner) == "thread" and coroutine.status(owner) == "dead" end

local function move(thing, owner)
  M.take(thing)
  M.give(thing, owner, true)
  thing:_moved()
end

local function abandon(thing, loop)
  M.take(thing)
  thing:_give_up(loop, thing._owner)
end

-- Calls fn(thing, ...) for an owner's things; of those of callbacks, for what the callback
-- that runs began.
local function each(owner, fn, ...)
  local position = owner == CALLBACKS and M.position() or true
  local list = {}
  for thing, at in pairs(owned[owner]) do
    if at == position then list[#list + 1] = thing end
  end
  for _, thing in ipairs(list) do fn(thing, ...) end
end

local function has_any(owner)
  local things = owned[owner]
  return things ~= nil and next(things) ~= nil
end

--- The callback that runs waits now, or the main program does. What it began stays its own.
-- @param thread the callback's coroutine, or nil
function M.suspended(thread)
  if has_any(CALLBACKS) then each(CALLBACKS, move, thread or MAIN) end
end

local function tell_moved(thing) thing:_moved() end

--- A coroutine waits for something else now, which may be a part of what it has begun.
function M.waits(thread)
  if has_any(thread) then each(thread, tell_moved) end
end

--- The main program waits no more.
function M.resumed()
  if has_any(MAIN) then each(MAIN, move, CALLBACKS) end
end

--- The callback that runs failed: nobody ends what it began.
function M.failed(loop)
  if has_any(CALLBACKS) then each(CALLBACKS, abandon, loop) end
end

--- A coroutine has ended.
-- @param loop where that is told; false: it is not
-- @param future what somebody may wait for to go on with its things: the task's, if it is one
function M.ended(thread, loop, future)
  if not has_any(thread) then return end
  local heir = future and M.heir(future)
  each(thread, heir and move or abandon, heir or loop)
end

--- Whether one may go on with another's things: it is the same one, or a task which that one
-- awaits.
function M.acts_for(owner, other)
  local awaits = 0
  while owner and owner ~= other and awaits < MOST_AWAITS do
    local task = M.tasks[owner]
    owner, awaits = task and M.heir(task), awaits + 1
  end
  return owner == other
end

-- Of those who listen, the first one that is or has an heir.
local function first_heir(list)
  for i = 1, list.last do
    local heir = list[i] and M.heir { _listeners = list[i] }
    if heir then return heir end
  end
end

--- Who goes on when a future is done: the coroutine that awaits it, directly or through other
-- futures; the callbacks, when a function is told; nil, when nobody is.
function M.heir(future)
  local listener = future._listeners
  while listener do
    if type(listener) == "thread" or listener == MAIN then return listener end
    if type(listener) == "function" then return CALLBACKS end
    if listeners.is(listener) then return first_heir(listener) end
    listener = (listener.all or listener)._listeners -- of a gathering, its future's
  end
end

return M
