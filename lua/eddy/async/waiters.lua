-- Lists of those who wait in a line: they are asked in their order, and leave from anywhere.
local C = require("eddy.base.libeddy").C
local ownership = require "eddy.tasks.ownership"

local M = {}

--- A list of those that wait.
-- @param counts a table, where it matters what tells waiters apart: a poll's events, the peer of a
-- ROUTER's message. It has how many there are of each. `owners` has the same of their owners, and
-- `hold` is the message that was begun and is not at its end; `left` is of the turn's budget.
function M.new(events, counts)
  return { first = false, last = false, events = events, counts = counts or false, owners = {},
    hold = false, spare = false, turn = -1, left = 0 }
end

local function tally(counts, what, change)
  local left = (counts[what] or 0) + change
  counts[what] = left > 0 and left or nil
end

local function add(list, waiter, change)
  tally(list.owners, waiter.owner, change)
  if not list.counts then return end
  local what = waiter.peer
  if what == nil then what = waiter.events end
  tally(list.counts, what, change)
end

--- Puts a waiter after all others.
function M.append(list, waiter)
  waiter.list, waiter.before, waiter.after = list, list.last, false
  if list.last then list.last.after = waiter else list.first = waiter end
  list.last = waiter
  add(list, waiter, 1)
end

--- Puts a waiter before all others.
function M.prepend(list, waiter)
  waiter.list, waiter.before, waiter.after = list, false, list.first
  if list.first then list.first.before = waiter else list.last = waiter end
  list.first = waiter
  add(list, waiter, 1)
end

--- Takes a waiter out of its list.
function M.remove(waiter)
  local list = waiter.list
  if waiter.before then waiter.before.after = waiter.after else list.first = waiter.after end
  if waiter.after then waiter.after.before = waiter.before else list.last = waiter.before end
  add(list, waiter, -1)
end

--- Whether one waits, and for the socket: as it mostly is, and what has no loop LuaJIT compiles
-- together with what is around.
function M.is_alone(list)
  return list.first and not list.first.after and not list.hold
end

--- Whether a waiter goes on with an owner's message: it is the owner's, or the owner awaits it, as
-- the main program and a callback do with what they asked for before they waited.
function M.is_of(waiter, owner)
  return waiter.owner == owner or ownership.heir(waiter.future) == owner
end

--- Whether those who wait in a list wait for the socket, or all of them for another message's end.
function M.may_be_served(list)
  if not list.hold then return list.first ~= false end
  local owner, waiter = list.hold._owner, list.first
  if list.owners[owner] then return true end
  while waiter and not M.is_of(waiter, owner) do waiter = waiter.after end
  return waiter ~= false
end

--- Whether one waits for what others may send: a REQ waits for the answer to what it has sent.
function M.is_input(waiter)
  local what, events = waiter.line._what, waiter.events or waiter.list.events
  return bit.band(events, C.EDDY_WRITE) == 0 and (type(what) == "number" or what._type ~= "REQ")
end

--- Whether anybody will hear of what those who wait receive.
function M.attended(list)
  local waiter = list.first
  if not waiter then return false end
  if waiter.future:_attended() then return true end -- mostly that is all, without a loop
  while waiter.after do
    waiter = waiter.after
    if waiter.future:_attended() then return true end
  end
  return false
end

return M
