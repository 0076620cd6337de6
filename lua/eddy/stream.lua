--- Streams: a socket on a loop, with a callback for what it receives and a queue for what it
-- cannot send yet.
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"
local later = require "eddy.base.later"
local methods = require "eddy.base.methods"
local loops = require "eddy.loop"
local backpressure = require "eddy.stream.backpressure"
local closing = require "eddy.stream.close"
local completions = require "eddy.stream.completions"
local concurrency = require "eddy.stream.concurrency"
local counters = require "eddy.stream.counters"
local discard = require "eddy.stream.discard"
local ending = require "eddy.stream.ending"
local failures = require "eddy.stream.failures"
local json = require "eddy.stream.json"
local receiving = require "eddy.stream.receive"
local reconnect = later.require "eddy.stream.reconnect"
local requests = later.require "eddy.stream.requests"
local subscriptions = require "eddy.stream.subscriptions"
local trace = require "eddy.stream.trace"
local access = require "eddy.zmq.access"
local directions = require "eddy.zmq.directions"
local bytes = require "eddy.zmq.bytes"
local frames = require "eddy.zmq.frame"
local message = require "eddy.zmq.message"
local monitor = later.require "eddy.zmq.monitor"
local Socket = require "eddy.zmq.socket"

local C = c.C
local check, check_function, check_self = errors.check, errors.check_function, errors.check_self
local drain = receiving.drain
local rshift = require("bit").rshift
local REPORT, IDLY = completions.REPORT, C.EDDY_REPORT_IDLY
local EMSGSIZE, ENOBUFS = errors.numbers.EMSGSIZE, errors.numbers.ENOBUFS
local EFSM, ENOTSUP = errors.numbers.EFSM, errors.numbers.ENOTSUP

--- A stream. Fields: `socket` (nil once closed), `loop`, `name` (for messages to people; may
-- be set).
---@class eddy.Stream
---@field socket eddy.Socket nil once the stream is closed
---@field loop eddy.Loop
---@field name string for messages to people; may be set
---@field bind fun(self, endpoint: string): string as its socket's
---@field connect fun(self, endpoint: string) as its socket's
---@field unbind fun(self, endpoint: string) as its socket's
---@field disconnect fun(self, endpoint: string) as its socket's
---@field bind_to_random_port eddy.BindToRandomPort as its socket's
---@field subscribe fun(self, topic: string) as its socket's
---@field unsubscribe fun(self, topic: string) as its socket's
---@field get fun(self, option: string|integer): any as its socket's
---@field set fun(self, option: string|integer, value: any) as its socket's
local Stream = {
  _kind = "stream",
  -- What few streams have is in their tables only when they have it: there may be thousands.
  _on_send = false, _on_err = false, _on_close = false, _on_full = false, _on_drain = false,
  _time = 0, -- the ms that it took
  _sent = false, -- messages that on_send waits to hear of, by the core's numbers
  _is_paused = false,
  _waiting = false, -- no message is delivered: its handler waits in a coroutine
  _flushed = -1, -- the loop's turn in which it was, last
  _inside = 0, _concurrency = 1, -- how many such wait, and may
  _room = false, -- the future of room in a send queue that is to be emptied
  _line = false, -- who waits for room in it
  _trying = false, -- one of them tries again
  _full = false, -- it is full, and no on_full has heard of it
  _limit = false, _budget = false, _priority = false, -- what was set
  _finishing = false, -- it takes no more messages: what is queued is sent before it is closed
  _events = false, -- the stream of the socket's monitor
  _receive = C.EDDY_RECEIVE, -- how it does
  _keeps = false, -- it receives answers, also while its loop ends
  _at_end = false, _before = false, -- its handler while the loop ends, and before
  _early = true, -- on_send may still be set for what was sent before
  _words = false, -- what was told before `_sent` had the message
  _discarded = 0, -- messages that `discard` threw away
  _unanswered = 0, -- requests that were not answered in time
  _trace = false, -- who is shown its messages
  _handler_failed = false, -- as the loop's `_failed`, in place of it
}

-- The metatable of streams that have these methods.
local function class(own)
  return {
    __index = function(self, key)
      local method = own[key]
      if method ~= nil then return method end
      if key == "socket" then return self[1] end
      if key == "name" then return tostring(self[1]) end
    end,
    __newindex = function(self, key, value)
      rawset(self, key, value)
      if key == "name" then self:_relabel() end
    end,
    __tostring = function(self)
      return ("stream (%s)%s"):format(self.name, self._id and "" or " (closed)")
    end,
  }
end

local Instance, RepInstance = class(Stream), nil -- the second one when a REP first has a stream

