-- A stream's discard.
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"
local directions = require "eddy.zmq.directions"

local C = c.C

---@class eddy.Stream
local M = { methods = {} }

-- Throws away up to `limit` messages of an inbox, which has some. Returns how many.
function M.methods._discard_from(_, inbox, limit)
  inbox.busy = 1
  local count, head = 0, inbox.head
  while count < limit and head < inbox.tail do
    if inbox.parts[head].more == 0 then count = count + 1 end
    head = head + 1
  end
  inbox.head, inbox.busy = head, 0
  return count
end

--- Throws away what has come and was not handled, also of a stream that is paused. Never waits.
-- A REP answers each request that it throws away as one whose handler fails.
-- @param limit how many messages at most; all that there are unless given
-- @return how many there were
---@return integer messages
function M.methods:discard(limit)
  local is_count = type(limit) == "number" and limit >= 0 and
    (limit % 1 == 0 or limit == math.huge)
  if limit ~= nil and not is_count then
    errors.misuse("discard: expected a limit, a whole number of at least 0, got " ..
      tostring(limit))
  end
  self:_check_open("discard")
  directions.check_receives(self.socket, "discard", self.name)
  limit = limit or math.huge
  local count = 0
  while count < limit and self._id do
    local inbox = C.eddy_stream_pull(self.loop._c, self._id, limit - count)
    if inbox == nil then break end
    count = count + self:_discard_from(inbox, limit - count)
  end
  self._discarded = self._discarded + count
  return count
end

return M
