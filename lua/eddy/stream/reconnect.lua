--- Supervision: a stream's endpoints are connected anew where libzmq does not do it. It does after
-- a lost connection, and says so at once (CONNECT_RETRIED); after an error of the protocol it only
-- says DISCONNECTED, and keeps the endpoint, so that another connect may do nothing.
--
-- Streams of REP and ROUTER sockets that connect are supervised without being asked: libzmq gives a
-- connection of theirs up when it was lost and is made again while the socket's queue is full, for
-- it has no room for the peer's identity then, and takes the peer's next message for an error.
--
-- Events name an endpoint by the text of its connect until its first connection ended; from then
-- on by the address that was found for it ("tcp://localhost:5555", "tcp://127.0.0.1:5555").
local constants = require "eddy.base.constants"
local C = require "eddy.base.libeddy".C
local errors = require "eddy.base.errors"
local access = require "eddy.zmq.access"
local monitor = require "eddy.zmq.monitor"

local band = require("bit").band

local FIRST, LONGEST = 1000, 60000
local GRACE = 100 -- ms that libzmq's threads may take to say that they try again

local EVENTS = constants.EVENT_CONNECT_DELAYED + constants.EVENT_CONNECT_RETRIED +
  constants.EVENT_CONNECTED + constants.EVENT_HANDSHAKE_SUCCEEDED +
  constants.EVENT_DISCONNECTED + constants.EVENT_MONITOR_STOPPED

--- A stream's supervisor, which is its monitor's listener. Its endpoints, by their text:
-- { text, said = what events call it, unsure = whether that is a guess, ends = how many of its
-- connections ended and were not retried, order = of the last end, delay = the next one,
-- since = the time of the last handshake, deadline = until when it waits for messages to be
-- taken, quiet = whether there were none, timer }.
local Supervisor = { events = EVENTS }
Supervisor.__index = Supervisor

-- Supervision keeps no loop running: its timers, which the core counts as alive, are expected.
local function disarm(self, endpoint)
  if not endpoint.timer then return end
  endpoint.timer:stop()
  endpoint.timer = nil
  self.stream.loop._expected = self.stream.loop._expected - 1
end

local due

local function arm(self, endpoint, ms)
  local loop = self.stream.loop
  disarm(self, endpoint)
  endpoint.timer = loop:call_later(ms, function()
    disarm(self, endpoint)
    due(self, endpoint)
  end)
  loop._expected = loop._expected + 1
end

local function forget(self, endpoint)
  disarm(self, endpoint)
  self.endpoints[endpoint.text] = nil
end

