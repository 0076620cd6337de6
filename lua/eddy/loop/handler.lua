-- Handlers of descriptors, sockets, signals, lost time and wake-ups. They are given a loop.
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"

local C, ffi = c.C, c.ffi
local check = errors.check

local M = {}

--- The handler of a descriptor or socket: calls fn(what, events) as long as it is ready.
local Handler = {
  _kind = "handler",
  _waiting = false, -- it is not called: it waits in a coroutine
}
Handler.__index = Handler

-- What a descriptor or socket is registered under, and the descriptor.
local function key_of(what)
  if type(what) == "number" and what % 1 == 0 then return what, what end
  if type(what) == "table" and rawget(what, "_type") then return what end
  if (type(what) == "table" or type(what) == "userdata") and what.fileno then
    local fd = what:fileno()
    return fd, fd
  end
  errors.misuse("expected a descriptor, a socket, or something with a fileno method, got " ..
    type(what))
end

function M.add(loop, what, fn, events)
  local key, fd = key_of(what)
  local self = setmetatable({ _loop = loop, _what = what, _fn = fn, _key = key }, Handler)
  local core, before = loop:_core("add_handler"), loop._handlers[key]
  local id
  events = events or C.EDDY_READ
  if fd then
    id = C.eddy_watch_fd(core, fd, events)
  elseif what._id then
    if what._line then what._line:_leave() end
    what:_check_free("add_handler")
    id = C.eddy_watch_socket(core, what._c, what._id, events)
  else
    id = -errors.numbers.ENOTSOCK
  end
  local known = id == -errors.numbers.EEXIST
  self._events = events
  self._id = check(id, known and "add_handler: there is a" or "add_handler:", self:_describe())
  if not fd then what._owner = self end
  -- The descriptor that the handler before was for was closed, and its number came again.
  if before then before:_remove() end
  loop._handlers[key] = self
  loop:_adopt(id, self)
end

function M.update(loop, what, events)
  local key = key_of(what)
  local self = loop._handlers[key]
  if not self then
    errors.misuse("update_handler: there is no " .. Handler._describe { _key = key })
  end
  check(C.eddy_watch_change(loop:_core("update_handler"), self._id, events),
    "update_handler:", self:_describe())
  self._events = events
  if self._waiting then C.eddy_watch_change(loop._c, self._id, 0) end
end

function Handler:_remove()
  local loop = self._loop
  loop._handlers[self._key] = nil
  if type(self._key) == "table" and self._key._owner == self then self._key._owner = false end
  loop:_abandon(self._id)
  if loop._c then C.eddy_watch_close(loop._c, self._id) end
end

function M.remove(loop, what)
  local self = loop._handlers[(key_of(what))]
  if self then self:_remove() end
end

--- Removes all handlers and closes what they are for: by its own close method, if it has one.
function M.close_all(loop)
  local handlers = {}
  for _, each in pairs(loop._handlers) do handlers[#handlers + 1] = each end
  for _, each in ipairs(handlers) do
    local what = each._what
    each:_remove()
    if type(what) ~= "number" and what.close then
      what:close()
    else
      C.eddy_descriptor_close(each._key)
    end
  end
end

-- Somebody closes the socket.
function Handler:_socket_closing(linger)
  self._loop:_log(self:_describe() .. ": the socket was closed; its handler is removed")
  self:_remove()
  self._what:close(linger)
end

-- The loop is being closed and takes the core's watch with it.
function Handler:_closing_loop() self:_remove() end

function Handler:_handle(event)
  if event.kind == C.EDDY_CLOSED then return self:_socket_closing(0) end
  if self._waiting then return end -- a descriptor's error, which cannot be left unasked
  self._loop:_protect(self, self._fn, self._what, event.value)
end

-- The function waits, in its coroutine: what it is to take is still there.
function Handler:_waits()
  self._waiting = true
  local loop = self._loop
  if loop._handlers[self._key] == self then C.eddy_watch_change(loop._c, self._id, 0) end
end

-- It went on and has ended.
function Handler:_went_on()
  self._waiting = false
  local loop = self._loop
  if loop._handlers[self._key] == self then
    C.eddy_watch_change(loop._c, self._id, self._events)
  end
end

function Handler:_describe()
  if type(self._key) == "number" then return "handler of descriptor " .. self._key end
  return "handler of " .. tostring(self._key)
end

--- A signal's handler; `cancel` ends it.
local Signal = {}
Signal.__index = Signal

function M.on_signal(loop, name, fn)
  local number = type(name) == "number" and name or C.eddy_signal_number(tostring(name))
  if number == 0 then errors.misuse("on_signal: no such signal: " .. tostring(name)) end
  local core, self = loop:_core("on_signal"), loop._signals[number]
  if fn == nil then
    if self then self:cancel() end
    return nil
  end
  if self then
    self._fn, self._name = fn, name
    return self
  end
  check(C.eddy_signal_watch(core, number), "on_signal", tostring(name))
  self = setmetatable({ _loop = loop, _name = name, _number = number, _fn = fn }, Signal)
  loop._signals[number] = self
  return self
end

--- Gives the signal back: it does again what it did before.
function Signal:cancel()
  local loop = self._loop
  if loop._signals[self._number] ~= self then return end
  loop._signals[self._number] = nil
  if loop._c then C.eddy_signal_unwatch(loop._c, self._number) end
end

function Signal:_handle()
  self._loop:_protect(self, self._fn, self._name, self._number)
end

function Signal:_describe() return "handler of signal " .. tostring(self._name) end

--- What is called when the loop lost time.
local Gap = {}
Gap.__index = Gap

function M.on_gap(loop, fn)
  check(C.eddy_loop_tell_gaps(loop:_core("on_gap"), fn and 1 or 0), "on_gap")
  loop._gap = fn and setmetatable({ _loop = loop, _fn = fn }, Gap) or false
end

function Gap:_handle(event) self._loop:_protect(self, self._fn, event.number) end

function Gap._describe() return "on_gap" end

--- A waker: the end of a wire from other threads. C code calls
-- eddy_loop_wake(waker.loop_pointer, waker.id, number) and `fn` gets the number here.
local Waker = {}
Waker.__index = Waker

function M.add_waker(loop, fn)
  local core = loop:_core("add_waker")
  local id = check(C.eddy_waker_open(core), "add_waker")
  local self = setmetatable({
    _loop = loop, _id = id, _fn = fn,
    id = id, loop_pointer = ffi.cast("void *", core),
  }, Waker)
  loop:_adopt(id, self)
  return self
end

--- Closes the waker: nothing that comes after is delivered.
function Waker:close()
  if not self._id then return end
  self._loop:_abandon(self._id)
  if self._loop._c then C.eddy_waker_close(self._loop._c, self._id) end
  self._id = false
end

function Waker:_handle(event)
  self._loop:_protect(self, self._fn, event.number)
end

function Waker:_describe() return "waker (" .. errors.where(self._fn) .. ")" end

return M
