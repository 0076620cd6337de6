--- cqueues, and what is made of it, such as lua-http, on a loop of eddy's: `eddy.cqueues(queue)`.
-- A coroutine of cqueues' may await a future of eddy's; with `run`, eddy's wait for cqueues'.
local errors = require "eddy.base.errors"
local loops = require "eddy.loop"
local futures = require "eddy.tasks.future"
local foreign = require "eddy.tasks.foreign"

---@class eddy.cqueues
---@overload fun(queue?: table, loop?: eddy.Loop): table
local M = {}

local cqueues

local function load()
  local ok, found = pcall(require, "cqueues")
  if not ok then
    errors.misuse("eddy.cqueues needs cqueues; on Debian: apt-get install lua-cqueues")
  end
  cqueues = found
end

-- What has the controller on a loop; of nil, the loop's own.
local function embedded_of(loop, queue)
  for _, each in ipairs(loop._embedded or {}) do
    if queue and each._queue == queue or not queue and each._is_own then return each end
  end
end

-- The controller that is meant: itself, or a lua-http server's.
local function controller_of(value)
  if cqueues.type(value) == "controller" then return value end
  local own = type(value) == "table" and value.cq
  if cqueues.type(own) == "controller" then return own end
  errors.misuse("eddy.cqueues: expected a controller of cqueues' or a server of lua-http's, got " ..
    tostring(cqueues.type(value) or type(value)))
end

local STRAY = "a coroutine of cqueues' yielded, and nobody is there to resume it: it goes on. " ..
  "It waits by cqueues' own functions, or for futures"

-- What steps a controller. What its coroutines yield by another way than cqueues' comes out of the
-- step, which is so not over: hence it runs in a coroutine. Returns whether it was over, then what
-- cqueues' step returned.
local function stepper_of(queue)
  local function results(ok, mark, ...)
    if not ok then error(mark, 0) end
    return mark == queue, ...
  end
  local thread = coroutine.create(function()
    while true do coroutine.yield(queue, queue:step(0)) end
  end)
  return function() return results(coroutine.resume(thread)) end
end

local function embed(loop, queue, is_own)
  if cqueues.running() and not loop:running() then
    errors.misuse("eddy.cqueues: cqueues runs already, and the loop is to turn inside it: " ..
      "wrap functions in the controller that runs")
  end
  local embedded
  local run, is_over = stepper_of(queue), true
  local function step()
    local ok, err, thread, _
    is_over, ok, err, _, thread = run()
    if not is_over then
      loop:_failed(loop._trace(STRAY), embedded)
    elseif not ok then
      loop:_failed(loop._trace(err, type(thread) == "thread" and thread or nil), embedded)
    end
  end
  local function timeout()
    if cqueues.type(queue) ~= "controller" then -- closed
      embedded:close()
      return nil
    end
    if not is_over then return 0 end
    local seconds = queue:timeout()
    return seconds and seconds * 1000
  end
  local function alive() return queue:count() > foreign.count(queue) end
  embedded = loop:embed { fd = queue:pollfd(), step = step, timeout = timeout, alive = alive,
    name = "cqueues" }
  embedded._queue, embedded._is_own = queue, is_own
  embedded._closed = function() foreign.forget(queue) end
end

--- Runs a controller of cqueues' on a loop, which it keeps running as long as coroutines are in
-- it; again, does nothing. An error in one of its coroutines is an error in a callback.
---@param queue? any the controller, or a server of lua-http's; nil: one of the loop's own
-- @param loop the current one unless given
-- @return the controller
---@return any queue
function M.embed(queue, loop)
  if not cqueues then load() end
  loop = loop or loops.current()
  if not loops.is(loop) then
    errors.misuse("eddy.cqueues: expected a loop, got " .. type(loop))
  end
  loop:_core("eddy.cqueues")
  local controller = queue ~= nil and controller_of(queue) or nil
  local embedded = embedded_of(loop, controller)
  if embedded then return embedded._queue end
  local is_own = not controller
  controller = controller or cqueues.new()
  embed(loop, controller, is_own)
  return controller
end

--- Takes a controller, or a server of lua-http's, off its loop: nothing of it runs any more.
-- @param loop the current one unless given
---@param queue? any
function M.remove(queue, loop)
  if not cqueues then load() end
  local embedded = embedded_of(loop or loops.current(), controller_of(queue))
  if embedded then embedded:close() end
end

local function settle(future, loop, ok, ...)
  if ok then return future:set_result(...) end
  local failure = loop:_failure(...)
  if future:cancelled() then
    if failure.value ~= errors.cancelled then loop:_failed(failure, future) end
  else
    future:_fail(failure)
  end
end

--- Runs fn(...) in a coroutine of cqueues', on the current loop, so that it may wait as those do:
-- sleep, use sockets, ask by HTTP.
-- @return a future of what it returns. To cancel that does not end the coroutine.
---@param fn fun(...): ...
---@return eddy.Future<any>
function M.run(fn, ...)
  errors.check_function(fn, "eddy.cqueues.run")
  if not cqueues then load() end
  local loop = loops.current()
  local queue = cqueues.running() or M.embed(nil, loop)
  local future = futures.new(loop)
  future._name = "cqueues.run (" .. errors.where(fn) .. ")"
  queue:wrap(function(...) settle(future, loop, xpcall(fn, loop._trace, ...)) end, ...)
  return future
end

return setmetatable(M, { __call = function(_, ...) return M.embed(...) end })
