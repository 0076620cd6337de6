--- The names of `eddy.zmq`, where a call that would block suspends its coroutine alone, and in
-- the main program runs the loop until it can go on.
local pollers = require "eddy.async.poller"
local socket_methods = require "eddy.async.socket"
local constants = require "eddy.base.constants"
local errors = require "eddy.base.errors"
local futures = require "eddy.future"
local loops = require "eddy.loop"
local coroutines = require "eddy.tasks.coroutine"
local zmq = require "eddy.zmq"
local directions = require "eddy.zmq.directions"
local poller = require "eddy.zmq.poller"
local Socket = require "eddy.zmq.socket"

local band, bor = bit.band, bit.bor
local cancelled = coroutines.cancelled
local DONTWAIT, EAGAIN = constants.DONTWAIT, errors.numbers.EAGAIN
local POLLIN, POLLOUT = constants.POLLIN, constants.POLLOUT

-- Does an operation at once, or suspends the running coroutine until it is done.
local function perform(self, operation, data, flags, last)
  local now = band(flags, DONTWAIT) ~= 0
  if cancelled.count > 0 and not now and operation.list == "receives" then
    local err = coroutines.refusal()
    if err then return nil, err end
  end
  flags = bor(flags, DONTWAIT)
  local own, whole = self._line or self:_line_of(), nil
  local may, is_whole = own:may_try(operation, data, flags, now)
  if may then
    local result, err
    if is_whole then
      result, err = operation.try(self, data, flags, last)
    else
      result, err, whole = own:try(operation, data, flags, last)
    end
    if result ~= nil then
      if operation.list == "receives" then coroutines.note_root(coroutines.active, own) end
      if not now then own:charge(operation, data, result) end
      return result
    end
    if err ~= errors.again then return nil, err end
  end
  if now then return nil, errors.again end
  return own:wait(loops.current(), operation, Socket.get(self, operation.timeout), data, flags,
    last, whole):_await_private()
end

---@class eddy.green.Context: eddy.Context
---@field socket fun(self, number: integer, settings?: eddy.SocketSettings): eddy.green.Socket
---@class eddy.green.Socket: eddy.Socket
---@field keep_receiving fun(self, on?: boolean) what it receives are answers to what it sent
local methods = socket_methods.methods(perform, function(future, of)
  future:set_error(errors.new(errors.numbers.ENOTSOCK, of:_describe() .. ": it was closed"))
end, true)

---@param ms? number
---@return integer flags
function methods:poll(ms, flags)
  ms = poller.check_timeout(ms, "poll")
  directions.check_poll(self, ms, flags)
  local own = self._line or self:_line_of()
  local ready = own:usable(Socket.poll(self, 0, flags))
  if ready ~= 0 or ms == 0 then return ready end
  return own:poll(loops.current(), ms, flags or POLLIN):_await_private()
end

---@class eddy.green
---@field context fun(settings?: eddy.ContextSettings): eddy.green.Context a context of its own
---@field instance fun(): eddy.green.Context the context of this Lua state
local M = {}

for name, value in pairs(zmq) do M[name] = value end
M.proxy_steerable, M.monitored_queue = nil, nil -- they would block the loop

M.context, M.instance = zmq._contexts(Socket.class(methods))

--- A poller whose `poll` suspends its coroutine alone. It takes sockets of any kind.
M.poller = poller.class(function(self, ms)
  return pollers.poll(loops.current(), self, ms)
end)

--- As zmq.select.
M.select = poller.select_with(M.poller)

local function must(result, err) return result or error(err, 0) end

-- Sends a message, however often SNDTIMEO runs out meanwhile.
local function deliver(to, msg)
  local sent, err
  repeat sent, err = to:send_multipart(msg) until sent or err.code ~= EAGAIN
  return sent, err
end

-- Hands on what one socket receives. It receives only what it can send; what it has in hand when
-- it is cancelled all the same, because others send there, too, goes out after it has ended.
local function relay(from, to, capture)
  local task = coroutines.tasks[coroutine.running()]
  while true do
    task._is_resting = true
    if from ~= to then must(to:poll(nil, POLLOUT)) end
    local msg = must(from:recv_multipart(nil, false))
    task._is_resting = false
    if capture then capture:send_multipart(msg) end
    local ok, sent, err = pcall(deliver, to, msg)
    local failure = not ok and sent or err
    if failure == errors.cancelled then loops.current():spawn(deliver, to, msg) end
    if failure then error(failure, 0) end
  end
end

local function check_socket(socket, what)
  if not Socket.is(socket) or socket._line_of ~= methods._line_of then
    errors.misuse(what .. ": expected a socket of eddy.green, got " .. tostring(socket))
  end
  return socket
end

local function relay_all(what, front, back, capture)
  check_socket(front, what)
  check_socket(back, what)
  if capture ~= nil then check_socket(capture, what) end
  if capture then directions.check_sends(capture, what) end
  local ways = {}
  for _, way in ipairs { { front, back }, front ~= back and { back, front } or nil } do
    local is_open = not directions.never_receives[way[1]._type] and
      not directions.never_sends[way[2]._type]
    if is_open then ways[#ways + 1] = way end
  end
  if #ways == 0 then -- one of these is why
    directions.check_receives(front, what)
    directions.check_sends(back, what)
  end
  local tasks = {}
  for i, way in ipairs(ways) do
    tasks[i] = loops.current():spawn(relay, way[1], way[2], capture)
  end
  local ok, result, err = pcall(futures.await, futures.gather(tasks))
  for _, task in ipairs(tasks) do task:cancel() end
  if not ok then error(result, 0) end
  return result, err
end

--- Hands on messages between two sockets, both ways, while other coroutines run. Ends with an
-- error, which it raises, or when its task is cancelled.
-- @param front, back sockets of this module's; the same one twice gets back what it sends
-- @param capture a socket that is sent each message, too
---@return nil
---@return eddy.Error err
function M.proxy(front, back, capture) return relay_all("proxy", front, back, capture) end

--- The same without a capture.
-- @param kind zmq.QUEUE, FORWARDER or STREAMER, which changes nothing
-- @param back another socket; nil or -1 for `front` alone
---@return nil
---@return eddy.Error err
function M.device(kind, front, back) -- luacheck: no unused args
  if back == nil or back == -1 then back = front end
  return relay_all("device", front, back)
end

return M
