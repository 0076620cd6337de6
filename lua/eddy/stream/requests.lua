-- The stream of a REP socket, which has its requests one by one. Each is answered once: by its
-- own handler, or by whoever has no request of its own; and also when the handler fails.
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"
local methods = require "eddy.base.methods"
local watchdog = require "eddy.loop.watchdog"
local receiving = require "eddy.stream.receive"
local bytes = require "eddy.zmq.bytes"
local frames = require "eddy.zmq.frame"
local message = require "eddy.zmq.message"

local C = c.C
local drain, check_self = receiving.drain, errors.check_self
local EFSM, ECANCELED = errors.numbers.EFSM, errors.numbers.ECANCELED
local PATIENCE_MS = 10000 -- before the log names a request, where no watchdog reports
local MAIN = {}           -- the main program, among the coroutines
local RECEIVED = true     -- in place of the number of a request that its handler has not got

local function nothing_said() return "" end

-- What a REP's stream has beside or in place of others' methods. Requests are numbered.
---@class eddy.Stream
local Rep = {
  _asked = 0,         -- the last one's number
  _open = false,      -- the one that is to be answered
  _msg = false,       -- its message
  _fn = false,        -- the script's handler; _on_recv numbers what it is called with
  _handling = false,  -- the request whose handler a turn has called, until it waits or ends
  _owners = false,    -- those of handlers that wait, or that a flush has called, by coroutine
  _error_reply = nothing_said,
  _overdue = false,   -- the one that the core reminds of
  _named = false,     -- the last one that the log has named
}

local M = {}

--- The error of a reply without a request.
function M.refusal(self, what)
  return errors.new(EFSM, ("%s: %s has no request to answer"):format(what, tostring(self.name)))
end

-- The request of the handler that runs in a coroutine, the running one unless given.
local function own_request(self, thread)
  local owners = self._owners
  return owners and owners[thread or coroutine.running() or MAIN] or self._handling
end

-- Notes it; returns what was noted before.
local function set_own_request(self, thread, number)
  self._owners = self._owners or setmetatable({}, { __mode = "k" })
  local before = self._owners[thread]
  self._owners[thread] = number
  return before
end

local function begin(self, msg)
  local number = self._asked + 1
  self._asked, self._open, self._msg = number, number, msg or false
  return number
end

-- The open request's handler waits, or has ended without a reply.
local function remind(self)
  if not self._id or self._overdue == self._open or self._named == self._open then return end
  self._overdue = self._open
  C.eddy_stream_remind(self.loop._c, self._id, watchdog.report or PATIENCE_MS)
end

local function answered(self)
  self._open, self._msg = false, false
  if not self._overdue then return end
  self._overdue = false
  if self._id then C.eddy_stream_remind(self.loop._c, self._id, -1) end
end

local function overdue(self)
  local number = self._overdue
  self._overdue = false
  if not number or number ~= self._open then return end
  self._named, self._unanswered = number, self._unanswered + 1
  self.loop:_log(("%s: a request was not answered within %g ms; no other comes before it is")
    :format(tostring(self.name), watchdog.report or PATIENCE_MS))
end

function Rep:_handler_of(fn)
  self._fn = fn
  return function(msg)
    local number = begin(self, msg)
    self._handling = number
    fn(msg)
    if self._handling == number then self._handling = false end
    if self._open == number then remind(self) end
  end
end

--- Sets what a request is answered with when its handler raises, or is interrupted, before it
-- replied: one empty frame unless set.
---@param reply eddy.Part|eddy.Part[]|false|fun(err: any, msg: string[]): any
-- a string, a frame, or a list of them; false: nothing; or fn(err, msg), which
-- returns one of these. Where it fails, that is one empty frame.
function Rep:set_error_reply(reply)
  self:_check_open("set_error_reply")
  local is_value = type(reply) == "string" or reply == false or bytes.kind(reply)
  if type(reply) == "table" and not getmetatable(reply) then
    message.release(message.pack(reply, "set_error_reply"))
    is_value = true
  end
  if not is_value then errors.check_function(reply, "set_error_reply") end
  local kept = is_value and frames.kept(reply)
  self._error_reply = is_value and function() return kept end or reply
end

local function send_any(self, reply)
  if type(reply) == "table" then return self:send_multipart(reply) end
  return self:send(reply)
