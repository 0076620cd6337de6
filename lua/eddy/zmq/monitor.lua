--- Monitors: a socket tells of its connections, on another socket or on a stream's loop.
local constants = require "eddy.base.constants"
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"

local C, ffi = c.C, c.ffi
local check, check_function = errors.check, errors.check_function
local band = require("bit").band

-- libzmq's message, in native order: the event's number and its value, without padding.
local HEAD = 6
local uint16, int32 = ffi.typeof "const uint16_t *", ffi.typeof "const int32_t *"

local EVERY = 2 ^ 31 - 1 -- all events, those included that are not libzmq's

local names = {} -- of events, by number
for name, number in pairs(constants) do
  local short = name:match("^EVENT_(.+)$")
  -- ALL and its like stand for several, and those beyond 16 bits are not told this way.
  if short and not short:match("^ALL") and number < 2 ^ 16 then names[number] = short end
end

---@class eddy.SocketEvent
---@field event integer
---@field name string "CONNECTED"
---@field value integer
---@field endpoint string

local M = {}

-- The socket's id; raises when it is closed.
local function id_of(socket, what)
  return socket._id or error(errors.new(errors.numbers.ENOTSOCK, what .. ": " ..
    tostring(socket)), 0)
end

local function check_events(events, what)
  if events == nil then return constants.EVENT_ALL end
  if type(events) ~= "number" or events % 1 ~= 0 or events < 0 then
    errors.misuse(what .. ": expected events such as zmq.EVENT_CONNECTED, got " ..
      tostring(events))
  end
  if events >= 2 ^ 31 then error(errors.new(errors.numbers.EINVAL, what .. ": events"), 0) end
  return events
end

-- A script wants a monitor of its own: one that the socket has without being asked goes.
local function give_way(socket)
  local owner = socket._owner
  local stream = owner and (owner._supervised or owner._kind == "stream" and owner)
  local listeners = stream and stream._events and stream._events._listeners
  if listeners and not listeners.on_event and listeners.supervise and
      listeners.supervise.automatic then
    M._forget(stream)
  end
end

--- Tells of a socket's events on the PAIR socket that connects to `endpoint`.
-- @param socket the socket
---@param endpoint? string an inproc endpoint, or nil to end it
-- @param events zmq.EVENT_CONNECTED ..., or their sum; all of them unless given
function M.monitor(socket, endpoint, events)
  if endpoint ~= nil and type(endpoint) ~= "string" then
    errors.misuse("monitor: expected an endpoint or nil, got " .. type(endpoint))
  end
  events = check_events(events, "monitor")
  if endpoint then give_way(socket) end
  check(C.eddy_socket_monitor(socket._c, id_of(socket, "monitor"), endpoint, events), "monitor",
    endpoint)
  rawset(socket, "_monitor", false)
  rawset(socket, "_monitored", endpoint ~= nil)
end

-- Begins at an endpoint that has the descriptor's number in it; not the same again while
-- libzmq still clears up after a socket that had that number before.
local function begin(socket, id, events)
  local base, tries = "inproc://monitor.s-" .. socket:get("FD"), 0
  while true do
    local endpoint = tries == 0 and base or base .. "-" .. tries
    local result = C.eddy_socket_monitor(socket._c, id, endpoint, events)
    if result ~= -errors.numbers.EADDRINUSE then
      check(result, "get_monitor_socket", endpoint)
      return endpoint
    end
    tries = tries + 1
  end
end

--- The PAIR socket that receives a socket's events: the same one as long as it is open.
-- @param socket the socket
-- @param events zmq.EVENT_CONNECTED ..., or their sum; all of them unless given
---@param endpoint? string an inproc endpoint; "inproc://monitor.s-" and a number unless given
---@return eddy.Socket
function M.get_monitor_socket(socket, events, endpoint)
  local id = id_of(socket, "get_monitor_socket")
  give_way(socket)
  local reader = rawget(socket, "_monitor")
  if reader and not reader.closed then return reader end
  events = check_events(events, "get_monitor_socket")
  -- First of all the reader: from the moment the monitor begins, its events want one.
  reader = socket[1]:socket(constants.PAIR, { linger = 0, rcvhwm = 0 })
  local ok, err = pcall(function()
    if endpoint then
      M.monitor(socket, endpoint, events)
    else
      endpoint = begin(socket, id, events)
    end
    reader:connect(endpoint)
  end)
  if not ok then
    reader:close(0)
    error(err, 0)
  end
  rawset(socket, "_monitor", reader)
  return reader
end

--- Ends a socket's monitor, if it has one. The reader's last event is MONITOR_STOPPED; it
-- stays open.
function M.disable_monitor(socket)
  M.monitor(socket, nil)
end

