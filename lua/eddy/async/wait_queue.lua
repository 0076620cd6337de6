-- The line of those who wait for a socket or a descriptor, on a loop: receives and sends, each
-- in its order, and polls.
local turn_budget = require "eddy.async.turn_budget"
local constants = require "eddy.base.constants"
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"
local dispatch = require "eddy.loop.dispatch"
local stream = require "eddy.stream"
local reconnect = require "eddy.stream.reconnect"
local futures = require "eddy.tasks.future"
local directions = require "eddy.zmq.directions"
local frames = require "eddy.zmq.frame"
local monitor = require "eddy.zmq.monitor"

local C = c.C
local band, bor = bit.band, bit.bor
local SNDMORE = constants.SNDMORE

-- The socket says that it could send, and refuses: it is asked again later and later.
local FIRST_RETRY_MS, LONGEST_RETRY_MS = 1, 50

-- The sockets that send each message to the peer that its first part names.
local by_peer = { ROUTER = true, STREAM = true }

local Line = { _kind = "waiting call" }
Line.__index = Line

local M = {}

-- One that waits: a member of a list, and what its future stands for.
local Waiter = {}
Waiter.__index = Waiter

local function new_list(events, counts)
  return { first = false, last = false, events = events, counts = counts or false }
end

-- Counts a waiter in (1) or out (-1) by what tells it from the others of its list, where it
-- matters: a poll's events, the peer of a ROUTER's message.
local function tally(counts, waiter, change)
  local what = waiter.peer
  if what == nil then what = waiter.events end
  local left = (counts[what] or 0) + change
  counts[what] = left > 0 and left or nil
end

local function append(list, waiter)
  if list.counts then tally(list.counts, waiter, 1) end
  waiter.list, waiter.before, waiter.after = list, list.last, false
  if list.last then list.last.after = waiter else list.first = waiter end
  list.last = waiter
end

function Waiter:_describe() return self.name .. " on " .. self.line:_describe() end

-- The future is done: it is in the line no more.
function Waiter:_release()
  local list = self.list
  if list.counts then tally(list.counts, self, -1) end
  if self.before then self.before.after = self.after else list.first = self.after end
  if self.after then self.after.before = self.before else list.last = self.before end
  if self.timer then self.timer:cancel() end
  self.line:_want()
end

--- A line for a socket.
-- @param on_close fn(future): what becomes of those who wait when the socket is closed
function M.new(what, on_close)
  local is_by_peer = type(what) ~= "number" and by_peer[what._type]
  return setmetatable({
    _what = what, _loop = false, _id = false, _on_close = on_close,
    _possible = type(what) == "number" and -1 or directions.possible(what),
    _by_peer = is_by_peer,
    _passing = false, -- it leaves its loop as soon as nobody waits
    _events = 0,      -- what the core waits for
    _supervised = false, -- what the supervisor of its connections takes for a stream
    _refused = false, -- the timer of a send that was refused
    _retry = FIRST_RETRY_MS,
    _is_xpub = type(what) ~= "number" and what._type == "XPUB",
    receives = new_list(C.EDDY_READ),
    sends = new_list(C.EDDY_WRITE, is_by_peer and {}), polls = new_list(0, {}),
  }, Line)
end

local function cancel(future) future:cancel() end

--- The line on this loop for what has none of its own: a plain socket, a descriptor's number.
function M.passing(loop, what)
  local line = loop._lines[what]
  if not line then
    line = M.new(what, cancel)
    line._passing = true
  end
  return line
end

-- The peer that a message goes to, which waits for no message to another one; false for what
-- must keep its place.
local function peer_of(self, operation, data, flags)
  if not self._by_peer or operation.name ~= "send_multipart" or band(flags, SNDMORE) ~= 0 or
    type(data) ~= "table" then return false end
  local name = data[1]
  return frames.is(name) and name.bytes or type(name) == "string" and name
end

-- Whether an operation may pass those that wait in its list: all of them for other peers.
local function may_pass(list, peer)
  return peer and not list.counts[false] and not list.counts[peer]
