-- A pool: jobs that wait, and the workers that do them.
local errors = require "eddy.base.errors"
local methods = require "eddy.base.methods"
local crew = require "eddy.jobs.crew"
local jobs = require "eddy.jobs.job"
local message = require "eddy.jobs.message"
local backpressure = require "eddy.stream.backpressure"
local room = require "eddy.stream.room"
local futures = require "eddy.tasks.future"

local FIRST_DELAY_MS, LONGEST_DELAY_MS = 100, 10000 -- between a crash and the next worker
local CLOSE_MS = 5000

--- A pool of workers: made by `eddy.jobs`. Fields: `module`; `name`, for messages to people.
---@class eddy.Pool
---@field name string for messages to people; "jobs of MODULE" unless given
---@field module string
local Pool = {
  _line = false,     -- who waits for room
  _first = 1,        -- of the queue
  _last = 0,
  _backlog = 0,      -- jobs that wait
  _crashes = 0,      -- since a job was done last
  _not_before = 0,   -- when the next worker may be started
  _delay = false,    -- the timer of that
  _closing = false,  -- the future of its end
  _unfinished = 0,   -- jobs that its end found undone
}
Pool.__index = Pool

local M = {}

--- Makes one: see eddy.jobs.
function M.new(loop, options)
  return setmetatable({
    loop = loop, module = options.module, name = options.name or "jobs of " .. options.module,
    _most = options.workers, _limit = options.queue, _policy = options.on_full,
    _timeout = options.timeout, _grace = options.grace, _env = options.env, _cwd = options.cwd,
    _queue = {}, _workers = {}, _idle = {},
    _counts = { done = 0, failed = 0, cancelled = 0, timeouts = 0, dropped = 0, restarts = 0,
      begun = 0, wait = 0, run = 0, ended = 0 },
  }, Pool)
end

local function nothing() end

-- Whether another job may come: it can wait, or be done at once.
local function has_room(self)
  return self._backlog < self._limit or #self._idle > 0 or
    #self._workers < self._most and self._not_before <= self.loop:time()
end

-- The next one that waits and is wanted; nil: there is none.
local function take(self)
  while self._first <= self._last do
    local job = self._queue[self._first]
    self._queue[self._first], self._first = nil, self._first + 1
    if job then
      self._backlog = self._backlog - 1
      return job
    end
  end
end

