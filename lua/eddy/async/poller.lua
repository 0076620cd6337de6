-- Waiting on a loop until one of several sockets and descriptors is ready.
local wait_queue = require "eddy.async.wait_queue"
local descriptor = require "eddy.base.descriptor"
local coroutines = require "eddy.tasks.coroutine"
local futures = require "eddy.tasks.future"
local poller = require "eddy.zmq.poller"

local M = {}

-- What a future of the first of several stands for: the others, and a timer.
local First = {}
First.__index = First

function First:_release()
  if self.timer then self.timer:cancel() end
  for _, each in ipairs(self.futures) do each:_unlisten(self) end
end

--- As a waiter's: see eddy.async.wait_queue.
function First:_is_input()
  for _, each in ipairs(self.futures) do
    if not each._source:_is_input() then return false end
  end
  return true
end

function First:_lines()
  local lines = {}
  for i, each in ipairs(self.futures) do lines[i] = each._source.line end
  return lines
end

function First:_follow(each)
  each._heard = true -- what is wrong, a look at all of them will tell
  if not self.all:done() then self.all:_resolve(true) end
end

local function line_of(loop, what)
  if not poller.is_socket(what) then
    return wait_queue.passing(loop, descriptor.of(what, "poll"))
  end
  return what._line or what._line_of and what:_line_of() or wait_queue.passing(loop, what)
end

local function begin(first, loop, self)
  for i, what in ipairs(self._list) do
    local each = line_of(loop, what):poll(loop, -1, self._flags[i])
    first.futures[i] = each
    each:_tell(first)
  end
end

-- A future: true when something that a poller has registered may be ready, false when the
-- time is up.
local function any(loop, self, ms)
  local first = setmetatable({ futures = {} }, First)
  local future = futures.new(loop, first)
  first.all, future._name = future, "poll"
  local ok, err = pcall(begin, first, loop, self)
  if not ok then
    future:cancel()
    error(err, 0)
  end
  first.timer = ms < math.huge and
    coroutines.own_timer(loop:call_later(ms, future.set_result, future, false))
  return future
end

--- Waits as a poller's `poll`, but for its coroutine alone.
function M.poll(loop, self, timeout)
  timeout = poller.check_timeout(timeout, "poll")
  local deadline = timeout < 0 and math.huge or loop:time() + timeout
  while true do
    local ready = poller.look(self)
    local left = deadline - loop:time()
    if next(ready) or timeout == 0 or left <= 0 or #self._list == 0 then return ready end
    -- Somebody else may be quicker to take what is ready.
    local _, err = any(loop, self, left):_await_private()
    if err then return nil, err end
  end
end

return M