-- The endpoints that fit, the one whose connection ended first being the first.
local function select(self, fits, ...)
  local found = {}
  for _, endpoint in pairs(self.endpoints) do
    if fits(endpoint, ...) then found[#found + 1] = endpoint end
  end
  table.sort(found, function(a, b) return a.order < b.order end)
  return found
end

local function is_called(endpoint, name) return endpoint.said == name or endpoint.text == name end
local function is_gone(endpoint, connects) return not connects[endpoint.text] end
local function is_ended(endpoint) return endpoint.ends > 0 end
local function port_of(name) return name:match "^tcp:.*:(%d+)$" end

-- Whether an address that is new may be that of an endpoint: of one that had none so far, or of
-- one whose name has another address now.
local function may_be(endpoint, name, had_address)
  return is_ended(endpoint) and (endpoint.said ~= endpoint.text) == had_address and
    port_of(name) and tonumber(port_of(endpoint.text)) == tonumber(port_of(name))
end

-- Whether events do not tell one from the other.
local function are_alike(endpoint, other)
  return endpoint == other or is_called(endpoint, other.said) or is_called(other, endpoint.said)
    or endpoint.unsure and other.unsure and port_of(endpoint.text) == port_of(other.text)
end

-- The endpoint that a retry is about. An address that is new belongs to one that has ended; when
-- that may be several, to the first, and they count as alike from then on.
local function retried(self, name)
  local known = select(self, is_called, name)
  for _, endpoint in ipairs(known) do
    if is_ended(endpoint) then return endpoint end
  end
  if #known > 0 or (self.stream.socket._connects or {})[name] then return end
  local candidates = select(self, may_be, name, false)
  if #candidates == 0 then candidates = select(self, may_be, name, true) end
  for _, endpoint in ipairs(candidates) do
    endpoint.unsure = endpoint.unsure or #candidates > 1
  end
  return candidates[1]
end

-- The endpoint by that name, where it is one that libzmq is to connect again.
local function find(self, name)
  local endpoint = select(self, is_called, name)[1]
  local connects = self.stream.socket._connects or {}
  if endpoint or not connects[name] then return endpoint end
  for _, other in ipairs(select(self, is_gone, connects)) do forget(self, other) end
  endpoint = { text = name, said = name, ends = 0, order = 0, delay = self.first }
  self.endpoints[name] = endpoint
  return endpoint
end

-- A client of CURVE's is held until a server lets it in: libzmq would throw away with a connection
-- that is refused what it was given for it.
local function hold(self, on)
  local socket = self.stream.socket
  if self.is_holding == on or not socket or not socket._id then return end
  self.is_holding = on
  access.hold(socket, on)
end

local function is_in(endpoint) return endpoint.is_in end

local function recovered(self, endpoint, ends)
  endpoint.ends = math.max(0, ends)
  if not is_ended(endpoint) then disarm(self, endpoint) end
end

local hearing = {}

function hearing.DISCONNECTED(self, name)
  local endpoint = find(self, name)
  if not endpoint then return end
  local time = self.stream.loop:time()
  if endpoint.since and time - endpoint.since >= self.longest then endpoint.delay = self.first end
  self.ended_count = self.ended_count + 1
  endpoint.ends, endpoint.order, endpoint.since = endpoint.ends + 1, self.ended_count, nil
  endpoint.deadline, endpoint.quiet = time + self.longest, false
  arm(self, endpoint, endpoint.delay)
end

function hearing.CONNECT_RETRIED(self, name)
  local endpoint = retried(self, name)
  if not endpoint then return end
  endpoint.said = name
  recovered(self, endpoint, endpoint.ends - 1)
end

-- A connect of the script's, after its disconnect.
function hearing.CONNECTED(self, name)
  for _, endpoint in ipairs(select(self, is_called, name)) do recovered(self, endpoint, 0) end
end

hearing.CONNECT_DELAYED = hearing.CONNECTED

function hearing.HANDSHAKE_SUCCEEDED(self, name)
  local endpoint = find(self, name)
  if endpoint then endpoint.since, endpoint.is_in = self.stream.loop:time(), true end
  hold(self, false)
end

function hearing.MONITOR_STOPPED(self)
  if self.automatic then return end
  self.stream.loop:_log(self.stream.name .. ": its socket's monitor was ended, and supervision")
end

function Supervisor:hear(event)
  hearing[event.name](self, event.endpoint)
end

function Supervisor:ended()
  for _, endpoint in pairs(self.endpoints) do disarm(self, endpoint) end
  self.endpoints = {}
  hold(self, false)
end

-- Ends an endpoint's connections and makes as many. One that libzmq does not have any more was
-- given up by the script, or as reconnect_ivl says.
local function reset(self, endpoint)
  local stream, text = self.stream, endpoint.text
  local count = stream.socket._connects[text]
  if not count or not pcall(stream.socket.disconnect, stream.socket, text) then
    return forget(self, endpoint)
  end
  local delay = endpoint.delay
  endpoint.is_in = false
  if self.holds and #select(self, is_in) == 0 then hold(self, true) end
  recovered(self, endpoint, 0)
  endpoint.said, endpoint.unsure = text, false
  endpoint.delay = math.min(delay * 2, self.longest)
  for _ = 1, count do stream.socket:connect(text) end
  stream.loop:_log(("%s: libzmq gave up %s over an error of the protocol; connected anew " ..
    "after %g ms"):format(stream.name, text, delay))
  monitor.tell(stream, { event = constants.EVENT_ENDPOINT_RESET, name = "ENDPOINT_RESET",
    value = delay, endpoint = text })
end

-- Whether an endpoint can be reset now: what libzmq has received would be lost, and a PAIR refuses
-- a connection until it is through with the last one, a moment after that is taken.
local function is_ready(self, endpoint)
  local stream = self.stream
  local unread = band(stream.socket:get("EVENTS"), constants.POLLIN) ~= 0
  local was_quiet = endpoint.quiet
  endpoint.quiet = not unread
  if stream.socket._type == "PAIR" then return was_quiet and not unread end
  return not unread or stream.loop:time() >= endpoint.deadline
end

-- Nothing said that libzmq tries again.
function due(self, endpoint)
  if not monitor.is_heard(self.stream) or not is_ready(self, endpoint) then
    return arm(self, endpoint, endpoint.quiet and GRACE or self.first)
  end
  for _, other in ipairs(select(self, are_alike, endpoint)) do
    if self.endpoints[other.text] == other then reset(self, other) end
  end
end

local function check_delay(ms, name)
  if ms ~= nil and (type(ms) ~= "number" or not (ms > 0 and ms < math.huge)) then
    errors.misuse(("supervise: %s: expected a number of ms above 0, got %s"):format(name,
      tostring(ms)))
  end
  return ms
end

local function new_supervisor(stream, automatic)
  return setmetatable({ stream = stream, endpoints = {}, ended_count = 0, automatic = automatic,
    first = FIRST, longest = LONGEST }, Supervisor)
end

local M = {}

--- Begins to supervise a stream, or goes on with other settings.
-- @param settings { first = ms, longest = ms }, false to end it
-- @param new what makes a stream of a socket on a loop
function M.supervise(stream, settings, new)
  local self = monitor.listener(stream, "supervise")
  if settings == false then
    if self then self:ended() end
    return monitor.listen(stream, "supervise", nil, new)
  end
  settings = settings or {}
  errors.check_fields(settings, { first = true, longest = true }, "supervise")
  local first = check_delay(settings.first, "first") or FIRST
  local longest = check_delay(settings.longest, "longest") or math.max(first, LONGEST)
  if first > longest then
    errors.misuse(("supervise: expected first to be at most longest, got %g and %g"):format(first,
      longest))
  end
  self = self or new_supervisor(stream)
  self.automatic = nil
  monitor.listen(stream, "supervise", self, new)
  self.first, self.longest = math.max(first, GRACE), math.max(longest, GRACE)
  for _, endpoint in pairs(self.endpoints) do
    endpoint.delay = math.min(math.max(endpoint.delay, self.first), self.longest)
  end
end

local has_identities = { REP = true, ROUTER = true }

local function is_wired(socket)
  for endpoint in pairs(socket._connects or {}) do
    if not endpoint:find "^inproc:" then return true end
  end
end

-- Of these, a socket that cannot send has no connection: not yet, or it was refused before anybody
-- listened to its events.
local tells_connections = { DEALER = true, PUSH = true, PAIR = true }

-- A client is held unless it was given messages already, or has some: then it has been let in, or
-- what it was given is libzmq's.
local function is_fresh(socket)
  return band(socket:get "EVENTS", constants.POLLIN) == 0 and
    C.eddy_socket_has_sent(socket._c, socket._id) == 0
end

local function has_no_connection(socket)
  return tells_connections[socket._type] and band(socket:get "EVENTS", constants.POLLOUT) == 0
end

-- Connects a client anew that may have been refused already, or let in without a word: nothing can
-- be lost of what it has no connection for, or has not begun to use.
local function begin_client(self)
  local socket = self.stream.socket
  self.is_client = true
  self.holds = access.is_held_client(socket) and is_fresh(socket) or false
  hold(self, self.holds)
  if not self.holds and not has_no_connection(socket) then return end
  local connects = {}
  for endpoint, count in pairs(socket._connects) do connects[endpoint] = count end
  for endpoint, count in pairs(connects) do
    if pcall(socket.disconnect, socket, endpoint) then
      for _ = 1, count do socket:connect(endpoint) end
    end
  end
end

--- Supervises a stream whose socket connects, if libzmq may give its connections up without an
-- error of the protocol, or as the server refuses its key, and nobody has a monitor of the socket
-- already.
-- @param new what makes a stream of a socket on a loop
function M.watch(stream, new)
  local socket = stream.socket
  local is_client = socket._plan and socket._plan.server
  local may_be_given_up = has_identities[socket._type] or is_client
  if not may_be_given_up or not is_wired(socket) then return end
  local self = monitor.listener(stream, "supervise")
  if not self then
    if monitor.is_foreign(stream) then return is_client and access.hold(socket, false) end
    self = new_supervisor(stream, true)
    local ok, err = pcall(monitor.listen, stream, "supervise", self, new)
    if not ok then
      if is_client then access.hold(socket, false) end
      return stream.loop:_log(stream.name .. " is not supervised: " .. tostring(err))
    end
  end
  if is_client and not self.is_client then begin_client(self) end
end

return M