end

-- Answers a request whose handler failed. Returns what failed in that, if anything did.
local function answer(self, number, err)
  local trace = self.loop._trace
  local made, reply = xpcall(self._error_reply, trace, err, self._msg or nil)
  local problem = not made and reply or nil
  if watchdog.on then watchdog.beat() end
  if not made or reply == nil then reply = "" end
  if not self._id or self._open ~= number then return problem end
  if reply == false then
    remind(self)
    return problem
  end
  local sent, failure = xpcall(send_any, trace, self, reply)
  if sent or not self._id or self._open ~= number then return problem end
  local value = self.loop:_failure(failure).value
  local is_answered = type(value) == "table" and value.code == EFSM -- past the stream
  if not is_answered then pcall(self.send, self, "") end
  return problem or not is_answered and failure or nil
end

-- A request's handler has failed.
local function failed(self, failure, number)
  local loop, told, problem = self.loop, true, nil
  if watchdog.on then watchdog.beat() end -- the handler has ended
  if self._id and number and number == self._open then
    told, problem = pcall(answer, self, number, loop:_failure(failure).value)
  end
  loop:_failed(failure, self)
  if not told or problem then loop:_failed(problem, self) end
end

--- The request at hand is answered as one whose handler fails; nobody else hears of it.
function Rep:_answer_failure(err)
  local number = own_request(self)
  if not self._id or not number or number ~= self._open then return end
  local problem = answer(self, number, err)
  if problem then self.loop:_failed(problem, self) end
end

--- The handler that a turn has called failed: in place of the loop's `_failed`.
function Rep._handler_failed(_, failure, self)
  local number = own_request(self)
  if number == RECEIVED then number = begin(self) end -- Lua cannot have the message
  failed(self, failure, number)
  if self._handling == number or self._handling == RECEIVED then self._handling = false end
end

function Rep:_call_handler(_, msg)
  local thread = coroutine.running() or MAIN
  local number = begin(self, msg)
  local before = set_own_request(self, thread, number)
  local ok, failure = xpcall(self._fn, self.loop._trace, msg)
  if not ok then failed(self, failure, number) end
  if self._open == number then remind(self) end
  set_own_request(self, thread, before)
end

function Rep:_discard_from(inbox)
  local msg, _, loan = receiving.take(self, inbox, true)
  if not msg then return 0 end
  local number = begin(self, msg)
  local problem = answer(self, number, errors.new(ECANCELED, "discard: " .. tostring(self.name)))
  if problem then self.loop:_failed(problem, self) end
  if loan then loan:give_back() end
  return 1
end

--- The methods of a REP's stream.
-- @param Stream those of all streams
function M.class(Stream)
  for _, what in ipairs { "send", "send_multipart" } do
    local send = Stream[what]
    Rep[what] = function(self, data, opts)
      check_self(self, what, "stream")
      local own = own_request(self)
      if own and own ~= self._open and self._id then error(M.refusal(self, what), 0) end
      local result, err = send(self, data, opts)
      if result then answered(self) end
      return result, err
    end
  end

  function Rep:_handle(event)
    if event.kind == C.EDDY_OVERDUE then return overdue(self) end
    if event.kind ~= C.EDDY_RECEIVED then return Stream._handle(self, event) end
    local loop = self.loop
    local began = C.eddy_stream_begin(loop._c, self._id)
    self._handling = RECEIVED
    drain(self, event.inbox)
    if self._handling == RECEIVED then self._handling = false end
    self._time = self._time + C.eddy_stream_end(loop._c) - began
  end

  function Rep:_waits(thread)
    set_own_request(self, thread, self._handling or nil)
    self._handling = false
    if self._open == own_request(self, thread) then remind(self) end
    Stream._waits(self)
  end

  --- Whether it has a request in hand, though no handler of it waits.
  function Rep:_is_asked()
    local socket = self.socket
    return self._open and self._inside == 0 and self._id ~= false and not socket.closed and
      C.eddy_socket_poll(socket._c, socket._id, C.EDDY_WRITE, 0) > 0
  end

  function Rep:_went_on()
    set_own_request(self, coroutine.running(), nil)
    Stream._went_on(self)
  end

  methods(Rep, "stream", "send send_multipart")
  return setmetatable(Rep, { __index = Stream })
end

return M