-- The stream's id; raises when it is closed.
local function id_of(self, what)
  return self._id or error(errors.new(errors.numbers.ENOTSOCK, what .. ": the stream " ..
    self.name .. " is closed"), 0)
end
Stream._check_open = id_of

local function class_of(socket)
  if socket._type ~= "REP" then return Instance end
  RepInstance = RepInstance or class(requests.class(Stream))
  return RepInstance
end

--- Puts a socket on a loop.
---@param socket eddy.Socket a socket of eddy.zmq's; it is the stream's from now on
-- @param loop the loop; the current one unless given
---@return eddy.Stream
local function new(socket, loop)
  if not Socket.is(socket) then
    errors.misuse("stream: expected a socket, got " .. type(socket))
  end
  loop = loop or loops.current()
  if not loops.is(loop) then errors.misuse("stream: expected a loop, got " .. type(loop)) end
  if socket.closed then
    error(errors.new(errors.numbers.ENOTSOCK, "stream: the socket is closed"), 0)
  end
  if socket._line then
    socket._line:_check_whole("stream")
    socket._line:_leave()
  end
  socket:_check_free("stream")
  local id = check(C.eddy_stream_open(loop:_core("stream"), socket._c, socket._id), "stream:",
    socket)
  -- Four named fields take half the memory of five; the socket is not asked for at each message,
  -- and what the core is told at each send is found quickly, and a number always: what LuaJIT
  -- compiled while it was early serves later, too.
  local self = setmetatable({ socket, IDLY,
    loop = loop, _id = id, _on_recv = false,
    _copy = true, -- what on_recv is given: strings (true), frames (false) or "view"
  }, class_of(socket))
  socket._owner = self
  loop:_adopt(id, self)
  self:_relabel()
  if socket._connects then reconnect.watch(self, new) end
  access.attach(socket, loop)
  return self
end

-- Its socket has.
function Stream:_connected()
  self:_relabel()
  reconnect.watch(self, new)
end

local function set_receiver(self, fn, copy, what)
  local id = id_of(self, what)
  if fn then directions.check_receives(self.socket, what, self.name) end
  if type(copy) == "string" and copy ~= "view" then
    errors.misuse(("%s: expected true, false or \"view\", got %q"):format(what, copy))
  end
  if fn then subscriptions.expect(self) end
  local before = self._on_recv ~= false
  if fn then self._copy = copy == "view" and copy or copy ~= false end
  self._on_recv = fn and self:_handler_of(fn) or false
  local is_on = fn ~= nil
  while is_on ~= before and not self._waiting do
    C.eddy_stream_receive(self.loop._c, id, is_on and self._receive or 0)
    before, is_on = is_on, self._on_recv ~= false -- once more when a hook set it meanwhile
  end
end

--- Calls fn(msg) for each message, `msg` being the list of its frames. Until a function is
-- set, and after nil, messages stay in the socket; setting one again delivers them.
---@param copy? true
-- false for frames in place of strings; "view" for views, which are lent until fn has
-- returned
---@param fn? fun(msg: string[]): ...
---@overload fun(self, fn: (fun(msg: eddy.Frame[]): ...), copy: false)
---@overload fun(self, fn: (fun(msg: eddy.View[]): ...), copy: "view")
function Stream:on_recv(fn, copy)
  check_function(fn, "on_recv", true)
  set_receiver(self, fn, copy, "on_recv")
end

--- Calls fn(stream, msg) for each message. In place of `on_recv`, and stopped alike.
---@param fn? fun(stream: eddy.Stream, msg: string[]): ...
---@param copy? true
---@overload fun(self, fn: (fun(stream: eddy.Stream, msg: eddy.Frame[]): ...), copy: false)
---@overload fun(self, fn: (fun(stream: eddy.Stream, msg: eddy.View[]): ...), copy: "view")
function Stream:on_recv_stream(fn, copy)
  check_function(fn, "on_recv_stream", true)
  set_receiver(self, fn and function(msg) return fn(self, msg) end, copy, "on_recv_stream")
end

--- Stops receiving; nothing is lost.
function Stream:stop_on_recv() set_receiver(self, nil, nil, "stop_on_recv") end

-- Raises when the stream is closed, or its socket never does what fn is to hear of.
local function check_sends(self, fn, what)
  id_of(self, what)
  if fn then directions.check_sends(self.socket, what, self.name) end
end

--- Calls fn(msg, err) for each message sent from now on, after libzmq accepted it, or with
-- the error when it did not. A stream's first handler hears also of messages sent just before,
-- in the same turn or before the loop runs (of 32 at most).
---@param fn? fun(msg: eddy.Part[], err: eddy.Error?): ...
function Stream:on_send(fn)
  check_function(fn, "on_send", true)
  check_sends(self, fn, "on_send")
  completions.listen(self, fn)
