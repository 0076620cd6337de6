-- The line of a socket whose loop is ending: new messages stay in the socket. Who has a message in
-- hand may still receive what it needs for that.
local waiters = require "eddy.async.waiters"
local C = require("eddy.base.libeddy").C
local dispatch = require "eddy.loop.dispatch"
local streams = require "eddy.stream.ending"
local coroutines = require "eddy.tasks.coroutine"
local ownership = require "eddy.tasks.ownership"

local band, bnot = bit.band, bit.bnot

local M = {}

-- Whether a coroutine may receive there: a handler, one that goes on with a message, and a task, or
-- the main program, whose messages come from another socket.
local function may(line, owner)
  local held = line.receives.hold
  if held then return ownership.acts_for(owner, held._owner) end
  if dispatch.is_run(owner) then return true end
  local task = coroutines.tasks[owner]
  if task and task._is_wanted then return true end
  local root = coroutines.root_of(owner)
  return root ~= nil and root ~= line
end

local function may_wait(line, waiter)
  if line.receives.hold then return may(line, waiter.owner) end
  return waiter.is_allowed or may(line, ownership.heir(waiter.future) or waiter.owner)
end

--- What a line has in place of its own methods while its loop ends.
local function class(Line)
  local Ended = setmetatable({}, { __index = Line })
  Ended.__index = Ended

  function Ended:may_try(operation, data, flags, now)
    if self._ending.is_left then
      self:_loop_goes_on()
      return self:may_try(operation, data, flags, now)
    end
    if operation.list == "receives" and not may(self, ownership.waiting()) then return false end
    return Line.may_try(self, operation, data, flags, now)
  end

  local function allow(self, future)
    future._source.is_allowed = may(self, ownership.waiting())
    self:_want()
    return future
  end

  function Ended:wait(...) return allow(self, Line.wait(self, ...)) end
  function Ended:poll(...) return allow(self, Line.poll(self, ...)) end

  function Ended:_may_read()
    local waiter = self.receives.first
    while waiter and not may_wait(self, waiter) do waiter = waiter.after end
    return waiter ~= false and waiters.may_be_served(self.receives)
  end

  local function without_read(events, allowed)
    return allowed and events or band(events, bnot(C.EDDY_READ))
  end

  function Ended:usable(events)
    return without_read(Line.usable(self, events), may(self, ownership.waiting()))
  end

  function Ended:_polled()
    local poll, events = self.polls.first, 0
    while poll do
      events = bit.bor(events, self:_heard(poll.owner, poll.events, poll))
      poll = poll.after
    end
    return events
  end

  function Ended:_heard(owner, events, poll)
    return without_read(Line._heard(self, owner, events), may_wait(self, poll))
  end

  function Ended:_serve(list)
    if list ~= self.receives then return Line._serve(self, list) end
    local waiter = list.first
    while waiter do
      local after = waiter.after
      local asks = not waiter.future:done() and may_wait(self, waiter)
      if asks and not self:_attempt(waiter) then return true end
      waiter = after
    end
    return true
  end

  return Ended
end

--- The methods that a line has for the end of its loop.
-- @param Line the class of lines
function M.methods(Line)
  local Ended, methods = nil, {}

  --- Its loop ends. Whether anything changes for a line that is
  -- not among those of its loop, as nobody had to wait.
  function methods:_loop_ends(ending)
    local what = self._what
    if type(what) == "number" or self._keeps or self._born >= ending.number then return false end
    if what.closed or streams.is_own(what) then return false end
    Ended = Ended or class(Line)
    local is_new = getmetatable(self) ~= Ended
    setmetatable(self, Ended)
    self._ending = ending
    self:_want()
    return is_new
  end

  --- Takes `_loop_ends` back.
  function methods:_loop_goes_on()
    if getmetatable(self) ~= Ended then return end
    setmetatable(self, Line)
    self:_want()
  end

  --- Says whether what the socket receives are answers to what it has sent: they are received while
  -- the loop ends, too.
  function methods:keep_receiving(on)
    self._keeps = on
    if on then self:_loop_goes_on() end
  end

  return methods
end

return M
