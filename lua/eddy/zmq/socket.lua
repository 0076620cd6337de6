-- The plain, blocking socket.
local constants = require "eddy.base.constants"
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"
local later = require "eddy.base.later"
local methods = require "eddy.base.methods"
local directions = require "eddy.zmq.directions"
local pool = require "eddy.base.pool"
local waits = require "eddy.base.waits"
local endpoints = require "eddy.zmq.endpoint"
local bytes = require "eddy.zmq.bytes"
local frames = require "eddy.zmq.frame"
local message = require "eddy.zmq.message"
local monitor = later.require "eddy.zmq.monitor"
local option_types = require "eddy.zmq.option_types"
local socket_options = require "eddy.zmq.options"
local serialization = require "eddy.zmq.serialization"
local peers = require "eddy.security.peer"
local access = require "eddy.zmq.access"

local C, ffi = c.C, c.ffi
local check, check_self = errors.check, errors.check_self
local EAGAIN, ENOTSOCK = errors.numbers.EAGAIN, errors.numbers.ENOTSOCK
local DONTWAIT = constants.DONTWAIT
local band = require("bit").band
local EHOSTUNREACH, EINTR = errors.numbers.EHOSTUNREACH, errors.numbers.EINTR

local received = ffi.typeof "eddy_received"
local take, give = pool(function() return ffi.gc(received(), C.eddy_received_close) end)

local types = {} -- their names, by number
for name in ("PAIR PUB SUB REQ REP DEALER ROUTER PULL PUSH XPUB XSUB STREAM"):gmatch("%S+") do
  types[constants[name]] = name
end

--- A ZeroMQ socket, made by `context:socket(type)`. Every socket option is an attribute too:
-- `socket.linger = 0`, `socket.last_endpoint`. `socket.closed` tells whether it is closed.
-- `socket.rcvmore` is true or false.
-- Operations on a closed socket raise ENOTSOCK.
---@class eddy.Socket
---@field closed boolean
---@field rcvmore boolean whether the message at hand has another frame
local Socket = {}

-- The socket's id; raises when it is closed.
local function id_of(self, what, code)
  return self._id or error(errors.new(code or ENOTSOCK, what .. ": the " .. self._type ..
    " socket is closed"), 0)
end

Socket._open_id = id_of

-- Makes the line of those who wait for the socket, where its kind has one of its own.
Socket._line_of = false

-- @param first what names the peer, if it is a message of a ROUTER's
local function again(result, what, self, flags, first)
  if result == -EAGAIN then
    if band(flags or 0, DONTWAIT) ~= 0 then return nil, errors.again end
    return nil, errors.timed_out(what, self)
  end
  if first and result == -EHOSTUNREACH then
    local id = bytes.kind(first) and first.bytes or first
    error(errors.unreachable(what .. ": " .. tostring(self), id), 0)
  end
  return check(result, what .. ":", self)
end

-- Whether the call that came to this result is to be made again, with EDDY_GO_ON: its wait was
-- ended by the watchdog.
local function goes_on(result, what, self)
  if result ~= -EINTR then return false end
  waits.go_on(what, self)
  return true
end

local function going_on(flags) return bit.bor(flags or 0, C.EDDY_GO_ON) end

-- How often it is connected to which endpoints, by the texts that were given, where libzmq is
-- to connect again; a table once there are any.
Socket._connects = false

-- Whether it may bind where strangers come in; the lists of numbers that it asks for over ipc;
-- what its `curve` says, but the secret; what asks its function who may come in; keys that were
-- revoked; from which networks connections are taken.
Socket._insecure, Socket._numbers, Socket._plan, Socket._asker = false, false, false, false
Socket._is_noticed, Socket._revoked, Socket._accept = false, false, false

-- Whether it ever subscribed.
Socket._subscribed = false

-- Which of the limits against strangers the script set itself.
Socket._own_limits = false

-- Whether workers share its ports: "yes" or "no" where the script says so.
Socket._shared = false

