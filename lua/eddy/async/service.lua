-- What a line does for those in it when its socket is ready: methods of a line's.
local parts = require "eddy.async.parts"
local peers = require "eddy.async.peers"
local turn_budget = require "eddy.async.turn_budget"
local waiters = require "eddy.async.waiters"
local errors = require "eddy.base.errors"
local C = require("eddy.base.libeddy").C
local coroutines = require "eddy.tasks.coroutine"

local band, bor = bit.band, bit.bor

-- The socket says that it could send, and refuses: it is asked again later and later.
local FIRST_RETRY_MS, LONGEST_RETRY_MS = 1, 50

local Line = {}

-- The socket could be written to, and refused: no use in asking it in every turn.
local function back_off(self)
  self._refused = self._loop:call_later(self._retry, function()
    self._refused = false
    self:_want()
  end)
  self._retry = math.min(self._retry * 2, LONGEST_RETRY_MS)
  self:_want()
end

-- Does what one waits to do. False when the socket refused.
function Line:_attempt(waiter)
  local ok, result, err, whole = pcall(self.try, self, waiter.operation, waiter.data,
    waiter.flags, waiter.last, waiter)
  if not ok then
    waiter.future:set_error(result)
  elseif result ~= nil then
    if waiter.list == self.receives then
      coroutines.note_root_of(waiter.owner, self)
      turn_budget.charge(waiter.list, result)
    else
      turn_budget.charge(waiter.list, waiter.data)
    end
    waiter.future:_resolve(result)
  elseif err ~= errors.again then
    waiter.future:set_error(err)
  else
    if whole then
      waiters.remove(waiter)
      waiter.operation, waiter.data = parts.whole, whole
      waiter.peer = peers.of(self, parts.whole, whole, 0)
      waiters.prepend(waiter.list, waiter)
    end
    return false
  end
  return true
end

-- Lets those in a list have their turn, while the socket can. False when it refused them all.
function Line:_serve(list)
  local waiter, count, refused = list.first, 0, nil
  turn_budget.renew(self, list, self._loop._turns)
  local is_alone = waiters.is_alone(list)
  if is_alone then return waiter.future:done() or self:_attempt(waiter) end
  while waiter and list.left > 0 do
    local after, peer = waiter.after, waiter.peer
    if refused and not peer then break end
    local held = list.hold
    if held and not waiters.is_of(waiter, held._owner) then
      if not waiters.may_be_served(list) then break end
    -- Not one that was cancelled by what ran in the middle of the attempt before.
    elseif not waiter.future:done() and (not refused or not refused[peer]) then
      if self:_attempt(waiter) then
        count = count + 1
        -- A message came to its end: those that it held up have been passed by.
        if held and not list.hold then after = list.first end
      else
        refused = refused or {}
        if not peer then break end
        refused[peer] = true
      end
    end
    waiter = after
  end
  return count > 0 or not refused
end

local function serve_polls(self, ready)
  local waiter = self.polls.first
  while waiter do
    local after = waiter.after
    -- A descriptor's error is told to all.
    local mask = band(ready, bor(self:_heard(waiter.owner, waiter.events, waiter), C.EDDY_ERROR))
    if mask ~= 0 and not waiter.future:done() then waiter.future:_resolve(mask) end
    waiter = after
  end
end

function Line:_handle(event)
  if event.kind == C.EDDY_CLOSED then
    return self:_end(errors.new(event.value, self:_describe()))
  end
  local ready = event.value
  serve_polls(self, ready)
  if band(ready, C.EDDY_READ) ~= 0 then self:_serve(self.receives) end
  if band(ready, C.EDDY_WRITE) ~= 0 and waiters.may_be_served(self.sends) then
    if self:_serve(self.sends) then self._retry = FIRST_RETRY_MS else back_off(self) end
  end
end

return { methods = Line, FIRST_RETRY_MS = FIRST_RETRY_MS }
