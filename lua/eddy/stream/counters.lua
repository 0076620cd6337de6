-- What a stream counts, and what those who read it know the stream by.
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"
local socket_options = require "eddy.zmq.options"

local C, ffi = c.C, c.ffi
local check = errors.check

---@class eddy.Stream
local Stream = {}

--- Counters: messages_in, bytes_in, messages_out, bytes_out, queued, queued_bytes, high_water and
-- high_water_bytes (the most that ever were queued), dropped, errors, discarded, unanswered
-- (requests that a REP did not answer in time), and handler_time, the ms that on_recv's function
-- took.
---@return table<string, number>
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