--- What a monitor's message says.
---@param frames eddy.Part[]
-- its two frames: strings, or frames as `recv_multipart(flags, false)` has them
-- @return { event = number, name = "CONNECTED", value = n, endpoint = "tcp://..." }
---@return eddy.SocketEvent
function M.parse_monitor_message(frames)
  if type(frames) ~= "table" then
    errors.misuse("parse_monitor_message: expected a list of frames, got " .. type(frames))
  end
  local parts = {}
  for i = 1, #frames do
    parts[i] = type(frames[i]) == "string" and frames[i] or frames[i].bytes
  end
  if #parts ~= 2 or #parts[1] ~= HEAD then
    error(errors.new(errors.numbers.EINVAL, ("parse_monitor_message: expected 2 frames, " ..
      "the first of %d bytes, got %d%s"):format(HEAD, #parts,
      parts[1] and ", the first of " .. #parts[1] or "")), 0)
  end
  local event = ffi.cast(uint16, parts[1])[0]
  local value = ffi.cast(int32, ffi.cast(uint16, parts[1]) + 1)[0]
  return {
    event = event, name = names[event] or ("0x%04x"):format(event), value = value,
    endpoint = parts[2],
  }
end

--- Receives and reads a monitor's message.
---@param pair eddy.Socket what `get_monitor_socket` returned
-- @param flags zmq.DONTWAIT: do not wait
-- @return the event, or nil and an EAGAIN error when there was none now or in time; a future of
-- these for a socket of eddy.async
---@return eddy.SocketEvent event
---@return eddy.Error err
function M.recv_monitor_message(pair, flags)
  local frames, err = pair:recv_multipart(flags)
  if not frames then return nil, err end
  if frames._map then return frames:_map(M.parse_monitor_message) end
  return M.parse_monitor_message(frames)
end

local function tell_end(listener)
  if listener and listener.ended then listener:ended() end
end

-- Ends a stream's monitor: first the events, then who hears of them.
local function forget(stream)
  local reader = stream._events
  stream._events = false
  if not reader then return end
  if not reader:closed() then
    if stream.socket and not stream.socket.closed then M.disable_monitor(stream.socket) end
    reader:close(0)
  end
  local listeners = reader._listeners
  tell_end(listeners.supervise)
  tell_end(listeners.on_event)
end

-- Tells a listener, if there is one and it asked for that event.
local function tell(listener, event)
  if listener and band(listener.events, event.event) ~= 0 then listener:hear(event) end
end

-- Makes a stream of what receives the events of a stream's socket: of all, so that another
-- listener needs no other monitor, in whose beginning events would be lost.
local function begin_reader(stream, new)
  local reader = new(M.get_monitor_socket(stream.socket), stream.loop)
  reader.name = "monitor of " .. stream.name
  reader._listeners = {}
  reader:on_recv(function(msg)
    local event, listeners = M.parse_monitor_message(msg), reader._listeners
    tell(listeners.supervise, event)
    if event.event == constants.EVENT_MONITOR_STOPPED then reader:close(0) end
    tell(listeners.on_event, event)
  end)
  reader:on_close(function()
    if stream._events == reader then forget(stream) end
  end)
  return reader
end

-- Whether it keeps the loop running: only where the script hears of events.
local function count_alive(reader)
  reader._receive = reader._listeners.on_event and C.EDDY_RECEIVE or C.EDDY_RECEIVE_IDLY
  if reader._waiting then return end -- it is going to receive when its handler went on
  C.eddy_stream_receive(reader.loop._c, reader._id, reader._receive)
end

-- Sets who hears of a stream's events in a role; nil ends it.
local function set_listener(stream, role, listener)
  local reader = stream._events
  reader._listeners[role] = listener
  local listeners = reader._listeners
  if listeners.supervise or listeners.on_event then count_alive(reader) else forget(stream) end
end

--- Tells one of those who share a stream's monitor of its events.
-- @param stream the stream
-- @param role "on_event" or "supervise"; each has one listener
-- @param listener { events = their sum, hear = function(listener, event) }, and ended(listener)
-- for when the monitor ends by itself or with the stream; nil ends it
-- @param new what makes a stream of a socket on a loop
function M.listen(stream, role, listener, new)
  local reader = stream._events
  if not listener then
    if reader then set_listener(stream, role, nil) end
    return
  end
  local current = rawget(stream.socket, "_monitor")
  if not reader or reader.socket ~= current then
    if current and not current.closed then
      errors.misuse(role .. ": the socket of " .. stream.name .. " has a monitor already")
    end
    forget(stream)
    stream._events = begin_reader(stream, new)
  end
  set_listener(stream, role, listener)
end

--- Whether a script has a monitor of its own of a stream's socket.
function M.is_foreign(stream)
  local socket, reader = stream.socket, stream._events
  local current = rawget(socket, "_monitor")
  return rawget(socket, "_monitored") or
    current and not current.closed and not (reader and reader.socket == current)
end

--- Who hears of a stream's events in a role; nil when nobody does.
function M.listener(stream, role)
  return stream._events and stream._events._listeners[role]
end

--- Whether all that a stream's monitor told so far was heard.
function M.is_heard(stream)
  local reader = stream._events
  return not reader._waiting and band(reader.socket:get("EVENTS"), constants.POLLIN) == 0
end

local function call(listener, event) listener.fn(event) end

--- Calls fn(event) for the events of a stream's socket.
-- @param stream the stream
-- @param fn the function, or nil to end it
-- @param events which ones; all of them unless given
-- @param new what makes a stream of a socket on a loop
function M.on_event(stream, fn, events, new)
  check_function(fn, "on_event", true)
  events = events == nil and EVERY or check_events(events, "on_event")
  M.listen(stream, "on_event", fn and { fn = fn, events = events, hear = call }, new)
end

--- Tells on_event's function, if there is one, of an event that is not libzmq's.
function M.tell(stream, event)
  local listener = M.listener(stream, "on_event")
  if listener then stream.loop:_protect(stream._events, tell, listener, event) end
end

M._forget = forget

return M
