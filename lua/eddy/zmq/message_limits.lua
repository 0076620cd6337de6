-- What a message may have that a peer sends: libzmq bounds the size of one part, and keeps parts
-- until the last one has come. The command ends connections that are over these limits.
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"

local C = c.C

local M = {}

local NONE, NOTHING = -1, {}
local defaults = { max_parts = 1024, max_message = 64 * 2 ^ 20 } -- where strangers can connect

local function check(name)
  return function(value)
    if type(value) ~= "number" or value % 1 ~= 0 or value >= 2 ^ 31 or
        value < 1 and value ~= NONE then
      errors.misuse(("set %s: expected a whole number from 1 to 2147483647, or -1 for no limit, " ..
        "got %s"):format(name, tostring(value)))
    end
    return value
  end
end

--- The settings, as eddy.zmq.access has them. They hold for later binds.
M.settings = {}

for name in pairs(defaults) do
  M.settings[name] = {
    check = check(name),
    set = function(socket, value)
      local limits = { [name] = value }
      for each, before in pairs(socket._limits or {}) do limits[each] = limits[each] or before end
      rawset(socket, "_limits", limits)
    end,
    get = function(socket) return socket._limits and socket._limits[name] or NONE end,
  }
end

--- Gives them to a socket that is about to be bound.
-- @param is_open whether strangers can connect there: what was not set is limited then
function M.apply(socket, is_open)
  for name, value in pairs(is_open and defaults or NOTHING) do
    if not (socket._limits and socket._limits[name]) then M.settings[name].set(socket, value) end
  end
  local limits = socket._limits or NOTHING
  errors.check(C.eddy_socket_limit(socket._c, socket:_open_id "bind",
    math.max(0, limits.max_parts or NONE), math.max(0, limits.max_message or NONE)), "bind")
end

return M
