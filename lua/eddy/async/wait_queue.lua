-- The line of those who wait for a socket or a descriptor, on a loop: receives and sends, each
-- in its order, and polls.
local ended = require "eddy.async.ended"
local parts = require "eddy.async.parts"
local peers = require "eddy.async.peers"
local service = require "eddy.async.service"
local turn_budget = require "eddy.async.turn_budget"
local waiters = require "eddy.async.waiters"
local constants = require "eddy.base.constants"
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"
local dispatch = require "eddy.loop.dispatch"
local endings = require "eddy.loop.ending"
local stream = require "eddy.stream"
local reconnect = require "eddy.stream.reconnect"
local coroutines = require "eddy.tasks.coroutine"
local futures = require "eddy.tasks.future"
local ownership = require "eddy.tasks.ownership"
local directions = require "eddy.zmq.directions"
local frames = require "eddy.zmq.frame"
local monitor = require "eddy.zmq.monitor"

local C = c.C
local band, bor, SNDMORE = bit.band, bit.bor, constants.SNDMORE

local FIRST_RETRY_MS = service.FIRST_RETRY_MS

local Line = { _kind = "waiting call", _keeps = false }
Line.__index = Line
for name, method in pairs(service.methods) do Line[name] = method end

local M = {}

-- One that waits: a member of a list, and what its future stands for.
local Waiter = {}
Waiter.__index = Waiter

function Waiter:_describe()
  local list, text = self.list, self.name .. " on " .. self.line:_describe()
  if not list.hold or list.hold._owner == self.owner then return text end
  return ("%s, behind a message that %s has begun"):format(text, parts.holder(list))
end

Waiter._is_input = waiters.is_input

-- The future is done: it is in the line no more. Without a part that was not sent the others of its
-- message would be another one.
function Waiter:_release(cancelled)
  local failure, operation = self.future._failure, self.operation
  local others = failure and operation and operation.list == "sends" and parts.of_message(self)
  waiters.remove(self)
  for _, each in ipairs(others or {}) do
    if cancelled then each.future:cancel() else each.future:_fail(failure) end
  end
  if self.timer then self.timer:cancel() end
  self.line:_want()
end

--- A line for a socket.
-- @param on_close fn(future): what becomes of those who wait when the socket is closed
-- @param owner fn(): for whom one waits; eddy.tasks.ownership has such
function M.new(what, on_close, owner)
  local is_by_peer = peers.names(what)
  return setmetatable({
    _what = what, _loop = false, _id = false, _on_close = on_close, _owner_of = owner,
    _born = endings.count, -- ends of loops that it was not there for
    _possible = type(what) == "number" and -1 or directions.possible(what),
    _by_peer = is_by_peer,
    _passing = false, -- it leaves its loop as soon as nobody waits
    _events = 0,      -- what the core waits for
    _supervised = false, -- what the supervisor of its connections takes for a stream
    _refused = false, _retry = FIRST_RETRY_MS, -- the timer of a send that was refused, its time
    _is_xpub = type(what) ~= "number" and what._type == "XPUB",
    receives = waiters.new(C.EDDY_READ),
    sends = waiters.new(C.EDDY_WRITE, is_by_peer and {}), polls = waiters.new(0, {}),
  }, Line)
end

local function cancel(future) future:cancel() end

--- The line on this loop for what has none of its own: a plain socket, a descriptor's number.
function M.passing(loop, what)
  local line = loop._lines[what]
  if not line then
    line = M.new(what, cancel, ownership.current)
    line._passing = true
  end
  return line
end

