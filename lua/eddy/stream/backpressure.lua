-- A stream's send queue when it is full: its limits, and coroutines that wait for room.
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"
local dispatch = require "eddy.loop.dispatch"
local line = require "eddy.stream.room"
local futures = require "eddy.tasks.future"

local C = c.C
local EMSGSIZE, ENOBUFS = errors.numbers.EMSGSIZE, errors.numbers.ENOBUFS

local M = { methods = {} }
---@class eddy.Stream
local Stream = M.methods

local policies = {
  error = C.EDDY_DROP_NONE, drop_newest = C.EDDY_DROP_NEWEST, drop_oldest = C.EDDY_DROP_OLDEST,
}

local limits = { bytes = true, messages = true, policy = true }

---@class (exact) eddy.SendLimit
---@field bytes? number 64 MiB where nothing is said
---@field messages? number any number where nothing is said
---@field policy? "error"|"drop_newest"|"drop_oldest"

--- Limits the send queue.
---@param limit eddy.SendLimit
function Stream:set_send_limit(limit)
  errors.check_fields(limit, limits, "set_send_limit")
  local policy = policies[limit.policy or "error"]
  if not policy then
    errors.unknown("set_send_limit", "policy", limit.policy, policies)
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
  self._limit = { bytes = limit.bytes, messages = limit.messages, policy = limit.policy }
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

-- Tells the core whether anybody waits for a drain: on_drain, or a coroutine for room.
local function await_drain(stream)
  if not stream._id then return end
  local room = stream._room
  local awaits = stream._on_drain or room and not room:done() or line.is_waited_for(stream)
  C.eddy_stream_await_drain(stream.loop._c, stream._id, awaits and 1 or 0)
end

local function tell_full(stream)
  if stream._full and stream._on_full then
    stream._full = false
    stream.loop:_protect(stream, stream._on_full, stream)
  end
end

--- The queue has reached a limit.
function M.full(stream)
  stream._full = true
  tell_full(stream)
end

--- Sets who is told of a full queue; one that is set late hears of one that is full already.
function M.on_full(stream, fn)
  stream._on_full = fn or false
  if fn and stream._full then stream.loop:add_callback(tell_full, stream) end
end

--- Sets who is told of a drain.
function M.on_drain(stream, fn)
  stream._on_drain = fn or false
  await_drain(stream)
end

--- The queue is down to half its limits.
function M.drained(stream)
  stream._full = false
  M.settle(stream)
  if stream._on_drain then stream.loop:_protect(stream, stream._on_drain, stream) end
end

-- What the future of room stands for.
local Room = {}
Room.__index = Room
function Room:_release() await_drain(self.stream) end
function Room:_describe() return "room in the send queue of " .. self.stream.name end

-- The future of room in the queue, for its end.
local function room_of(stream)
  local room = stream._room
  if not room or room:done() then -- one that was cancelled, with its only task
    room = futures.new(stream.loop, setmetatable({ stream = stream }, Room))
    stream._room = room
    await_drain(stream)
  end
  return room
end

--- Suspends the running coroutine until a queue that was full has room again, and those who
-- waited before have sent.
-- @param is_first whether it has waited, and there was no room all the same
-- @return nil, or the error with which the wait was ended
function M.wait(stream, is_first) return line.wait(stream, is_first, await_drain) end

--- Waits for room, and sends.
-- @param what, data, opts the stream's method, and its arguments
-- @return what the method returns, or nil and the error with which the wait was ended
function M.send_later(stream, what, data, opts)
  local is_first = false
  while true do
    local err = M.wait(stream, is_first)
    if err then return nil, err end
    stream._trying = true
    local ok, result, problem = pcall(stream[what], stream, data, opts)
    stream._trying = false
    if not ok then error(result, 0) end
    if result or problem.code ~= ENOBUFS then return result, problem end
    is_first = true
  end
end

--- Suspends the running coroutine until the queue, which takes no more, is empty, the stream is
-- closed, or `ms` are over.
function M.finish(stream, ms)
  local emptied
  errors.check(C.eddy_stream_finish(stream.loop._c, stream._id), "close:", stream.name)
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
  stream._room = false
  if room then
    if err then room:set_error(err) else room:set_result(true) end
  end
  if err then line.fail(stream, err) else line.drained(stream) end
end

return M
