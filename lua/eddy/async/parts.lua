-- Messages of which a part was sent or taken, and others are to come. Whoever began one keeps
-- the line of its socket until the last part.
--
-- Parts that are sent wait here until the last one, and go to libzmq as one message: it cannot
-- take back what it was given, and of a message that is given up nobody is to get anything.
local constants = require "eddy.base.constants"
local errors = require "eddy.base.errors"
local C = require "eddy.base.libeddy".C
local callback_errors = require "eddy.loop.callback_errors"
local dispatch = require "eddy.loop.dispatch"
local coroutines = require "eddy.tasks.coroutine"
local ownership = require "eddy.tasks.ownership"
local bytes = require "eddy.zmq.bytes"
local frames = require "eddy.zmq.frame"
local message = require "eddy.zmq.message"
local Socket = require "eddy.zmq.socket"

local band, bor, bnot = bit.band, bit.bor, bit.bnot
local READ, WRITE = C.EDDY_READ, C.EDDY_WRITE
local DONTWAIT, SNDMORE, POLLOUT = constants.DONTWAIT, constants.SNDMORE, constants.POLLOUT

local M = {}

-- A message of which a part was sent or taken: its list's `hold`.
local Hold = {}
Hold.__index = Hold

local function hold(line, list, owner, is_of_call, of_send)
  local held = list.spare or setmetatable({ line = line, list = list }, Hold)
  held.parts, list.hold, list.spare = of_send or false, held, false
  ownership.give(held, owner, is_of_call)
end

-- The message has come to its end, so that it is the next one's turn.
local function release(held)
  local list, line = held.list, held.line
  ownership.take(held)
  list.hold, list.spare = false, held
  if line._id then line:_want() end
end

local function close(parts)
  if not parts.has_frames then return end
  for _, part in ipairs(parts) do
    if frames.is(part) then part:close() end
  end
end

-- What is left of a message that nobody goes on with goes nowhere.
function Hold:_drop()
  self.list.hold = false
  if self.parts then return close(self.parts) end
  if not self.line._what.closed then
    pcall(Socket.recv_multipart, self.line._what, DONTWAIT, false)
  end
end

function Hold:_give_up(loop, owner)
  local line, kind = self.line, self.parts and "sending: nothing of it was sent" or
    "receiving: the rest of it is dropped"
  self:_drop()
  line:_want()
  if loop == false or coroutines.is_cancelled(owner) then return end
  local log = loop and loop._log or callback_errors.methods._log
  log(loop, ("%s: %s ended in the middle of a message that it was %s"):format(line:_describe(),
    coroutines.describe(owner), kind))
end

function Hold:_moved() self.line:_want() end

--- Whether somebody else has begun a message of this list that is not at its end.
function M.is_held(list, owner)
  local held = list.hold
  if not held or ownership.acts_for(owner, held._owner) then return false end
  if ownership.is_dead(held._owner) then -- a coroutine that is no task
    ownership.take(held)
    held:_give_up(dispatch.loop() or held.line._loop or nil, held._owner)
    return false
  end
  return true
end

--- Those of the events that an owner can make use of: not of a message that is another's.
function M.heard(line, owner, events)
  if M.is_held(line.receives, owner) then events = band(events, bnot(READ)) end
  if M.is_held(line.sends, owner) then events = band(events, bnot(WRITE)) end
  return events
end

--- Those of the events that the running code can make use of.
function M.usable(line, events)
  if events == 0 or not (line.receives.hold or line.sends.hold) then return events end
  return M.heard(line, ownership.current(), events)
end

--- Raises when a message was begun that is not at its end.
function M.check_whole(line, what)
  if not line.receives.hold and not line.sends.hold then return end
  error(errors.new(errors.numbers.EFSM, ("%s: a message of the %s was %s in part"):format(what,
    tostring(line._what), line.receives.hold and "received" or "sent")), 0)
end

--- What those who poll wait for.
function M.polled(line)
  local polls, events = line.polls, 0
  if not (line.receives.hold or line.sends.hold) then
    for asked in pairs(polls.counts) do events = bor(events, asked) end
    return events
  end
  local poll = polls.first
  while poll do
    events, poll = bor(events, M.heard(line, poll.owner, poll.events)), poll.after
  end
  return events
end

--- Nobody goes on with what was begun: the socket is being closed, or its loop.
function M.forget(list)
  local held = list.hold
  if not held then return end
  ownership.take(held)
  held:_drop()
