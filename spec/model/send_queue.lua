-- The operations of a sequence that are about send queues, which they take an end of a link for
-- that sends; and that what counts as alive is counted right.
local C, ffi = require "spec.support.room" "stream/stream"
local backpressure = require "eddy.stream.backpressure"

local random = math.random

local M = { operations = {} }

local function chance(percent) return random(100) <= percent end

-- The core's stream of an end of a link that is open.
local function core_stream(point)
  local socket = point.stream.socket
  local owner = ffi.cast("char *", C.eddy__context_find(socket._c, socket._id).owner)
  return ffi.cast("eddy__stream *", owner - ffi.offsetof("eddy__stream", "source"))
end

--- A task that has not ended yet, though somebody is there to make room.
function M.waiting(tasks)
  for _, each in ipairs(tasks) do
    if not each.task:done() and not each.way.gone then return each.task end
  end
end

--- Sets limits; false when there was no memory for the queue that they are of.
function M.set_limit(self, point, messages, policy)
  local ok, err = pcall(point.stream.set_send_limit, point.stream,
    { messages = messages, policy = policy })
  assert(ok or self.fails and err.name == "ENOMEM", err)
  return ok
end

-- The limits change while the queue is in use; what it drops, it drops from the beginning.
function M.operations.limit(self, point)
  local policy = point.way_out.drops and (chance(50) and "drop_newest" or "drop_oldest") or "error"
  local messages = chance(70) and random(0, 8) or nil
  self:note("limit", point.name, messages, policy)
  M.set_limit(self, point, messages, policy)
end

-- Whoever is told of a full queue is told once, until a drain; a drain follows nothing else.
function M.operations.on_full(self, point)
  self:note("on_full", point.name)
  point.stream:on_full(function()
    self:enter()
    self:note("full", point.name)
    point.way_out:full()
    self:leave()
  end)
end

function M.operations.on_drain(self, point)
  local on = chance(60)
  self:note("on_drain", point.name, on)
  point.way_out:hears_drains(on)
  point.stream:on_drain(on and function()
    self:enter()
    self:note("drain", point.name)
    point.way_out:drained()
    self:leave()
  end or nil)
end

function M.operations.on_send(self, point)
  local on = chance(50)
  self:note("on_send", point.name, on)
  point.stream:on_send(on and function()
    self:enter()
    self:leave()
  end or nil)
end

-- A task that waits for room in a queue that is full, or is closed while it does.
function M.operations.wait_for_room(self, point)
  if core_stream(point).out.full == 0 then return end
  self:note("wait for room", point.name)
  local task = self.loop:spawn(function()
    if point.stream:closed() or core_stream(point).out.full == 0 then return end
    pcall(backpressure.wait, point.stream)
  end)
  self.tasks[#self.tasks + 1] = { task = task, way = point.way_out }
end

function M.operations.cancel_task(self)
  local task = M.waiting(self.tasks)
  self:note("cancel task", task)
  if task then task:cancel() end
end

--- Raises where a stream is not counted as it is: what counts as alive is counted again wherever
-- one of its terms changes.
function M.check_alive(points)
  for _, point in ipairs(points) do
    if not point.stream:closed() then
      local stream = core_stream(point)
      if stream.counted ~= C.eddy__stream_is_alive(stream) then
        error(point.name .. " is not counted as it is alive", 0)
      end
    end
  end
end

return M
