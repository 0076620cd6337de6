-- Pollers and select: waiting for several sockets and descriptors without a loop.
local descriptor = require "eddy.base.descriptor"
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"
local methods = require "eddy.base.methods"
local waits = require "eddy.base.waits"

local C, ffi = c.C, c.ffi
local EINTR = errors.numbers.EINTR
local READ, WRITE, ERROR = C.EDDY_READ, C.EDDY_WRITE, C.EDDY_ERROR

local M = {}

--- A poller has things registered: sockets, and what has a descriptor. Two objects on
-- one descriptor are two things.
---@class eddy.Poller
local Poller = {}

--- Whether a value is a socket, of any kind.
function M.is_socket(what) return type(what) == "table" and rawget(what, "_type") ~= nil end

local function text_of(what)
  if type(what) == "number" then return "descriptor " .. what end
  return tostring(what)
end

-- Raises unless this can be waited for now.
local function check_what(what, name)
  if not M.is_socket(what) then return descriptor.of(what, name) end
  if not what._id then
    error(errors.new(errors.numbers.ENOTSOCK, name .. ": " .. tostring(what)), 0)
  end
end

local function fill(item, what, events, name)
  local fd = check_what(what, name)
  item.events = events
  if fd then
    item.context, item.fd = nil, fd
  else
    item.context, item.socket = what._c, what._id
  end
end

--- A timeout in ms, -1 being for ever; raises if it is not a number.
function M.check_timeout(timeout, name)
  if timeout ~= nil and (type(timeout) ~= "number" or timeout ~= timeout) then
    errors.misuse(name .. ": expected milliseconds, got " .. tostring(timeout))
  end
  return errors.limit_of(timeout) or -1
end

-- Raises the error of the item that cannot be waited for.
local function fail(items, list, result, name)
  for i, what in ipairs(list) do
    if items[i - 1].ready < 0 then
      errors.check(items[i - 1].ready, name .. ":", text_of(what))
    end
  end
  errors.check(result, name)
end

--- Registers a thing, or changes what a registered one is waited for.
-- @param flags zmq.POLLIN, zmq.POLLOUT, or both (the default); 0 unregisters. zmq.POLLERR
-- need not be asked for: a descriptor's errors are always told.
---@param what eddy.What
function Poller:register(what, flags)
  flags = flags or READ + WRITE
  if type(flags) ~= "number" or flags < 0 or flags > READ + WRITE + ERROR or flags % 1 ~= 0 then
    errors.misuse("register: expected zmq.POLLIN, POLLOUT and POLLERR, got " .. tostring(flags))
  end
  local position = self._positions[what]
  if flags == 0 then
    if position then self:unregister(what) end
    return
  end
  check_what(what, "register")
  if not position then
    position = #self._list + 1
    self._list[position], self._positions[what] = what, position
  end
  self._flags[position] = flags
  self._now = false
end

--- The same as `register`.
Poller.modify = Poller.register

--- Forgets a thing. Raises when it is not registered.
---@param what eddy.What
function Poller:unregister(what)
  local position = self._positions[what]
  if not position then errors.misuse("unregister: not registered: " .. text_of(what)) end
  -- The last one takes its place: their order means nothing.
  local last = #self._list
  local moved = self._list[last]
  self._list[position], self._flags[position] = moved, self._flags[last]
  self._list[last], self._flags[last] = nil, nil
  self._positions[moved] = position
  self._positions[what] = nil
  self._now = false
end

--- Whether a thing is registered.
---@param what eddy.What
---@return boolean
function Poller:has(what) return self._positions[what] ~= nil end

-- What is registered: a list that stays as it is, whatever fileno methods, and what else runs in
-- the middle of a poll, register.
local function snapshot(self)
  local now = { list = {}, flags = {} }
  for i, what in ipairs(self._list) do now.list[i], now.flags[i] = what, self._flags[i] end
  self._now = now
  return now
end

