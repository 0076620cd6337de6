-- From which networks a socket takes connections over tcp. libzmq closes others as they come,
-- before any handshake: nothing is computed for them, and nothing is kept.
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"
local constants = require "eddy.base.constants"
local policies = require "eddy.security.policy"

local C = c.C

local M = {}

local NOBODY = "255.255.255.255/32"

-- A network with its bits: those of an address are all of them.
local function network_of(text)
  if type(text) ~= "string" then
    errors.misuse("set accept: expected addresses or networks (10.0.0.0/8), got " .. type(text))
  end
  local whole = text:find("/", 1, true) and text or
    text .. (text:find(":", 1, true) and "/128" or "/32")
  policies.new():allow_address(whole)
  return whole
end

--- Looks at an `accept`: a text or a list of them. Returns a list of networks; raises EINVAL for
-- what is none.
function M.check(value)
  local list = type(value) == "string" and { value } or value
  if type(list) ~= "table" or #list == 0 then
    errors.misuse("set accept: expected a network (10.0.0.0/8) or a list of them, got " ..
      (type(value) == "table" and "an empty list" or type(value)))
  end
  local networks = {}
  for i, text in ipairs(list) do networks[i] = network_of(text) end
  return networks
end

-- A network as libzmq compares it, or nil. Where it listens for IPv6, addresses of IPv4 come as
-- addresses of IPv6, and it would count the bits of "10.0.0.0/8" from the wrong end; where it does
-- not, none of IPv6 come.
local function filter_of(network, ipv6)
  if network:find(":", 1, true) then return ipv6 and network or nil end
  if not ipv6 then return network end
  local address, bits = network:match "^(.*)/(%d+)$"
  return ("::ffff:%s/%d"):format(address, 96 + bits)
end

local function set(socket, id, filter)
  errors.check(C.eddy_socket_set(socket._c, id, constants.TCP_ACCEPT_FILTER, filter,
    filter and #filter or 0), "set accept: " .. tostring(filter) .. ":", socket)
end

--- Gives them to a socket that is about to be bound.
-- @param networks as `check` returned them
function M.apply(socket, networks)
  local id, ipv6, count = socket:_open_id "bind", socket:get "IPV6" == 1, 0
  set(socket, id, nil)
  for _, network in ipairs(networks) do
    local filter = filter_of(network, ipv6)
    if filter then
      set(socket, id, filter)
      count = count + 1
    end
  end
  if count == 0 then set(socket, id, NOBODY) end -- without one libzmq takes everybody
end

return M