end

--- Calls fn(stream, msg, err). In place of `on_send`, and stopped alike.
---@param fn? fun(stream: eddy.Stream, msg: eddy.Part[], err: eddy.Error?): ...
function Stream:on_send_stream(fn)
  check_function(fn, "on_send_stream", true)
  check_sends(self, fn, "on_send_stream")
  completions.listen(self, fn and function(msg, err) return fn(self, msg, err) end)
end

--- Tells no more of sent messages; those that are queued are sent.
function Stream:stop_on_send() self:on_send(nil) end

--- Calls fn(err) for each send or receive of this stream that failed; otherwise the failure
-- is logged, unless the callback of a send hears of it.
---@param fn? fun(err: eddy.Error): ...
function Stream:on_err(fn)
  check_function(fn, "on_err", true)
  id_of(self, "on_err")
  self._on_err = fn or false
end

--- The same as `on_err(nil)`.
function Stream:stop_on_err() self:on_err(nil) end

--- Calls fn() once the stream is closed.
---@param fn? fun(): ...
function Stream:on_close(fn)
  check_function(fn, "on_close", true)
  id_of(self, "on_close")
  self._on_close = fn or false
end

--- Calls fn(event) for each event of the socket's connections, from the loop:
-- { event = number, name = "CONNECTED", value = n, endpoint = "tcp://..." }. nil ends it.
-- @param events zmq.EVENT_CONNECTED ..., or their sum; all of them unless given
---@param fn? fun(event: eddy.SocketEvent): ...
function Stream:on_event(fn, events)
  id_of(self, "on_event")
  monitor.on_event(self, fn, events, new)
end

---@class (exact) eddy.Supervision
---@field first? number ms until the first try (1000), twice as many each time
---@field longest? number ms that these become at most (60000)

--- Connects anew where libzmq does not: to endpoints whose connection ended over an error of
-- the protocol. What libzmq then still has for an endpoint is lost, what the stream has queued is
-- not. on_event's function hears of it: ENDPOINT_RESET, with the delay as its value.
---@param settings? eddy.Supervision|false false ends it
function Stream:supervise(settings)
  id_of(self, "supervise")
  reconnect.supervise(self, settings, new)
end

--- Calls fn(stream) when the send queue has reached a limit, so that another message like the last
-- one would be refused or dropped: once, until `on_drain`.
---@param fn? fun(stream: eddy.Stream): ...
function Stream:on_full(fn)
  check_function(fn, "on_full", true)
  check_sends(self, fn, "on_full")
  backpressure.on_full(self, fn)
end

--- Calls fn(stream) when a queue that was full is down to half its limits.
---@param fn? fun(stream: eddy.Stream): ...
function Stream:on_drain(fn)
  check_function(fn, "on_drain", true)
  check_sends(self, fn, "on_drain")
  backpressure.on_drain(self, fn)
end

-- What a send returns.
-- @param data, opts what was to be sent: tried again when a coroutine waited for room
-- @param msg its message, if somebody waits for its completion
local function sent(self, result, what, data, opts, msg, callback)
  if result >= 0 then
    if msg and result == 2 then -- dropped at once, so that no event tells of it
      completions.dropped(self, msg, callback, backpressure.refused(self, what, ENOBUFS))
    elseif msg then
      completions.remember(self, rshift(result, 2), msg, callback)
    end
    return true
  end
  if result == -ENOBUFS and not self._trying and backpressure.may_wait() then
    return backpressure.send_later(self, what, frames.kept(data), opts)
  end
  if result == -ENOBUFS or result == -EMSGSIZE then
    return nil, backpressure.refused(self, what, -result)
  end
  if result == -EFSM then error(requests.refusal(self, what), 0) end
  if result == -ENOTSUP then directions.check_sends(self.socket, what, self.name) end
  return check(result, what .. ":", self.name)
end

local function callback_of(opts, what)
  if type(opts) ~= "table" or opts.callback == nil then
    return errors.check_fields(opts, { callback = true }, what)
  end
  check_function(opts.callback, what .. ": callback")
  return opts.callback
end

---@class (exact) eddy.SendOptions
---@field callback? fun(msg: eddy.Part[], err: eddy.Error?) in place of `on_send`

