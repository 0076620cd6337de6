-- What a stream counts, and what those who read it know the stream by.
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"
local socket_options = require "eddy.zmq.options"

local C, ffi = c.C, c.ffi
local check = errors.check

---@class eddy.Stream
local Stream = {}

---@class eddy.StreamStats
---@field messages_in integer
---@field bytes_in integer
---@field messages_out integer
---@field bytes_out integer
---@field queued integer
---@field queued_bytes integer
---@field high_water integer the most messages that ever were queued
---@field high_water_bytes integer the most bytes
---@field dropped integer
---@field errors integer
---@field discarded integer
---@field unanswered integer requests that a REP did not answer in time
---@field handler_time number the ms that on_recv's function took

--- The stream's counters.
---@return eddy.StreamStats
function Stream:stats()
  self:_check_open "stats"
  local stats = ffi.new("eddy_stream_stats")
  check(C.eddy_stream_stats_get(self.loop._c, self._id, stats), "stats:", self.name)
  return {
    messages_in = stats.messages_in, bytes_in = stats.bytes_in,
    messages_out = stats.messages_out, bytes_out = stats.bytes_out,
    queued = stats.queued, queued_bytes = stats.queued_bytes,
    high_water = stats.high_water, high_water_bytes = stats.high_water_bytes,
    dropped = stats.dropped, errors = stats.errors, handler_time = self._time,
    discarded = self._discarded, unanswered = self._unanswered,
  }
end

-- Others know it by another name, or another endpoint, from now on.
function Stream:_relabel()
  if not self._id or C.eddy_page_get() == nil then return end
  local name = rawget(self, "name")
  C.eddy_stream_label(self.loop._c, self._id, name and tostring(name) or nil,
    socket_options.endpoint(self.socket) or "")
end

-- Its socket has.
Stream._bound = Stream._relabel

return { methods = Stream }
