-- Those who wait for room in a stream's send queue, in their order. They are woken one after the
-- other: all at once would be work for each of them whenever there is room for one.
local futures = require "eddy.tasks.future"

local M = {}

-- What the future of one that waits stands for: its place.
local Place = {}
Place.__index = Place

function Place:_describe() return "room in the send queue of " .. self.stream.name end

function Place:_release()
  local line = self.stream._line
  line[self.number], line.count = nil, line.count - 1
  if line.count == 0 then line.first, line.last = 1, 0 end
  line.changed(self.stream)
end

--- Whether anybody waits.
function M.is_waited_for(stream)
  return stream._line and stream._line.count > 0
end

--- Suspends the running coroutine until it is its turn to try again.
-- @param is_first whether it was its turn, and there was no room: it stays before all others
-- @param changed fn(stream): told when the number of those who wait changes
-- @return nil, or the error with which the wait was ended
function M.wait(stream, is_first, changed)
  local line = stream._line or { first = 1, last = 0, count = 0, trying = false,
    changed = changed }
  local number = is_first and line.first - 1 or line.last + 1
  local future = futures.new(stream.loop, setmetatable({ stream = stream, number = number }, Place))
  stream._line = line
  line[number], line.count, line.full = future, line.count + 1, true
  line.first, line.last = math.min(line.first, number), math.max(line.last, number)
  changed(stream)
  local _, err = future:_await_private()
  return err
end

local go_on

-- Wakes the next one; when it has tried, and there was room, the one after it.
local function wake_next(stream)
  local line = stream._line
  if line.full or line.trying or line.count == 0 then return end
  while not line[line.first] do line.first = line.first + 1 end
  line.trying = true
  line[line.first]:set_result(true)
  stream.loop:add_callback(go_on, stream)
end

function go_on(stream)
  stream._line.trying = false
  wake_next(stream)
end

--- There is room.
function M.drained(stream)
  if not stream._line then return end
  stream._line.full = false
  wake_next(stream)
end

--- There never will be: all are told of the error.
function M.fail(stream, err)
  local line = stream._line
  for number = line and line.first or 1, line and line.last or 0 do
    if line[number] then line[number]:set_error(err) end
  end
end

return M