-- Those of messages that it was given.
Socket._limits = false

-- What it was, once closed; who reads its monitor; who waits for it.
Socket._was, Socket._monitor, Socket._line = false, false, false

for name, method in pairs(endpoints) do Socket[name] = method end
for name, method in pairs(access.methods) do Socket[name] = method end

-- Raises when a stream or a handler has the socket.
function Socket:_check_free(what)
  local owner = self._owner
  if not owner then return end
  error(errors.new(errors.numbers.EEXIST, ("%s: the %s has a %s already"):format(what,
    tostring(self), owner._kind or "owner")), 0)
end

--- Closes the socket. Doing it again is allowed.
-- @param linger ms for which libzmq still tries to send what it has, negative or infinite being for
-- ever; the option's unless given
function Socket:close(linger)
  linger = errors.linger_of(linger)
  if not self._id then return end
  if self._owner then return self._owner:_socket_closing(linger) end
  local id = self._id
  self:_closed()
  C.eddy_socket_close(self._c, id, linger or C.EDDY_OWN_LINGER)
end

-- From now on the socket counts as closed; it keeps its name.
function Socket:_closed()
  rawset(self, "_was", tostring(self))
  self._id, self._owner = false, false
  access.forget(self)
end

-- Sends a message whose bytes are tracked; returns the tracker.
local function send_tracked(self, list, flags, what)
  local tracked = {}
  for i, data in ipairs(list) do
    if bytes.kind(data) == C.EDDY_VIEW then data = data.bytes end
    tracked[i] = type(data) == "string" and frames.new(data, true) or data
  end
  local tracker = frames.tracker(unpack(tracked))
  local packed = message.pack(tracked, what)
  local result
  repeat
    result = C.eddy_socket_send_parts(self._c, id_of(self, what), packed.array, packed.count,
      flags or 0)
    flags = going_on(flags)
  until not goes_on(result, what, self)
  message.release(packed)
  for i, data in ipairs(list) do
    if not frames.is(data) then tracked[i]:close() end
  end
  if result == 0 then return tracker end
  return again(result, what, self, flags, list[1])
end