end

--- Whether an operation may be tried at once: nobody waits before it, and the turn's budget is
-- not used up.
function Line:may_try(operation, data, flags)
  local list = self[operation.list]
  if list.first and not may_pass(list, peer_of(self, operation, data, flags)) then return false end
  local loop = dispatch.loop() or self._loop
  local turn = loop and loop._turns or 0
  -- What its socket never does fails at once.
  return turn_budget.has_left(self, list, turn) or band(list.events, self._possible) == 0
end

local function somebody_waits(self)
  return self.receives.first or self.sends.first or self.polls.first
end

local function attended(list)
  local waiter = list.first
  while waiter do
    if waiter.future:_attended() then return true end
    waiter = waiter.after
  end
  return false
end

--- Whether anything comes of its waiting: something is to be sent, or somebody will hear of
-- what is received.
function Line:_attended()
  return self.sends.first and true or attended(self.receives) or attended(self.polls)
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
  local events = self.receives.first and C.EDDY_READ or 0
  if self.sends.first and not self._refused then events = events + C.EDDY_WRITE end
  if self.polls.first then
    for asked in pairs(self.polls.counts) do events = bor(events, asked) end
  end
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
    waiter.future:set_error(errors.again)
  end
end

local function wait(self, loop, list, waiter, ms, name)
  self:_attach(loop, name)
  waiter.line, waiter.name = self, name
  waiter.timer = ms >= 0 and ms < math.huge and loop:call_later(ms, expire, waiter)
  local future = futures.new(loop, setmetatable(waiter, Waiter))
  waiter.future = future
  append(list, waiter)
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
-- @param operation what eddy.operations has
-- @param ms how long at most (negative: for ever); then the future fails with EAGAIN
-- @return a future of what `operation.try` returns
function Line:wait(loop, operation, ms, data, flags, last)
  local waiter = { try = operation.try, data = frames.kept(data), flags = flags, last = last,
    peer = peer_of(self, operation, data, flags) }
  return wait(self, loop, self[operation.list], waiter, ms, operation.name)
end

--- Waits until the socket is ready.
-- @param events EDDY_READ, EDDY_WRITE, or both
-- @return a future of those of them that can be, 0 when the time is up
function Line:poll(loop, ms, events)
  return wait(self, loop, self.polls, { events = events }, ms, "poll")
end

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
local function attempt(self, waiter)
  local ok, result, err = pcall(waiter.try, self._what, waiter.data, waiter.flags, waiter.last)
  if not ok then
    waiter.future:set_error(result)
  elseif result ~= nil then
    turn_budget.charge(waiter.list, waiter.list == self.receives and result or waiter.data)
    waiter.future:_resolve(result)
  elseif err ~= errors.again then
    waiter.future:set_error(err)
  else
    return false
  end
  return true
end

-- Lets those in a list have their turn, as long as the socket can. False when it refused all
-- that it was asked.
local function serve(self, list)
  local waiter, count, refused = list.first, 0, nil
  turn_budget.renew(self, list, self._loop._turns)
  while waiter and list.left > 0 do
    local after, peer = waiter.after, waiter.peer
    if refused and not peer then break end
    -- Not one that was cancelled by what ran in the middle of the attempt before.
    if not waiter.future:done() and (not refused or not refused[peer]) then
      if attempt(self, waiter) then
        count = count + 1
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
    local mask = band(ready, bor(waiter.events, C.EDDY_ERROR))
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
  if band(ready, C.EDDY_READ) ~= 0 then serve(self, self.receives) end
  if band(ready, C.EDDY_WRITE) ~= 0 and self.sends.first then
    if serve(self, self.sends) then self._retry = FIRST_RETRY_MS else back_off(self) end
  end
end

-- Ends the wait of everybody: with an error, or as the socket's kind has it when it is closed.
function Line:_end(err)
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

function Line:_describe()
  if type(self._what) == "number" then return "descriptor " .. self._what end
  return tostring(self._what)
end

return M
