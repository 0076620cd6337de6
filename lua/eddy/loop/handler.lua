-- Handlers of descriptors and sockets, and the methods of a loop that make them.
local descriptor = require "eddy.base.descriptor"
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"

local C = c.C
local check, check_function = errors.check, errors.check_function

---@class eddy.Loop
local Loop = {}
local M = { methods = Loop }

--- The handler of a descriptor or socket: calls fn(what, events) as long as it is ready.
local Handler = {
  _kind = "handler",
  _waiting = false, -- it is not called: it waits in a coroutine
  _expected = false, -- it is among the loop's expected
}
Handler.__index = Handler

-- What a descriptor or socket is registered under, and the descriptor.
local function key_of(what, name)
  if type(what) == "number" and what % 1 == 0 then return what, what end
  if type(what) == "table" and rawget(what, "_type") then return what end
  local fd = descriptor.of(what, name)
  return fd, fd
end

--- Calls fn(what, events) whenever a descriptor or socket is ready, as long as it is.
---@param what eddy.What
-- a socket, a descriptor's number, a file of Lua's, or something with a fileno or
-- getfd method, as a socket of LuaSocket's
-- @param events loop.READ (the default), loop.WRITE, or their sum; errors are told always
---@param fn fun(what: any, events: integer): ...
function Loop:add_handler(what, fn, events)
  check_function(fn, "add_handler")
  local key, fd = key_of(what, "add_handler")
  local handler = setmetatable({ _loop = self, _what = what, _fn = fn, _key = key }, Handler)
  local core, before = self:_core("add_handler"), self._handlers[key]
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
  handler._events = events
  local text = id == -errors.numbers.EEXIST and "add_handler: there is a" or "add_handler:"
  handler._id = check(id, text, handler:_describe())
  if not fd then what._owner = handler end
  -- The descriptor that the handler before was for was closed, and its number came again.
  if before then before:_remove() end
  self._handlers[key] = handler
  self:_adopt(id, handler)
end

--- Changes what a handler waits for.
---@param what eddy.What
---@param events integer
function Loop:update_handler(what, events)
  local key = key_of(what, "update_handler")
  local handler = self._handlers[key]
  if not handler then
    errors.misuse("update_handler: there is no " .. Handler._describe { _key = key })
  end
  check(C.eddy_watch_change(self:_core("update_handler"), handler._id, events),
    "update_handler:", handler:_describe())
  handler._events = events
  if handler._waiting then C.eddy_watch_change(self._c, handler._id, 0) end
end

-- A descriptor counts as alive in the core whatever is asked of it; nothing of one whose handler
-- waits is told, so that it keeps no loop running meanwhile.
local function expect(self, on)
  if type(self._key) ~= "number" or on == self._expected then return end
  self._expected = on
  self._loop._expected = self._loop._expected + (on and 1 or -1)
end

function Handler:_remove()
  local loop = self._loop
  expect(self, false)
  loop._handlers[self._key] = nil
  if type(self._key) == "table" and self._key._owner == self then self._key._owner = false end
  loop:_abandon(self._id)
  if loop._c then C.eddy_watch_close(loop._c, self._id) end
end

-- It is as it was before it was removed.
function Handler:_put_back()
  local loop, key = self._loop, self._key
  local core, events = loop._c, self._waiting and 0 or self._events
  if type(key) == "number" then
    self._id = check(C.eddy_watch_fd(core, key, events), "add_handler:", self:_describe())
    expect(self, self._waiting)
  else
    self._id = check(C.eddy_watch_socket(core, key._c, key._id, events), "add_handler:",
      self:_describe())
    key._owner = self
  end
  loop._handlers[key] = self
  loop:_adopt(self._id, self)
end

--- Removes a handler, at once. Unknown ones are ignored.
---@param what eddy.What
function Loop:remove_handler(what)
  local has_one, key = pcall(key_of, what, "remove_handler")
  if has_one or type(what) ~= "userdata" and type(what) ~= "table" then
    local handler = self._handlers[has_one and key or key_of(what, "remove_handler")]
    if handler then handler:_remove() end
    return
  end
  for _, each in pairs(self._handlers) do -- it was closed before
    if each._what == what then return each:_remove() end
  end
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
  if loop._handlers[self._key] ~= self then return end
  C.eddy_watch_change(loop._c, self._id, 0)
  expect(self, true)
end

-- It went on and has ended.
function Handler:_went_on()
  self._waiting = false
  expect(self, false)
  local loop = self._loop
  if loop._handlers[self._key] == self then
    C.eddy_watch_change(loop._c, self._id, self._events)
  end
end

function Handler:_describe()
  if type(self._key) == "number" then return "handler of descriptor " .. self._key end
  return "handler of " .. tostring(self._key)
end

return M