-- Starts a worker. nil when there may be none now; raises when that fails.
local function new_worker(self)
  if #self._workers >= self._most then return nil end
  local wait = self._not_before - self.loop:time()
  if wait > 0 then
    self._delay = self._delay or self.loop:call_later(wait, function()
      self._delay = false
      self:_hand_out()
    end)
    return nil
  end
  local worker = crew.start(self)
  self._workers[#self._workers + 1] = worker
  return worker
end

-- Gives jobs that wait to workers that have none.
function Pool:_hand_out()
  while self._backlog > 0 do
    local ok, worker = true, table.remove(self._idle)
    if not worker then ok, worker = pcall(new_worker, self) end
    if ok and not worker then break end
    if not ok and #self._workers > 0 then break end -- others may get to it
    local job = take(self)
    if not job then
      if ok then self._idle[#self._idle + 1] = worker end
      break
    end
    if ok then
      worker:begin(job)
      local counts = self._counts
      counts.begun, counts.wait = counts.begun + 1, counts.wait + job._began - job._came
    else
      self._counts.failed = self._counts.failed + 1
      job:fail(worker)
    end
  end
  if has_room(self) then room.drained(self) end
  self:_end_if_idle()
end

local function remove(list, value)
  for i, each in ipairs(list) do
    if each == value then return table.remove(list, i) end
  end
end

local function count_end(self, job)
  self._counts.ended = self._counts.ended + 1
  self._counts.run = self._counts.run + self.loop:time() - job._began
end

-- A worker's job has come to its answer.
function Pool:_done(worker, job, is_result)
  local what = is_result and "done" or "failed"
  if not job._is_given_up then self._counts[what] = self._counts[what] + 1 end
  self._crashes, self._not_before = 0, 0
  count_end(self, job)
  self._idle[#self._idle + 1] = worker
  self:_hand_out()
end

-- A worker has ended: in the middle of a job, if that is given.
function Pool:_worker_ended(worker, job)
  remove(self._workers, worker)
  remove(self._idle, worker)
  if job then count_end(self, job) end
  if not self._closing then self._counts.restarts = self._counts.restarts + 1 end
  if not worker._is_killed then
    if job then self._counts.failed = self._counts.failed + 1 end
    self._crashes = self._crashes + 1
    if self._crashes > 1 then
      local delay = math.min(FIRST_DELAY_MS * 2 ^ (self._crashes - 2), LONGEST_DELAY_MS)
      self._not_before = self.loop:time() + delay
    end
  end
  self:_hand_out()
end

-- The future of a job that nobody has done yet is done all the same.
function Pool:_given_up(job, is_cancelled)
  job._is_given_up = true
  local counts = self._counts
  if is_cancelled then counts.cancelled = counts.cancelled + 1 end
  if job._worker then
    if not job._worker._is_killed then job._worker:give_up(self._grace) end
    return
  end
  job._over = true
  for i = self._first, self._last do
    if self._queue[i] == job then
      self._queue[i], self._backlog = false, self._backlog - 1
    end
  end
  if has_room(self) then room.drained(self) end
  self:_end_if_idle()
end

-- The loop is being closed.
function Pool:_drop()
  for i = self._first, self._last do
    if self._queue[i] then self._queue[i]:drop() end
  end
  self._first, self._backlog = self._last + 1, 0
  for _, worker in ipairs(self._workers) do
    if worker._job then worker._job:drop() end
  end
end

local function refused(self)
  return errors.new(errors.numbers.ENOBUFS, self.name .. ": too many wait")
end

-- That it is dropped the script has asked for: an error that nobody awaits is not logged.
local function drop(self, job)
  self._counts.dropped = self._counts.dropped + 1
  job.future._heard = true
  job:fail(refused(self))
end

-- Makes room for a job. nil when there is some; else what `call` returns: nil and an error, or a
-- future that failed.
local function make_room(self, job)
  local is_first = false
  while not has_room(self) or room.is_waited_for(self) and not is_first do
    if self._policy == "drop_oldest" and self._backlog > 0 then
      drop(self, take(self))
    elseif self._policy == "drop_newest" then
      drop(self, job)
      return true, job.future
    elseif not backpressure.may_wait() then
      return true, nil, refused(self)
    else
      local err = room.wait(self, is_first, nothing)
      if err then return true, nil, err end
      is_first = true
    end
    if self._closing then
      return true, nil, errors.new(errors.numbers.ECANCELED, self.name .. " was closed")
    end
  end
end

--- Has a worker call a function of the module's.
-- @param name the function's
-- @param ... its arguments: anything but functions, coroutines, userdata and most cdata, of which
-- it gets copies
-- @return a future of what it returns: fails with its error, with EOWNERDEAD when its worker ends,
-- and with ETIMEDOUT. Or, when too many jobs wait, nil and an ENOBUFS error: a coroutine of the
-- script's, as a task has, waits for room instead
---@return eddy.Future<any> future
---@return eddy.Error err
function Pool:call(name, ...)
  if type(name) ~= "string" then
    errors.misuse("call: expected the name of a function, got " .. type(name))
  end
  if self._closing then errors.misuse("call: " .. self.name .. " is closed") end
  self.loop:_core("call")
  local bytes, problem = message.encode({ name = name, n = select("#", ...), ... }, "argument")
  if not bytes then errors.misuse(('call "%s": %s'):format(name, problem)) end
  local job = jobs.new(self, name, bytes)
  local is_refused, future, err = make_room(self, job)
  if is_refused then return future, err end
  self._last = self._last + 1
  self._queue[self._last], self._backlog = job, self._backlog + 1
  self:_hand_out()
  return job.future
end

local function in_flight(self)
  local count = 0
  for _, worker in ipairs(self._workers) do count = count + (worker._job and 1 or 0) end
  return count
end

---@class eddy.PoolStats
---@field workers integer processes that there are
---@field backlog integer jobs that wait
---@field in_flight integer
---@field done integer
---@field failed integer
---@field cancelled integer
---@field timeouts integer
---@field dropped integer
---@field restarts integer of workers
---@field wait number ms that jobs waited, on average
---@field run number ms that they ran, on average

--- The pool's counters.
---@return eddy.PoolStats
function Pool:stats()
  local counts = self._counts
  return { workers = #self._workers, backlog = self._backlog, in_flight = in_flight(self),
    done = counts.done, failed = counts.failed, cancelled = counts.cancelled,
    timeouts = counts.timeouts, dropped = counts.dropped, restarts = counts.restarts,
    wait = counts.begun > 0 and counts.wait / counts.begun or 0,
    run = counts.ended > 0 and counts.run / counts.ended or 0 }
end

function Pool:_end_if_idle()
  if not self._closing or self._backlog > 0 or in_flight(self) > 0 then return end
  for _, worker in ipairs(self._workers) do worker:dismiss() end
  if #self._workers > 0 then return end
  if self._delay then self._delay:cancel() end
  if self._limit_timer then self._limit_timer:cancel() end
  if not self._ended:done() then self._ended:set_result(self._unfinished) end
end

--- Takes no more jobs; those that wait or run may end.
---@param ms? number after which they are cancelled, and the workers killed (5000 unless given)
-- @return a future of how many were
---@return eddy.Future<integer>
function Pool:close(ms)
  ms = ms or CLOSE_MS
  errors.check_ms(ms, "close")
  if self._closing then return self._ended:_map() end
  self._closing = true
  self._ended = futures.new(self.loop)
  self._ended._name = "the end of " .. self.name
  room.drained(self)
  self._limit_timer = ms < math.huge and self.loop:call_later(ms, function()
    for i = self._first, self._last do
      local job = self._queue[i]
      if job then
        self._unfinished = self._unfinished + 1
        job.future:cancel()
      end
    end
    for _, worker in ipairs(self._workers) do
      local job = worker._job
      worker:kill()
      if job and not job.future:done() then
        self._unfinished = self._unfinished + 1
        job.future:cancel()
      end
    end
  end) or nil
  self:_end_if_idle()
  return self._ended:_map()
end

function Pool:__tostring() return self.name .. (self._closing and " (closed)" or "") end

methods(Pool, "pool")

M._class = Pool -- for tests

return M
