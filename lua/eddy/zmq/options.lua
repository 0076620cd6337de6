-- Socket options: by name or number, and what each takes. Methods of a socket's.
local constants = require "eddy.base.constants"
local errors = require "eddy.base.errors"
local nearest = require "eddy.base.nearest"
local c = require "eddy.base.libeddy"
local pool = require "eddy.base.pool"
local access = require "eddy.zmq.access"
local option_types = require "eddy.zmq.option_types"

local C, ffi = c.C, c.ffi
local check = errors.check

local ROOM, Z85_KEY = 4096, 41 -- a key is asked for with just its size
local sizes = { int = 4, int64 = 8 } -- of others, the room that there is

local value_type = ffi.typeof("union { int32_t int32; int64_t int64; char bytes[$]; }", ROOM)
local take, give = pool(value_type)

local subscribes = { SUBSCRIBE = true, UNSUBSCRIBE = true }

local names = {} -- by number
for name in pairs(option_types.kinds) do
  if constants[name] then names[constants[name]] = name end
end

local M = { methods = {},
  --- What sockets have that others can reach, unless it was set: ms for a handshake, bytes a part,
  -- connections that wait.
  limits = { HANDSHAKE_IVL = 10000, MAXMSGSIZE = 16 * 2 ^ 20, BACKLOG = 128 } }
---@class eddy.Socket
local Socket = M.methods

--- An option's name and number, from either; nil when there is none.
function M.option_name(option)
  local name = type(option) == "string" and option:upper() or names[option]
  local number = name and option_types.kinds[name] and constants[name]
  if number then return name, number end
end

local function option_of(option, what)
  local name, number = M.option_name(option)
  if not name then
    errors.misuse(("%s: no such option: '%s'%s"):format(what, tostring(option),
      M.nearest(option)))
  end
  return name, number
end

local beside = { bind = true, connect = true, hwm = true } -- options

--- The end of a text about an option that does not exist: which one may be meant.
-- @param ... other tables of names that it may be one of
function M.nearest(option, ...)
  return nearest(option, option_types.kinds, beside, access.settings, ...):lower()
end

--- Whether sockets have an option, or a setting, of that name.
function M.has(name)
  return M.option_name(name) ~= nil or beside[name] or M.is_hwm(name) or access.find(name) ~= nil
end

--- Whether it is the option that sets both high-water marks.
function M.is_hwm(option) return option == "hwm" or option == "HWM" end

--- Raises when a setting, of libzmq's or ours, cannot be.
function M.check_setting(name, value)
  if M.is_hwm(name) then return end
  local setting = access.find(name)
  if setting then return setting.check(value) end
  M.check_option(name, value)
end

--- Looks an option and a value for it up; raises when they cannot be.
-- @return its name and number, and the value as the core takes it
function M.check_option(option, value)
  local name, number = option_of(option, "set")
  local kind = option_types.kinds[name]
  if option_types.read_only[name] then errors.misuse("set " .. name .. ": it can only be read") end
  if type(value) == "boolean" and kind == "int" then value = value and 1 or 0 end
  local wanted = (kind == "int" or kind == "int64") and "number" or "string"
  if type(value) ~= wanted and not (value == nil and kind == "string") then
    errors.misuse("set " .. name .. ": expected a " .. wanted .. ", got " .. type(value))
  end
  if wanted == "number" and (value % 1 ~= 0 or
      math.abs(value) >= (kind == "int" and 2 ^ 31 or 2 ^ 63)) then
    errors.misuse("set " .. name .. ": expected a whole number that fits, got " .. value)
  end
  return name, number, value
end

--- Sets an option.
---@param option string|integer
-- its name ("linger") or number (zmq.LINGER); "hwm" is SNDHWM and RCVHWM; or what
-- says who may come in: "insecure"
-- @param value a number, a boolean for options that switch, or a string
function Socket:set(option, value)
  if M.is_hwm(option) then
    self:set("SNDHWM", value)
    return self:set("RCVHWM", value)
  end
  local id = self:_open_id("set")
  local setting = access.find(option)
  if setting then return setting.set(self, setting.check(value)) end
  local name, number
  name, number, value = M.check_option(option, value)
  local kind = option_types.kinds[name]
  local result
  if kind == "int" then
    local room = take()
    room.int32 = value
    result = C.eddy_socket_set(self._c, id, number, room, sizes.int)
    give(room)
  elseif kind == "int64" then
    local room = take()
    room.int64 = value
    result = C.eddy_socket_set(self._c, id, number, room, sizes.int64)
    give(room)
  else
    result = C.eddy_socket_set(self._c, id, number, value, value and #value or 0)
  end
  if result == -errors.numbers.EMSGSIZE then
    local what = ("subscribe: a topic of %d bytes: %s:"):format(#value, option_types.GARBLED)
    check(result, what, self)
  end
  if result == -errors.numbers.EINVAL and subscribes[name] and self._type ~= "SUB" then
    error(errors.new(-result, ("set %s: %s: only a SUB socket subscribes"):format(name,
      tostring(self))), 0)
  end
  check(result, "set " .. name .. ":", self)
  if name == "SUBSCRIBE" then rawset(self, "_subscribed", true) end
  if M.limits[name] then
    if not self._own_limits then rawset(self, "_own_limits", {}) end
    self._own_limits[name] = true
  end
end

--- An option's value: a number or a string.
---@param option string|integer its name ("linger") or number (zmq.LINGER)
---@return any
function Socket:get(option)
  errors.check_self(self, "get", "socket")
  if M.is_hwm(option) then option = "SNDHWM" end
  local setting = access.find(option)
  if setting then return setting.get(self) end
  local name, number = option_of(option, "get")
  local id, kind = self:_open_id("get"), option_types.kinds[name]
  if option_types.write_only[name] then errors.misuse("get " .. name .. ": it can only be set") end
  local size = sizes[kind] or ROOM
  if kind == "string" and name:find("^CURVE_.*KEY$") then size = Z85_KEY end
  local room, value = take(), nil
  local filled = C.eddy_socket_get(self._c, id, number, room, size)
  if kind == "int" then
    value = room.int32
  elseif kind == "int64" then
    value = tonumber(room.int64)
  elseif filled >= 0 then
    -- libzmq ends texts with a zero byte and counts it.
    value = ffi.string(room.bytes, kind == "string" and math.max(0, filled - 1) or filled)
  end
  give(room)
  check(filled, "get " .. name .. ":", self)
  return value
end

--- Where a socket is bound or connected, as far as libzmq knows; nil when it does not.
function M.endpoint(socket)
  local room = take()
  local size = C.eddy_socket_get(socket._c, socket._id, constants.LAST_ENDPOINT, room, ROOM)
  local endpoint = size > 1 and ffi.string(room.bytes, size - 1) or nil
  give(room)
  return endpoint
end

return M