--- Sends one frame, waiting until the socket takes it or SNDTIMEO is over.
-- @param data a string or a frame
-- @param flags zmq.DONTWAIT: do not wait; zmq.SNDMORE: more frames follow
-- @param copy is for PyZMQ's sake: strings are copied, frames are not
-- @param track whether to return a tracker
-- @return true or a tracker, or nil and an EAGAIN error when it could not be sent now or in
-- time
---@return true|eddy.Tracker ok
---@return eddy.Error err
function Socket:send(data, flags, copy, track) -- luacheck: no unused args
  check_self(self, "send", "socket")
  if track then return send_tracked(self, { data }, flags, "send") end
  if type(data) ~= "string" then
    local packed = message.of(data, "send")
    local id = id_of(self, "send")
    local result = C.eddy_socket_send_parts(self._c, id, packed.array, 1, flags or 0)
    message.release(packed)
    if result == 0 then return true end
    if goes_on(result, "send", self) then return Socket.send(self, data, going_on(flags)) end
    return again(result, "send", self, flags, data)
  end
  local result = C.eddy_socket_send(self._c, id_of(self, "send"), data, #data, flags or 0)
  if result == 0 then return true end
  if goes_on(result, "send", self) then return Socket.send(self, data, going_on(flags)) end
  return again(result, "send", self, flags, data)
end

--- Sends a message of several frames, whole or not at all. As `send`.
-- @param list a list of strings and frames
---@return true|eddy.Tracker ok
---@return eddy.Error err
function Socket:send_multipart(list, flags, copy, track) -- luacheck: no unused args
  check_self(self, "send_multipart", "socket")
  if track then return send_tracked(self, list, flags, "send_multipart") end
  local packed = message.pack(list, "send_multipart")
  local id = id_of(self, "send_multipart")
  local result = C.eddy_socket_send_parts(self._c, id, packed.array, packed.count, flags or 0)
  message.release(packed)
  if result == 0 then return true end
  if goes_on(result, "send_multipart", self) then
    return Socket.send_multipart(self, list, going_on(flags))
  end
  return again(result, "send_multipart", self, flags, list[1])
end

-- Receives one frame, as a string or, without copying, as a frame. Returns it and whether
-- another follows; or nil and an error.
local function receive(self, id, flags, copy, what)
  if copy == false or copy == "view" then
    local own = frames.lend()
    local result = C.eddy_socket_recv_frame(self._c, id, flags, own)
    if result < 0 then
      frames.take_back(own)
      if not goes_on(result, what, self) then return again(result, what, self, flags) end
      return receive(self, id, going_on(flags), copy, what)
    end
    local frame = frames.settle(own)
    return frame, frame.more
  end
  local part = take()
  local result = C.eddy_socket_recv(self._c, id, flags, part)
  if result < 0 then
    give(part)
    if not goes_on(result, what, self) then return again(result, what, self, flags) end
    return receive(self, id, going_on(flags), copy, what)
  end
  local size, more, data = part.size, part.more ~= 0, nil
  if size >= 0 then data = ffi.string(part.data, size) end
  -- The next receive, which gives back what this one brought, may be long in coming.
  if part.held ~= 0 then C.eddy_received_close(part) end
  give(part)
  if not data then
    error(errors.new(errors.numbers.EMSGSIZE, what .. ": a frame of 2 GiB or more"), 0)
  end
  return data, more
end

--- Receives one frame, waiting for it, or for as long as RCVTIMEO says.
-- @param flags zmq.DONTWAIT: do not wait
---@param copy? true false, or "view", for a frame in place of a string
-- @return a string or frame, or nil and an EAGAIN error when there was none now or in time.
-- `socket.rcvmore` tells whether the message has another.
---@overload fun(self, flags: integer?, copy: false|"view"): eddy.Frame, eddy.Error?
---@return string frame
---@return eddy.Error err
function Socket:recv(flags, copy)
  check_self(self, "recv", "socket")
  local frame, err = receive(self, id_of(self, "recv"), flags or 0, copy, "recv")
  if frame then return frame end
  return nil, err
end

-- As `recv`, and whether the message has another.
function Socket:_recv_part(flags, copy)
  return receive(self, id_of(self, "recv"), flags or 0, copy, "recv")
end

--- Receives a whole message. As `recv`.
-- @return a list of strings, or of frames
---@param copy? true
---@overload fun(self, flags: integer?, copy: false|"view"): eddy.Frame[], eddy.Error?
---@return string[] frames
---@return eddy.Error err
function Socket:recv_multipart(flags, copy)
  check_self(self, "recv_multipart", "socket")
  local id = id_of(self, "recv_multipart")
  local frame, more = receive(self, id, flags or 0, copy, "recv_multipart")
  if not frame then return nil, more end
  local list, count = { frame }, 1
  while more do
    count = count + 1
    list[count], more = receive(self, id, 0, copy, "recv_multipart")
  end
  return list
end

--- Who sent what was received last, of a socket that asks who may come in (`curve` with `allow`,
-- `allow_uid` and its kin): { user, key, address, uid, gid, pid, mechanism }, and what the allowing
-- function returned.
-- @return the peer; nil for another socket, over inproc, and before anything was received
---@return eddy.Peer?
function Socket:peer()
  local id = id_of(self, "peer")
  return peers.new(self, function(name)
    local value = C.eddy_socket_property(self._c, id, name)
    return value ~= nil and ffi.string(value) or nil
  end)
end

--- Waits until the socket can receive or send.
---@param ms? number nil or negative: for ever
-- @param flags zmq.POLLIN (the default), zmq.POLLOUT, or both
-- @return those of them that can be, 0 when the time is up. Raises ENOTSUP when closed, and when
-- it would wait for ever for what can never be.
---@return integer flags
function Socket:poll(ms, flags)
  check_self(self, "poll", "socket")
  ms = errors.limit_of(ms, "poll") or -1
  local id = id_of(self, "poll", errors.numbers.ENOTSUP)
  flags = flags or constants.POLLIN
  directions.check_poll(self, ms, flags)
  local deadline = waits.deadline(ms)
  local result = C.eddy_socket_poll(self._c, id, flags, ms)
  while goes_on(result, "poll", self) do
    result = C.eddy_socket_poll(self._c, id, flags, waits.left(deadline))
  end
  return check(result, "poll", self)
end

--- Subscribes a SUB socket to a topic: to messages that begin with it, to all if it is empty.
function Socket:subscribe(topic)
  self:set(constants.SUBSCRIBE, topic)
end

--- Ends a subscription.
function Socket:unsubscribe(topic) self:set(constants.UNSUBSCRIBE, topic) end

-- socket:monitor(endpoint, events) and so on: see eddy.monitor.
Socket.monitor = later.call(monitor, "monitor")
Socket.get_monitor_socket = later.call(monitor, "get_monitor_socket")
Socket.disable_monitor = later.call(monitor, "disable_monitor")

for name, method in pairs(socket_options.methods) do Socket[name] = method end
for name, method in pairs(serialization.methods) do Socket[name] = method end

methods(Socket, "socket", [[send send_multipart send_string send_json send_serialized recv
  recv_multipart recv_string recv_json recv_serialized recv_into get poll]])

local function is_attribute(key)
  return type(key) == "string" and (socket_options.is_hwm(key) or access.find(key) or
    option_types.kinds[key:upper()])
end

-- "PULL socket at tcp://127.0.0.1:5555", for messages to people.
local function text_of(self)
  if not self._id then return (self._was or self._type .. " socket") .. " (closed)" end
  local endpoint = socket_options.endpoint(self)
  return self._type .. " socket" .. (endpoint and " at " .. endpoint or "")
end

local classes = {}

--- A class of sockets: the metatable of those that have these methods of their own in place of
-- the plain ones.
function Socket.class(own)
  methods(own, "socket", "send send_multipart recv recv_multipart") -- which look themselves
  local Instance = { __tostring = text_of }
  function Instance.__index(self, key)
    local method = own[key]
    if method == nil then method = Socket[key] end
    if method ~= nil then return method end
    if key == "closed" then return not self._id end
    if key == "rcvmore" then return self:get("RCVMORE") == 1 end -- 0 would be true
    if not is_attribute(key) then
      errors.misuse(("a socket has no attribute or option '%s'%s"):format(tostring(key),
        socket_options.nearest(key, Socket)))
    end
    return self:get(key)
  end
  function Instance.__newindex(self, key, value)
    if not is_attribute(key) then
      errors.misuse(("a socket has no option '%s'%s"):format(tostring(key),
        socket_options.nearest(key)))
    end
    self:set(key, value)
  end
  classes[Instance] = true
  return Instance
end

local Plain = Socket.class({})

--- Opens a socket; `context:socket` is what scripts call.
-- @param context the context, which the socket keeps
-- @param core the core's context
-- @param number the type: zmq.REQ ...
-- @param class what `Socket.class` made; plain sockets unless given
function Socket.open(context, core, number, class)
  local type_name = types[number] or "type " .. tostring(number)
  if type(number) ~= "number" then
    errors.misuse("socket: expected a type such as zmq.REQ, got " .. errors.typed(number))
  end
  local id = check(C.eddy_socket_open(core, number), "socket", type_name)
  return setmetatable({ context, -- which it keeps
    _c = core, _id = id, _type = type_name, _owner = false, -- four: five take twice the memory
  }, class or Plain)
end

--- Whether a value is a socket.
---@return boolean
function Socket.is(value)
  return classes[getmetatable(value)] ~= nil
end

return Socket
