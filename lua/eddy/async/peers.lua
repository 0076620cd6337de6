-- Sockets that send each message to the peer that its first part names: one that does not read
-- holds up nobody else's messages.
local constants = require "eddy.base.constants"
local bytes = require "eddy.zmq.bytes"

local band, SNDMORE = bit.band, constants.SNDMORE

local M = {}

local by_peer = { ROUTER = true, STREAM = true }

--- Whether a socket, or a descriptor's number, is one whose messages name their peers.
function M.names(what) return type(what) ~= "number" and by_peer[what._type] or false end

--- The peer that a message goes to, which waits for no message to another one; false for what
-- must keep its place.
function M.of(line, operation, data, flags)
  if not line._by_peer or operation.name ~= "send_multipart" or band(flags, SNDMORE) ~= 0 or
    type(data) ~= "table" then return false end
  local name = data[1]
  return bytes.kind(name) and name.bytes or type(name) == "string" and name
end

--- Whether an operation may pass those that wait in its list: all of them for other peers.
function M.may_pass(line, list, operation, data, flags)
  local peer = M.of(line, operation, data, flags)
  return peer and not list.counts[false] and not list.counts[peer]
end

return M
