--- Futures and coroutines: what scripts wait with.
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"
local later = require "eddy.base.later"
local loops = require "eddy.loop"
local coroutines = require "eddy.tasks.coroutine"
local event = later.require "eddy.tasks.event"
local first = later.require "eddy.tasks.first"
local futures = require "eddy.tasks.future"
local lock = later.require "eddy.tasks.lock"
local queue = later.require "eddy.tasks.queue"
local semaphore = later.require "eddy.tasks.semaphore"

local C = c.C

---@class eddy.future
---@overload fun(loop?: eddy.Loop): eddy.Future<any>
local M = {}

local function check_future(value, what)
  if not futures.is(value) then
    errors.misuse(what .. ": expected a future, got " .. type(value))
  end
  return value
end

--- A future: for a result that is to come. `eddy.future(loop)` is the same.
-- @param loop where those that wait for it go on; the current one unless given
---@return eddy.Future<any>
function M.new(loop)
  loop = loop or loops.current()
  if not loops.is(loop) then errors.misuse("future: expected a loop, got " .. type(loop)) end
  loop:_core("future")
  return futures.new(loop)
end

--- Whether a value is a future (tasks are, too).
M.is = futures.is

--- Runs fn(...) in a coroutine on the current loop, from its next turn on.
-- @return the task, which is a future of what fn returns
---@param fn fun(...): ...
---@return eddy.Task<any>
function M.spawn(fn, ...)
  return loops.current():spawn(fn, ...)
end

--- Suspends the running coroutine until a future is done; in the main program, runs the
-- future's loop until then.
-- @return its results; nil and an error, when that is EAGAIN, ETIMEDOUT or ECANCELED. Raises
-- any other error.
---@generic T
---@param future eddy.Future<T>
---@param err? eddy.Error
---@return T first
---@return any ...
function M.await(future, err)
  if future == nil and errors.is_expected(err) then return nil, err end -- what `sleep` returned
  return check_future(future, "await"):await()
end

--- The time of day: milliseconds since 1970, with a fraction. It jumps when the system's clock is
-- set: durations are `loop:time()`'s. Where the current loop's time is virtual, it goes with that.
---@return number ms
function M.now()
  local loop = loops.current(false)
  return C.eddy_wall_time(loop and loop._c or nil)
end

-- What a future of time stands for: a timer.
local Alarm = {}
Alarm.__index = Alarm
Alarm._is_sleep = true
function Alarm:_release() self.timer:cancel() end

--- Suspends the running coroutine for `ms`; in the main program, runs the loop for as long.
-- @return a future that is done, so that `eddy.await(eddy.sleep(ms))` means the same; or nil
-- and an ECANCELED error
---@return eddy.Future<nil>? done
---@return eddy.Error err
function M.sleep(ms)
  errors.check_ms(ms, "sleep")
  local loop = loops.current()
  local alarm = setmetatable({}, Alarm)
  local future = futures.new(loop, alarm)
  future._name = "sleep"
  alarm.timer = coroutines.own_timer(loop:call_later(ms, future.set_result, future))
  local _, err = future:_await_private()
  if err then return nil, err end
  return future
end

-- What a future with a limit stands for: another one, and a timer.
local Limit = {}
Limit.__index = Limit

function Limit:_part(number) return number == 1 and self.future end

function Limit:_release()
  if self.timer then self.timer:cancel() end
  self.future:_unlisten(self.limited)
end

local function expire(limited)
  limited:_expire(errors.new(errors.numbers.ETIMEDOUT, "with_timeout"))
end

--- A future of what another one comes to within a time. When the time is up it fails with
-- ETIMEDOUT, and the other one is cancelled, unless somebody else waits for it. A result that
-- is on its way then still comes: a task whose wait is over goes on, up to its next wait.
-- @param ms how long at most; negative or infinite: for ever
---@generic T
---@param future eddy.Future<T>
---@return eddy.Future<T>
function M.with_timeout(ms, future)
  local loop = check_future(future, "with_timeout")._loop
  errors.check_ms(ms, "with_timeout")
  ms = errors.limit_of(ms, "with_timeout")
  local limit = setmetatable({ future = future }, Limit)
  local limited = futures.new(loop, limit)
  limited._name = "with_timeout"
  limit.limited = limited
  if ms and not future:done() then
    limit.timer = coroutines.own_timer(loop:call_later(ms, expire, limited))
  end
  future:_tell(limited)
  return limited
end

local function copy(list)
  local own = {}
  for i, each in ipairs(list) do own[i] = each end
  return own
end

-- Several futures as a list of their own, and its length.
-- @param ... futures, or one list of them
-- @return and whether they were given as a list
local function list_of(what, ...)
  local list, count = { ... }, select("#", ...)
  local is_list = count == 1 and type(list[1]) == "table" and not futures.is(list[1])
  if is_list then list, count = copy(list[1]), #list[1] end
  for i = 1, count do check_future(list[i], what) end
  return list, count, is_list
end

-- What a future of several stands for: them, and what they have come to.
local Gathering = {}
Gathering.__index = Gathering

function Gathering:_part(number) return self.futures[number] end

function Gathering:_release(cancelled)
  for _, each in ipairs(self.futures) do
    if cancelled then each:_unlisten(self) else each:_forget(self) end
  end
end

function Gathering:_follow(future)
  local all = self.all
  if all:done() then return end
  future._heard = true
  if all._ending and future:cancelled() then return all:_cancel() end
  if future._failure then return all:_fail(future._failure) end
  self.left = self.left - 1
  if self.left > 0 then return end
  local count, results = #self.futures, {}
  for i, each in ipairs(self.futures) do results[i] = (each:result()) end
  if self.is_list then return all:set_result(results) end
  all:set_result(unpack(results, 1, count))
end

--- A future of the first results of several futures, in their order: of a list of them, if
-- they were given as one. Fails as soon as one of them does; the others go on. Cancelling it
-- cancels them.
---@param ... eddy.Future<any>|eddy.Future<any>[] futures, or one list of futures
---@return eddy.Future<any>
function M.gather(...)
  local list, count, is_list = list_of("gather", ...)
  local gathering = setmetatable({ futures = list, left = count, is_list = is_list }, Gathering)
  local all = futures.new(count > 0 and list[1]._loop or loops.current(), gathering)
  all._name, gathering.all = "gather", all
  for _, each in ipairs(list) do
    if not all:done() then each:_tell(gathering) end
  end
  if count == 0 and is_list then all:set_result({}) elseif count == 0 then all:set_result() end
  return all
end

--- A future of the first one of several futures that is done: its index, then its results, which
-- are nil and an error when that is one to expect. It fails when the first one did. The others go
-- on, and have what they come to; cancelling it cancels them, unless somebody else waits for them.
---@param ... eddy.Future<any>|table
-- futures, or one list of them: with `cancel = true` in it, the others are cancelled in
-- the same way when one is done
---@return eddy.Future<integer>
function M.first(...)
  local list, count, is_list = list_of("first", ...)
  for name in pairs(is_list and (...) or {}) do
    if type(name) == "string" and name ~= "cancel" then
      errors.unknown("first", "option", name, { cancel = true })
    end
  end
  if count == 0 then errors.misuse("first: expected one future at least") end
  return first.of(list, is_list and (...).cancel or false)
end

M.queue, M.event = later.call(queue, "new"), later.call(event, "new")
M.lock, M.semaphore = later.call(lock, "new"), later.call(semaphore, "new")

return setmetatable(M, { __call = function(_, ...) return M.new(...) end })