--- Whether an operation may be tried at once: nobody is before it, and the turn's budget is not
-- used up.
-- @param now whether it is not to wait: then it passes those who do, and costs no budget
-- @return whether it may be, and whether it needs no `try` of the line's, as no parts are about
function Line:may_try(operation, data, flags, now)
  local list = self[operation.list]
  if list.hold then
    local owner = ownership.current()
    if parts.is_held(list, owner) then return false end
    -- Who goes on with a message passes those that wait.
    if list.hold then return not list.owners[owner] end
  end
  if now then
    local loop = not self._id and self._what._plan and dispatch.loop()
    if loop then self:_attach(loop, operation.name) end -- it hears when it is let in
    -- The parts that its sender still has in line would go on with a message that is begun now.
    return band(flags, SNDMORE) == 0 or not list.owners[ownership.current()] and
      parts.may_begin(self._what)
  end
  if list.first and not peers.may_pass(self, list, operation, data, flags) then return false end
  local loop = dispatch.loop() or self._loop
  if loop and loop._ending and self:_loop_ends(loop._ending) then
    return self:may_try(operation, data, flags, now)
  end
  local turn = loop and loop._turns or 0
  -- What its socket never does fails at once.
  if not turn_budget.has_left(self, list, turn) then
    return band(list.events, self._possible) == 0
  end
  return true, operation.is_whole and band(flags, SNDMORE) == 0
end

-- For whom one waits: of a part that is received, for who awaits it; who sent one goes on with
-- the message, but a callback that waits is a callback no more.
local function owner_of(waiter)
  local owner = waiter.owner
  if waiter.operation.list == "sends" and type(owner) == "thread" then return owner end
  return ownership.heir(waiter.future) or owner
end

--- Does an operation, which `may_try`.
-- @param waiter the one that waited for it; nil: the running code does it
-- @return its result; or nil and an error, and, when that is EAGAIN, what is to wait in its place
function Line:try(operation, data, flags, last, waiter)
  if operation.list == "sends" then
    if not self.sends.hold and band(flags, SNDMORE) == 0 then
      return operation.try(self._what, data, flags, last)
    end
    local owner = waiter and owner_of(waiter) or ownership.current()
    return parts.send(self, operation, data, flags, last, owner, not waiter)
  end
  local result, more = operation.try(self._what, data, flags)
  if result ~= nil and (more or self.receives.hold) then
    local owner = waiter and owner_of(waiter) or ownership.current()
    parts.received(self, more, owner, not waiter)
  end
  return result, more
end

local function somebody_waits(self)
  return self.receives.first or self.sends.first or self.polls.first
end

Line.usable, Line._check_whole = parts.usable, parts.check_whole
Line._polled, Line._heard = parts.polled, parts.heard

function Line:_may_read() return waiters.may_be_served(self.receives) end

--- Whether anything comes of its waiting: something is to be sent, or somebody will hear of
-- what is received.
function Line:_attended()
  local sends = waiters.may_be_served(self.sends)
  if sends and (coroutines.unrefs == 0 or waiters.attended(self.sends)) then return true end
  return waiters.attended(self.polls) or self:_may_read() and waiters.attended(self.receives)
end

-- As a stream does, without being asked, where libzmq may give a connection up.
function Line:_supervise()
  local socket = self._what
  self._supervised = self._supervised or { socket = socket, loop = self._loop,
    name = tostring(socket), _events = false }
  reconnect.watch(self._supervised, stream.new)
end

-- Its socket has connected.
function Line:_connected()
  if not self._passing then self:_supervise() end
end

-- Puts the socket on the loop.
function Line:_attach(loop, what)
  if self._id then
    if self._loop == loop then return end
    if somebody_waits(self) then
      errors.misuse(what .. ": " .. self:_describe() .. " is waited for on another loop")
    end
    self:_leave()
  end
  local core, socket = loop:_core(what), self._what
  local id
  if type(socket) == "number" then
    id = C.eddy_watch_fd(core, socket, 0)
  else
    socket:_check_free(what)
    id = C.eddy_watch_socket(core, socket._c, socket:_open_id(what), 0)
    if id > 0 then socket._owner = self end
  end
  self._id = errors.check(id, what .. ":", self:_describe())
  self._loop, self._events = loop, 0
  loop:_adopt(self._id, self)
  if loop._ending then self:_loop_ends(loop._ending) end
  if self._passing then
    loop._lines[self._what] = self
  elseif socket._connects then
    self:_supervise()
  end
end

-- The loop has those that wait for anything: the core counts them as alive.
local function set_events(self, events)
  local loop, was = self._loop, self._events ~= 0
  self._events = events
  if was == (events ~= 0) then return end
  loop._expecting[self] = not was or nil
  loop._expected = loop._expected + (was and -1 or 1)
end

