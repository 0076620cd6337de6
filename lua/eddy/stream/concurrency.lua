-- Handlers that wait, as coroutines do, and what comes meanwhile: methods of a stream's.
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"

local C = c.C

local M = { methods = {} }
local Stream = M.methods

--- Says how many messages may be in the hands of a handler that waits, as coroutines do: 1
-- unless set, so that the next message waits for it; with more, handlers overlap.
-- @param count at least 1; math.huge for any number
function Stream:set_concurrency(count)
  if type(count) ~= "number" or count ~= count or count < 1 then
    errors.misuse("set_concurrency: expected a number of at least 1, got " .. tostring(count))
  end
  self:_check_open("set_concurrency")
  self._concurrency = count
end

-- The handler waits, in its coroutine.
function Stream:_waits()
  self._inside = self._inside + 1
  if self._inside < self._concurrency then return end
  self._waiting = true
  if self._id then C.eddy_stream_receive(self.loop._c, self._id, 0) end
end

-- A handler went on and has ended.
function Stream:_went_on()
  self._inside = self._inside - 1
  if not self._waiting or self._inside >= self._concurrency then return end
  self._waiting = false
  if not self._id or not self._on_recv then return end
  C.eddy_stream_receive(self.loop._c, self._id, self._receive)
end

return M