--- Sends a message of one frame: at once, when nothing is queued and the socket can take it,
-- else as soon as it can.
-- @param data a string, a frame or a view
---@param opts? eddy.SendOptions
-- { callback = fn }: fn(msg, err) in place of on_send, for this message alone
-- @return true, or nil and an error: ENOBUFS when the send queue is full (a coroutine of the
-- script's, as a task has, waits until there is room instead), EMSGSIZE when the message is
-- larger than all of it. Raises ENOTSUP on a PULL or SUB, and EFSM on a REP
-- that has no request to answer
---@return true? ok
---@return eddy.Error err
function Stream:send(data, opts)
  check_self(self, "send", "stream")
  if bytes.kind(data) then return self:send_multipart({ data }, opts) end
  if type(data) ~= "string" then
    errors.misuse("send: expected a string or a frame, got " .. type(data))
  end
  local callback = opts and callback_of(opts, "send")
  local report = callback and 1 or self[REPORT]
  local result = C.eddy_stream_send(self.loop._c, id_of(self, "send"), data, #data, report)
  if result >= 0 and report == 0 then return true end
  return sent(self, result, "send", data, opts, report ~= 0 and { data }, callback)
end

--- Sends a message of several frames, whole or not at all. As `send`.
---@param list eddy.Part[] a list of strings, frames and views, which is copied
---@param opts? eddy.SendOptions
---@return true? ok
---@return eddy.Error err
function Stream:send_multipart(list, opts)
  check_self(self, "send_multipart", "stream")
  local callback = opts and callback_of(opts, "send_multipart")
  local packed = message.pack(list, "send_multipart")
  local report = callback and 1 or self[REPORT]
  local id = id_of(self, "send_multipart")
  local result = C.eddy_stream_send_parts(self.loop._c, id, packed.array, packed.count, report)
  if result >= 0 and report == 0 then
    message.release(packed)
    return true
  end
  local own = message.list(packed)
  message.release(packed)
  return sent(self, result, "send_multipart", own, opts, report ~= 0 and own, callback)
end

--- Whether the stream is closed.
---@return boolean
function Stream:closed() return not self._id end

--- Whether a function is set that receives.
---@return boolean
function Stream:receiving() return self._on_recv ~= false end

--- Whether messages are queued.
---@return boolean
function Stream:sending() return self._id ~= false and self:stats().queued > 0 end

Stream.flush = require "eddy.stream.flush"
Stream.peer = require "eddy.stream.peer"
for _, part in ipairs { backpressure, concurrency, counters, discard, ending, json, trace } do
  for name, method in pairs(part.methods) do Stream[name] = method end
end

-- The socket's own, for a stream that is open.
for name in ([[bind connect unbind disconnect bind_to_random_port subscribe unsubscribe
    get set]]):gmatch("%S+") do
  Stream[name] = function(self, ...)
    id_of(self, name)
    return self.socket[name](self.socket, ...)
  end
end

Stream.close = closing.close

-- The loop is being closed and takes the core's stream with it.
function Stream:_closing_loop() self:close() end

-- Somebody else closes the socket.
function Stream:_socket_closing(linger)
  self.loop:_log(self.name .. ": its socket was closed; the stream is closed")
  self:close(linger)
end

function Stream:_handle(event)
  local kind = event.kind
  if kind == C.EDDY_RECEIVED then
    local loop = self.loop
    local began = C.eddy_stream_begin(loop._c, self._id)
    drain(self, event.inbox)
    self._time = self._time + C.eddy_stream_end(loop._c) - began
  elseif kind == C.EDDY_SENT then
    completions.sent(self, event, true)
  elseif kind == C.EDDY_SEND_FAILED then
    local code, number = event.value, event.reported ~= 0 and event.number
    event.id = 0 -- not once more, by a flush in what is called now
    local err = code == ENOBUFS and backpressure.refused(self, "send", code) or
      failures.tell(self, "send", code, number and completions.has_callback(self, number))
    local entry = number and completions.take(self, number, err)
    if entry then completions.tell(self, entry, err) end
  elseif kind == C.EDDY_RECEIVE_FAILED then
    failures.tell(self, "receive", event.value)
  elseif kind == C.EDDY_FULL then
    backpressure.full(self)
  elseif kind == C.EDDY_DRAINED then
    backpressure.drained(self)
  elseif kind == C.EDDY_OVERDUE then
    subscriptions.overdue(self)
  elseif kind == C.EDDY_CLOSED then
    local err = errors.new(event.value, self.name .. ": its socket is gone; the stream is closed")
    self.loop:_log(tostring(err))
    self:close()
  end
end

function Stream:_describe() return tostring(self.name) end

-- What is called for a message, in a turn.
function Stream:_handler_of(fn) return fn end -- luacheck: no self

-- Calls it in a flush.
function Stream:_call_handler(fn, msg) self.loop:_protect(self, fn, msg) end

methods(Stream, "stream", "send send_multipart peer") -- which look themselves

---@class eddy.stream
---@overload fun(socket: eddy.Socket, loop?: eddy.Loop): eddy.Stream
local M = { new = new, _class = Stream }

return setmetatable(M, { __call = function(_, ...) return new(...) end })