--- Leaves the loop, unless somebody waits. Then the socket can go on a stream.
function Line:_leave()
  if not self._id or somebody_waits(self) then return end
  if self._refused then self._refused:cancel() end
  local loop, id = self._loop, self._id
  set_events(self, 0)
  if self._supervised then
    monitor._forget(self._supervised)
    self._supervised = false
  end
  self:_loop_goes_on()
  self._id, self._refused = false, false
  if type(self._what) ~= "number" then self._what._owner = false end
  loop._lines[self._what] = nil
  loop:_abandon(id)
  if loop._c then C.eddy_watch_close(loop._c, id) end
end

-- Tells the core what is waited for now.
function Line:_want()
  if not self._id then return end
  if self._refused and not self.sends.first then
    self._refused:cancel()
    self._refused, self._retry = false, FIRST_RETRY_MS
  end
  local events = self:_may_read() and C.EDDY_READ or 0
  if waiters.may_be_served(self.sends) and not self._refused then events = events + C.EDDY_WRITE end
  if self.polls.first then events = bor(events, self:_polled()) end
  events = band(events, self._possible)
  if events == 0 and self._passing then return self:_leave() end
  if events == self._events then return end
  set_events(self, events)
  errors.check(C.eddy_watch_change(self._loop._c, self._id, events), "wait:", self:_describe())
end

local function expire(waiter)
  if waiter.list.events == 0 then
    waiter.future:set_result(0)
  else
    waiter.future:set_error(errors.timed_out(waiter.name, waiter.line._what))
  end
end

local function wait(self, loop, list, waiter, ms, name, is_first)
  self:_attach(loop, name)
  waiter.line, waiter.name, waiter.owner = self, name, self._owner_of()
  waiter.timer = ms >= 0 and ms < math.huge and
    coroutines.own_timer(loop:call_later(ms, expire, waiter))
  local future = futures.new(loop, setmetatable(waiter, Waiter))
  waiter.future = future
  if is_first then waiters.prepend(list, waiter) else waiters.append(list, waiter) end
  self:_want()
  return future
end

--- Takes an operation that `may_try`, and was done, off the turn's budget.
-- @param result what was received, or whatever a send returned
function Line:charge(operation, data, result)
  local list = self[operation.list]
  turn_budget.charge(list, list == self.receives and result or data)
end

--- Waits in the operation's list until it can be done.
-- @param operation what eddy.async.socket has
-- @param ms how long at most (negative: for ever); then the future fails with EAGAIN
-- @param whole what `try` returned to wait in its place, before all others
-- @return a future of what `operation.try` returns
function Line:wait(loop, operation, ms, data, flags, last, whole)
  local name = operation.name
  if whole then operation, data = parts.whole, whole else data = frames.kept(data) end
  local waiter = { operation = operation, data = data, flags = flags, last = last,
    peer = peers.of(self, operation, data, flags) }
  return wait(self, loop, self[operation.list], waiter, ms, name, whole ~= nil)
end

--- Waits until the socket is ready.
-- @param events EDDY_READ, EDDY_WRITE, or both
-- @return a future of those of them that can be, 0 when the time is up
function Line:poll(loop, ms, events)
  return wait(self, loop, self.polls, { events = events }, ms, "poll")
end

-- Ends the wait of everybody: with an error, or as the socket's kind has it when it is closed.
function Line:_end(err)
  parts.forget(self.receives)
  parts.forget(self.sends)
  for _, list in ipairs { self.receives, self.sends, self.polls } do
    while list.first do
      local future = list.first.future
      if err then future:set_error(err) else self._on_close(future, self) end
    end
  end
  self:_leave()
end

-- Somebody closes the socket.
function Line:_socket_closing(linger)
  self:_end()
  self._what:close(linger)
end

-- The loop is being closed, with all that is on it or without. The socket may go on another.
function Line:_closing_loop(with_all)
  self:_end(errors.cancelled)
  if with_all and type(self._what) ~= "number" then self._what:close() end
end

for name, method in pairs(ended.methods(Line)) do Line[name] = method end

function Line:_describe()
  if type(self._what) == "number" then return "descriptor " .. self._what end
  return tostring(self._what)
end

return M
