--- Contexts whose sockets return futures from every call that could block.
local pollers = require "eddy.async.poller"
local socket_methods = require "eddy.async.socket"
local constants = require "eddy.base.constants"
local errors = require "eddy.base.errors"
local loops = require "eddy.loop"
local coroutines = require "eddy.tasks.coroutine"
local futures = require "eddy.tasks.future"
local zmq = require "eddy.zmq"
local directions = require "eddy.zmq.directions"
local poller = require "eddy.zmq.poller"
local serialization = require "eddy.zmq.serialization"
local Socket = require "eddy.zmq.socket"

local band, bor = bit.band, bit.bor
local DONTWAIT, POLLIN = constants.DONTWAIT, constants.POLLIN
local cancelled = coroutines.cancelled

local function failed(err)
  local future = futures.new(loops.current())
  future:set_error(err)
  return future
end

-- Tries an operation, and waits in the list if it cannot be done at once.
local function perform(self, operation, data, flags, last)
  local own, whole = self._line or self:_line_of(), nil
  local now = band(flags, DONTWAIT) ~= 0
  flags = bor(flags, DONTWAIT)
  if cancelled.count > 0 and not now and operation.list == "receives" then
    local _, err = pcall(coroutines.refusal)
    if err then return failed(err) end
  end
  local may, is_whole = own:may_try(operation, data, flags, now)
  if may then
    local ok, result, err
    if is_whole then
      ok, result, err = pcall(operation.try, self, data, flags, last)
    else
      ok, result, err, whole = pcall(own.try, own, operation, data, flags, last)
    end
    if ok and result ~= nil then
      if operation.list == "receives" then coroutines.note_root(coroutines.active, own) end
      if not now then own:charge(operation, data, result) end
      return futures.resolved(loops.current(), result)
    end
    if not ok or err ~= errors.again then return failed(ok and err or result) end
  end
  if now then return failed(errors.again) end
  local ok, ms = pcall(Socket.get, self, operation.timeout)
  if not ok then return failed(ms) end
  return own:wait(loops.current(), operation, ms, data, flags, last, whole)
end

--- As the plain socket's methods, but each returns a future at once. It is done already when
-- the operation did not have to wait. Operations that wait are served in their order.
-- RCVTIMEO and SNDTIMEO count from the call; a future that is cancelled takes no message.
---@class eddy.async.Context: eddy.Context
---@field socket fun(self, number: integer, settings?: eddy.SocketSettings): eddy.async.Socket
---@class eddy.async.Poller: eddy.Poller
---@field poll fun(self, ms?: number): eddy.Future<table<eddy.What, integer>>
---@class eddy.async.Socket: eddy.Socket
---@field keep_receiving fun(self, on?: boolean) what it receives are answers to what it sent
---@field recv fun(self, flags?: integer, copy?: boolean|"view"): eddy.Future<string>
---@field recv_multipart fun(self, flags?: integer, copy?: boolean|"view"): eddy.Future<string[]>
---@field recv_string fun(self, flags?: integer): eddy.Future<string>
---@field recv_json fun(self, flags?: integer): eddy.Future<any>
---@field recv_serialized fun(self, fn: function, flags?: integer, copy?: boolean): eddy.Future<any>
---@field recv_into fun(self, buffer: any, nbytes?: integer, flags?: integer): eddy.Future<integer>
---@field send fun(self, data: eddy.Part, flags?: integer, copy?, track?: boolean): eddy.Future
---@field send_multipart fun(self, list: table, flags?: integer, copy?, track?: any): eddy.Future
---@field send_string fun(self, text: string, flags?: integer): eddy.Future<any>
---@field send_json fun(self, object: any, flags?: integer): eddy.Future<any>
---@field send_serialized fun(self, msg: any, fn: function, flags?: integer): eddy.Future<any>
local methods = socket_methods.methods(perform, function(future) future:cancel() end)

for name, each in pairs(serialization.decoders) do
  local receive, prepare = each[1], each[2]
  methods[name] = function(self, ...)
    local decode, flags, copy = prepare(...)
    return self[receive](self, flags, copy):_map(decode)
  end
end

--- A future of the flags (zmq.POLLIN, POLLOUT) for which the socket is ready, 0 when the time
-- is up. Takes no message.
---@param ms? number
---@return eddy.Future<integer>
function methods:poll(ms, flags)
  ms = poller.check_timeout(ms, "poll")
  directions.check_poll(self, ms, flags)
  local own, loop = self._line or self:_line_of(), loops.current()
  local ready = own:usable(Socket.poll(self, 0, flags))
  if ready ~= 0 or ms == 0 then return futures.resolved(loop, ready) end
  return own:poll(loop, ms, flags or POLLIN)
end

---@class eddy.async
---@field context fun(settings?: eddy.ContextSettings): eddy.async.Context a context of its own
---@field instance fun(): eddy.async.Context the context of this Lua state
---@field poller fun(): eddy.async.Poller a poller whose `poll` returns a future
local M = {}

for name, value in pairs(zmq) do M[name] = value end
-- These would block the loop.
M.select, M.device, M.proxy, M.proxy_steerable, M.monitored_queue = nil, nil, nil, nil, nil

M.context, M.instance = zmq._contexts(Socket.class(methods))

--- A poller whose `poll` returns a future of what is ready. It takes sockets of any kind.
M.poller = poller.class(function(self, ms)
  ms = poller.check_timeout(ms, "poll")
  local ready = poller.look(self)
  local loop = loops.current()
  if next(ready) or ms == 0 or not self._list[1] then return futures.resolved(loop, ready) end
  return loop:spawn(pollers.poll, loop, self, ms)
end)

--- Runs the current loop until a function, which runs in a coroutine on it, has ended. What
-- else is on the loop then, the host does not run on.
---@param main eddy.Future<any>|fun(...): ...
-- a function, which is given the further arguments, or a future
-- @return its results. Raises its error.
---@return any ...
function M.run(main, ...)
  local loop = loops.current()
  loop._started = true
  if futures.is(main) then return main:await() end
  errors.check_function(main, "run")
  return loop:spawn(main, ...):await()
end

return M
