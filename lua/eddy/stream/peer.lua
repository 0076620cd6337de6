-- Who sent the message that a stream's handler has at hand.
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"
local peers = require "eddy.security.peer"
local ownership = require "eddy.tasks.ownership"

local C, ffi = c.C, c.ffi

-- The inbox that the handler's message was taken from; nil when there is no such handler: it has
-- waited, and others were handled since, or it has flushed.
local function inbox_of(self)
  local loop = self.loop
  local is_at_hand = loop._current == self and self._flushed ~= loop._turns and
    ownership.in_callback(coroutine.running())
  local event = is_at_hand and C.eddy_loop_events(loop._c)[loop._event_next - 1]
  return event and event.kind == C.EDDY_RECEIVED and event.inbox or nil
end

--- Who sent the message at hand: { user, key, address, uid, gid, pid, mechanism }, and what the
-- allowing function returned. See the reference. Raises outside a handler of the stream's, and in
-- one that has waited or flushed.
---@param frame? eddy.Frame
-- a frame of the message, where the stream receives frames; then it may be asked later
-- @return the peer; nil when the message does not tell (over inproc)
---@return eddy.Peer?
return function(self, frame)
  errors.check_self(self, "peer", "stream")
  self:_check_open("peer")
  if frame ~= nil then return peers.new(self.socket, function(name) return frame:get(name) end) end
  local inbox = inbox_of(self)
  if inbox == nil or not self._copy then
    errors.misuse("peer: it tells who sent the message that a handler has at hand, before the " ..
      "handler waits or flushes; of frames, ask with one: stream:peer(msg[1])")
  end
  local at = inbox.head - 1
  return peers.new(self.socket, function(name)
    local value = C.eddy_inbox_property(inbox, at, name)
    return value ~= nil and ffi.string(value) or nil
  end)
end
