-- A stream's send queue when it is full: its limits, and coroutines that wait for room.
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"
local dispatch = require "eddy.loop.dispatch"
local futures = require "eddy.tasks.future"

local C = c.C
local EMSGSIZE = errors.numbers.EMSGSIZE

local M = { methods = {} }
local Stream = M.methods

local policies = {
  error = C.EDDY_DROP_NONE, drop_newest = C.EDDY_DROP_NEWEST, drop_oldest = C.EDDY_DROP_OLDEST,
}

local limits = { bytes = true, messages = true, policy = true }

--- Limits the send queue.
-- @param limit { bytes = n, messages = n, policy = "error" | "drop_newest" | "drop_oldest" };
-- 64 MiB, any number of messages and "error" where nothing is said
function Stream:set_send_limit(limit)
  errors.check_fields(limit, limits, "set_send_limit")
  local policy = policies[limit.policy or "error"]
  if not policy then
    errors.misuse("set_send_limit: no such policy: " .. tostring(limit.policy))
  end
  for _, name in ipairs { "bytes", "messages" } do
    local value = limit[name]
    if value ~= nil and (type(value) ~= "number" or value < 0 or value ~= value) then
      errors.misuse("set_send_limit: " .. name .. ": expected a number of at least 0, got " ..
        tostring(value))
    end
  end
  self:_check_open("set_send_limit")
  errors.check(C.eddy_stream_limit(self.loop._c, self._id, limit.messages or -1,
    limit.bytes or C.EDDY_SEND_LIMIT, policy), "set_send_limit:", self.name)
end

--- The error of a message that the queue did not take.
function M.refused(stream, what, code)
  if stream._finishing then
    return errors.new(errors.numbers.ENOTSOCK, what .. ": " .. stream.name .. " is being closed")
  end
  local reason = code == EMSGSIZE and " is smaller than the message" or " is full"
  return errors.new(code, what .. ": the send queue of " .. stream.name .. reason)
end

--- Whether the caller is a coroutine that can wait for room: one of the script's, a task for
-- one. A handler is told at once that there is none.
function M.may_wait()
  local thread = coroutine.running()
  return thread ~= nil and not dispatch.is_run(thread)
end

-- The future of room in the queue.
local function room_of(stream)
  local room = stream._room
  if not room or room:done() then -- one that was cancelled, with its only task
    room = futures.new(stream.loop)
    room._name = "room in the send queue of " .. stream.name
    stream._room = room
  end
  return room
end

--- Suspends the running coroutine until a queue that was full has room again.
-- @return nil, or the error with which the wait was ended
function M.wait(stream)
  local room = room_of(stream)
  C.eddy_stream_await_drain(stream.loop._c, stream._id, 1)
  local _, err = room:await()
  return err
end

--- Suspends the running coroutine until the queue, which takes no more, is empty, the stream is
-- closed, or `ms` are over.
function M.finish(stream, ms)
  local emptied
  stream._finishing = true
  local over = false
  local timer = ms < math.huge and stream.loop:call_later(ms, function()
    over = true
    emptied:cancel()
  end)
  local ok, result
  repeat -- what is told first may be that a full queue had room again
    emptied = room_of(stream):_map()
    C.eddy_stream_finish(stream.loop._c, stream._id)
    ok, result = pcall(emptied.await, emptied)
  until not ok or not result or over or not stream:sending()
  if timer then timer:cancel() end
end

--- There is room again, or, with an error, never will be.
function M.settle(stream, err)
  local room = stream._room
  if not room then return end
  stream._room = false
  if stream._id then
    C.eddy_stream_await_drain(stream.loop._c, stream._id, stream._on_drain and 1 or 0)
  end
  if err then room:set_error(err) else room:set_result(true) end
end

return M