end

--- Who holds a list up, for messages to people.
function M.holder(list) return coroutines.describe(list.hold._owner) end

-- Sockets whose state says at once that nothing can be sent: libzmq tells why. That of others does
-- not tell whether a message has to wait or will fail: a REQ's, which may have no peer or await a
-- reply, and those whose message names its peer.
local raises = { REP = true, PULL = true, SUB = true }
local is_unsure = { REQ = true, ROUTER = true, STREAM = true }

--- Whether libzmq could take a message's first part now.
function M.may_begin(socket)
  return is_unsure[socket._type] or Socket.poll(socket, 0, POLLOUT) ~= 0
end

-- Adds what is sent to the parts: copies. Returns true, or the tracker of what was added.
local function append(parts, operation, data, track)
  local list = data
  if operation.name == "send" then
    if type(data) == "string" and not track then
      parts[#parts + 1] = data
      return true
    end
    if type(data) ~= "string" and not bytes.kind(data) then
      errors.misuse("send: expected a string or a frame, got " .. type(data))
    end
    list = { data }
  end
  parts.has_frames = true -- perhaps
  local checked = message.pack(list, operation.name)
  local own = message.list(checked)
  message.release(checked)
  for i, part in ipairs(own) do
    if track or frames.is(part) then own[i] = frames.new(part, track) end
  end
  local word = not track or frames.tracker(unpack(own))
  for _, part in ipairs(own) do parts[#parts + 1] = part end
  return word
end

--- What sends a whole message of parts that waited.
M.whole = { name = "send_multipart", list = "sends", timeout = constants.SNDTIMEO }

function M.whole.try(socket, parts, flags)
  local result, err = Socket.send_multipart(socket, parts, flags)
  if result == nil then return nil, err end
  close(parts)
  return parts.word
end

--- Begins a message, or sends a further part or the last ones, for one whom nobody holds up.
-- @param owner who sends
-- @param is_of_call whether the callback that runs does, if callbacks are
-- @return true or a tracker; or nil and an error, with, when that is EAGAIN and nothing is
-- missing, the parts, which are to be sent by `whole` before all others
function M.send(line, operation, data, flags, track, owner, is_of_call)
  local socket, list = line._what, line.sends
  local held = list.hold
  if not socket._id then socket:_open_id(operation.name) end
  if not held and raises[socket._type] and not M.may_begin(socket) then
    Socket.send(socket, data, flags)
  end
  local parts = held and held.parts or {}
  local word = append(parts, operation, data, track)
  if band(flags, SNDMORE) ~= 0 then
    if not held then hold(line, list, owner, is_of_call, parts) end
    return word
  end
  parts.word = word
  release(held)
  local result, err = M.whole.try(socket, parts, flags)
  if result ~= nil then return result end
  return nil, err, err == errors.again and parts or nil
end

-- The next waiter of the same owner, in a direction.
local function next_of(waiter, direction)
  local owner = waiter.owner
  repeat waiter = waiter[direction] until not waiter or waiter.owner == owner
  return waiter
end

--- Gives up the message that a waiter has a part of: what was sent of it already is dropped.
-- @return the others that wait to send parts of it; nil when there are none
function M.of_message(waiter)
  local list = waiter.list
  if waiter.operation == M.whole or waiter.is_given_up then return nil end
  local held = list.hold
  if held and held._owner == waiter.owner then M.forget(list) end
  if list.owners[waiter.owner] == 1 then return nil end
  local others, each = {}, waiter
  while each and band(each.flags, SNDMORE) ~= 0 do
    each = next_of(each, "after")
    others[#others + 1] = each or nil
  end
  each = next_of(waiter, "before")
  while each and band(each.flags, SNDMORE) ~= 0 do
    others[#others + 1] = each
    each = next_of(each, "before")
  end
  for _, other in ipairs(others) do other.is_given_up = true end
  return others
end

--- Notes what was received, when it was a part of a message, or may have been the last one.
-- @param more whether others follow
function M.received(line, more, owner, is_of_call)
  local list = line.receives
  if more and not list.hold then
    hold(line, list, owner, is_of_call)
  elseif not more and list.hold then
    release(list.hold)
  end
end

--- Whether the running code has taken a part of a message that has others.
function M.has_more(line)
  local held = line.receives.hold
  return held ~= false and ownership.acts_for(ownership.current(), held._owner)
end

return M
