-- What passes along chains of futures, one of which waits for the next: a result on the way
-- up, a cancel on the way down. They may be of any length, so nothing here calls itself.
local listeners = require "eddy.tasks.listeners"

local M = {}

-- What is still to be done, in pairs: a future that is done, and one that follows it; or a
-- future that is to be cancelled, and false. `seen` is what is known of those looked at.
local function new_queue() return { next = 1, last = 0, seen = false } end

local queue = false -- the one that is being worked off
local spare = new_queue()

local function is_shared(future)
  local own = future._listeners
  return listeners.is(own) and own.count > 1
end

-- What is known of a future without looking at what it waits for, else nil.
local function known(future, seen)
  local state = future._state
  if state ~= "pending" then return state ~= "cancelled" end
  if is_shared(future) then return false end -- others have it, whatever becomes of this chain
  return seen[future]
end

-- Whether one of those that it waits for is enough for a future; else it needs all of them.
local function needs_one(future)
  local source = future._source
  return source and source._needs_one or false
end

-- Whether a result is on its way to a future: what it waits for, and what that waits for, to
-- the end of all its chains, is done already, or runs.
local function survey(root, seen)
  local path, parts, depth = { root }, { 0 }, 1
  seen[root] = false -- what waits for itself never ends
  local verdict
  while depth > 0 do
    local future = path[depth]
    local number = parts[depth] + 1
    local part = verdict ~= needs_one(future) and future:_part(number)
    if part then
      parts[depth], verdict = number, known(part, seen)
      if verdict == nil then
        depth = depth + 1
        path[depth], parts[depth], seen[part] = part, 0, false
      end
    else
      if verdict == nil then verdict = future:_runs() end
      seen[future], path[depth] = verdict, nil
      depth = depth - 1
    end
  end
  return verdict
end

-- Those to whom a result is on its way get it; the next wait of theirs is ended.
-- @param seen what `survey` knows of them
local function mark(root, seen)
  local found, count = { root }, 1
  while count > 0 do
    local future = found[count]
    found[count], count = nil, count - 1
    if future._state == "pending" and not future._ending then
      future._ending = true
      local number, is_one = 1, needs_one(future)
      local part = future:_part(number)
      while part do
        if not is_one or seen[part] then
          count = count + 1
          found[count] = part
        end
        number = number + 1
        part = future:_part(number)
      end
    end
  end
end

-- @param own where what is known is kept, as `seen`
local function is_coming(future, own)
  if not future:_part(1) then return future:_runs() end
  own.seen = own.seen or {}
  if own.seen[future] == nil then return survey(future, own.seen) end
  return own.seen[future]
end

--- Whether a result is on its way to a future that is to be ended: a result in hand beats
-- whatever ends a wait. If so, the tasks that have it go on, and are cancelled in the next wait
-- that they try.
function M.lets_finish(future)
  local own = {}
  local coming = is_coming(future, own)
  if coming then mark(future, own.seen) end
  return coming
end

local function work(own)
  while own.next <= own.last do
    local i = own.next
    local future, follower = own[i], own[i + 1]
    own[i], own[i + 1], own.next = nil, nil, i + 2
    if follower then
      follower:_follow(future)
    elseif future._state == "pending" then
      if is_coming(future, own) then mark(future, own.seen) else future:_cancel() end
    end
  end
end

local function add(own, future, follower)
  local last = own.last + 2
  own[last - 1], own[last], own.last = future, follower, last
end

--- Has `follower` take over what became of a future; false for it: cancels the future, unless
-- a result is on its way to it. It has happened when this returns, but for calls from what
-- happens then: that comes after it.
function M.pass(future, follower)
  if queue then return add(queue, future, follower) end
  local own = spare or new_queue()
  spare, queue = false, own
  add(own, future, follower)
  local failure
  repeat -- an error of one is not the others'
    local ok, err = pcall(work, own)
    if not ok then failure = failure or { err } end
  until ok
  queue, own.next, own.last, own.seen = false, 1, 0, false
  spare = own
  if failure then error(failure[1], 0) end
end

--- Calls a script's function in the middle of it, which may wait: what others do meanwhile is
-- not held up.
function M.call_out(fn, ...)
  local own = queue
  queue = false
  local function back(...)
    queue = own
    return ...
  end
  return back(fn(...))
end

return M
