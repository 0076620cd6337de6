-- Coroutines of cqueues' that wait for futures of eddy's. They are cqueues' to suspend and to
-- resume, so each waits for a condition of its.
local M = {}

local loaded = package.loaded

-- Of each controller, its coroutines that wait here: a set, and their number.
local waiting = setmetatable({}, { __mode = "k" })

--- The controller whose coroutine runs, itself and no other inside it; nil: there is none.
function M.controller()
  local cqueues = loaded._cqueues
  if not cqueues then return nil end
  local queue, is_its_own = cqueues.running()
  return is_its_own and queue or nil
end

--- How many of a controller's coroutines wait for futures.
function M.count(queue) return waiting[queue] and waiting[queue].count or 0 end

-- Called when what one waits for is done.
local Waiter = {}
Waiter.__index = Waiter
function Waiter:_follow() self.condition:signal() end

--- Whether who waits, as a loop knows it, is such a coroutine.
function M.is(waiter) return getmetatable(waiter) == Waiter end

local function forget(waiter)
  local loop, all = waiter.loop, waiting[waiter.queue]
  if not all.set[waiter] then return end
  all.set[waiter], all.count = nil, all.count - 1
  if loop._waiting[waiter] then
    loop._waiting[waiter], loop._waiters = nil, loop._waiters - 1
  end
end

--- Suspends the running coroutine, which is a controller's, until a future is done.
function M.wait(loop, what, queue)
  local waiter = setmetatable({
    name = "coroutine of cqueues", thread = coroutine.running(), loop = loop, queue = queue,
    condition = require "cqueues.condition".new(),
  }, Waiter)
  local all = waiting[queue] or { set = {}, count = 0 }
  waiting[queue] = all
  all.set[waiter], all.count = true, all.count + 1
  loop._waiting[waiter], loop._waiters = what, loop._waiters + 1
  what:_listen(waiter)
  repeat waiter.condition:wait() until what:done()
  forget(waiter)
end

--- A controller does not run any more: nothing of it waits.
function M.forget(queue)
  local all = waiting[queue]
  for waiter in pairs(all and all.set or {}) do
    local what = waiter.loop._waiting[waiter]
    forget(waiter)
    if what then what:_unlisten(waiter) end
  end
end

return M