--- Waits until something is ready.
---@param ms? number nil or negative: for ever. An empty poller does not wait.
-- @return a table of what is ready: each thing, as it was registered, with its mask of
-- zmq.POLLIN, POLLOUT and POLLERR. Empty when the time is up.
---@return table<eddy.What, integer> ready
function Poller:poll(ms)
  ms = M.check_timeout(ms, "poll")
  local now, ready = self._now or snapshot(self), {}
  local list, flags = now.list, now.flags
  local items = ffi.new("eddy_poll_item[?]", #list)
  for i, what in ipairs(list) do fill(items[i - 1], what, flags[i], "poll") end
  local deadline, result = waits.deadline(ms), C.eddy_poll(items, #list, ms)
  while result == -EINTR do
    waits.go_on "poll"
    result = C.eddy_poll(items, #list, waits.left(deadline))
  end
  if result < 0 then fail(items, list, result, "poll") end
  if result == 0 then return ready end
  for i, what in ipairs(list) do
    local mask = items[i - 1].ready
    if mask ~= 0 then ready[what] = mask end
  end
  return ready
end

methods(Poller, "poller", "poll")

--- What makes pollers that poll in another way.
-- @param poll their method
function M.class(poll)
  local Class = methods({ poll = poll }, "poller")
  Class.__index = Class
  function Class:__tostring()
    local texts = {}
    for i, what in ipairs(self._list) do texts[i] = text_of(what) end
    return #texts > 0 and "poller of " .. table.concat(texts, ", ") or "poller (empty)"
  end
  for name, method in pairs(Poller) do Class[name] = Class[name] or method end
  return function()
    return setmetatable({
      _list = {}, _flags = {}, _positions = {}, _now = false,
    }, Class)
  end
end

--- What is ready of what a poller has registered, now.
function M.look(self)
  local ready = Poller.poll(self, 0)
  for what, mask in pairs(ready) do
    -- Of a message of which another task has a part, nobody else can take any.
    if M.is_socket(what) and what._line then mask = what._line:usable(mask) end
    ready[what] = mask ~= 0 and mask or nil
  end
  return ready
end

--- Makes a poller.
M.new = M.class(Poller.poll)

-- Those of a list that are ready for `flag`.
local function chosen(list, ready, flag)
  local those = {}
  for _, what in ipairs(list) do
    if bit.band(ready[what] or 0, flag) ~= 0 then those[#those + 1] = what end
  end
  return those
end

--- What waits until one of some lists' things can receive, can send, or has an error.
-- @param new what makes pollers
function M.select_with(new)
  --- select(readers, writers, failing, ms)
  -- @param readers, writers, failing lists of sockets, descriptors and objects with a `fileno`
  -- method; nil for none
  -- @param ms nil or negative: for ever. Without anything to wait for, it does not.
  -- @return three lists of those that are ready, in the order given. A descriptor with an error
  -- is in the third also when it is only among the readers or writers.
  return function(readers, writers, failing, ms)
    local poller, flags = new(), {}
    ms = M.check_timeout(ms, "select")
    local lists = { { readers or {}, READ }, { writers or {}, WRITE }, { failing or {}, ERROR } }
    for _, each in ipairs(lists) do
      if type(each[1]) ~= "table" or M.is_socket(each[1]) then
        errors.misuse("select: expected a list of sockets, got " .. tostring(each[1]))
      end
      for _, what in ipairs(each[1]) do
        check_what(what, "select")
        flags[what] = bit.bor(flags[what] or 0, each[2])
        poller:register(what, flags[what])
      end
    end
    local ready, err = poller:poll(ms)
    if not ready then return nil, err end -- a green one whose task was cancelled
    local failed = chosen(lists[3][1], ready, ERROR)
    local listed = {}
    for _, what in ipairs(failed) do listed[what] = true end
    for _, what in ipairs(chosen(poller._list, ready, ERROR)) do
      if not listed[what] then failed[#failed + 1] = what end
    end
    return chosen(lists[1][1], ready, READ), chosen(lists[2][1], ready, WRITE), failed
  end
end

M.select = M.select_with(M.new)

return M
