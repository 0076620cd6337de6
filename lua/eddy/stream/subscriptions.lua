-- A SUB that subscribed to nothing receives nothing: the log says so, once.
local c = require "eddy.base.libeddy"

local C = c.C

local PATIENCE_MS = 1000

local M = {}

--- The stream has a handler now, and may be about to subscribe.
function M.expect(stream)
  local socket = stream.socket
  if socket._type ~= "SUB" or socket._subscribed then return end
  C.eddy_stream_remind(stream.loop._c, stream._id, PATIENCE_MS)
end

--- The time for that is over.
function M.overdue(stream)
  if stream.socket._subscribed then return end
  stream.loop:_log(("%s: it has no subscription, so that nothing comes; socket:subscribe(\"\") " ..
    "is for everything"):format(tostring(stream.name)))
end

return M
