-- How a loop runs: turns, the way from events to handlers, and the coroutines that handlers
-- may wait in.
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"
local page = require "eddy.loop.page"
local watchdog = require "eddy.loop.watchdog"
local embedded = require "eddy.loop.embedded"
local coroutines = require "eddy.tasks.coroutine"
local ownership = require "eddy.tasks.ownership"

local C, ffi = c.C, c.ffi
local check = errors.check
local band = require("bit").band

local SLOT_MASK = 2 ^ C.EDDY_SLOT_BITS - 1
local RECEIVED, READY = C.EDDY_RECEIVED, C.EDDY_READY
local SIGNAL, GAP, INTERRUPTED = C.EDDY_SIGNAL, C.EDDY_GAP, C.EDDY_INTERRUPTED

local M = {}

local running
local forks -- when it began: it does not run in a child of a fork
local guard, release = function() end, function() end
local begun = false -- what the host does when a loop begins to run
local guarded = false -- the loop that is guarded though it does not run

--- The loop that is running, or nil.
function M.loop()
  if running and forks == C.eddy_forks() then return running end
end

coroutines.running = M.loop

-- By the coroutine.
local runs = setmetatable({}, { __mode = "kv" })

--- Whether a coroutine is one that handlers run in.
function M.is_run(thread) return runs[thread] ~= nil end

function ownership.in_callback(thread)
  return running ~= nil and runs[thread] == running._run
end

function ownership.position()
  if not running then return "" end
  local index = running._event_next - 1
  local event = index >= 0 and C.eddy_loop_events(running._c)[index]
  local of_event = event and (event.kind == RECEIVED and event.inbox.head or event.value) or 0
  return ("%d %d %d %d"):format(running._turns, running._batch_next, index, of_event)
end

--- Whether a handler was called by a periodic timer after the loop's end had begun.
function M.is_late(thread) return runs[thread].is_late or false end

--- The coroutines of a loop's handlers that wait in a way that the loop knows nothing of: a set.
function M.suspended(loop)
  local found = {}
  for thread, this in pairs(runs) do
    local waits = this.loop == loop and this ~= loop._run and not this.is_late and
      not loop._waiting[thread] and coroutine.status(thread) == "suspended"
    if waits then found[thread] = true end
  end
  return found
end

--- What the handler that waits in such a coroutine is of, where that has a name.
function M.target_of(thread) return runs[thread] and runs[thread].target end

--- What to call when a loop begins and ends to run: the host's guard.
function M.set_guard(begin, finish) guard, release = begin, finish end

--- What to call with a loop that begins to run, and whether that is just to wait for something.
function M.on_run(fn) begun = fn end

local function guard_loop(self) guard(tonumber(ffi.cast("intptr_t", self._c))) end

--- The main program goes on with work that a signal is to find on this loop.
function M.guard(self)
  if running then return end
  guard_loop(self)
  guarded = self
end

--- A loop is freed.
function M.forget(self)
  if guarded ~= self then return end
  guarded = false
  release()
end

--- A signal is free again: the loop that runs, if one does, is guarded against it, too.
function M.guard_again()
  if M.loop() then guard_loop(running) end
end

-- LuaJIT compiles a loop apart from the way around it, and gives one up for good that mostly runs
-- once. So what comes one or two a turn is done without a loop, for which more must be there.
local FEW = 2

-- Without `unpack`, which LuaJIT does not compile, for as many arguments as most callbacks have.
local function call(callback)
  local fn, count = callback.fn, callback.count
  if count == 0 then return fn() end
  if count == 1 then return fn(callback[1]) end
  if count == 2 then return fn(callback[1], callback[2]) end
  if count == 3 then return fn(callback[1], callback[2], callback[3]) end
  if count == 4 then return fn(callback[1], callback[2], callback[3], callback[4]) end
  return fn(unpack(callback, 1, count))
end

-- Runs the next callback; true when another one is to be run.
local function run_callback(self, this)
  local i = self._batch_next
  if i > self._batch_last or self._stop or self._run ~= this then return false end
  local callback = self._batch[i]
  self._batch[i], self._batch_next = nil, i + 1
  page.enter_once(self._page, callback)
  if watchdog.on then watchdog.enter(callback) end
  self:_protect(callback, call, callback)
  return i < self._batch_last
end

local function run_callbacks(self, this)
  if self._batch_next > self._batch_last then
    if self._queued == 0 then return end
    self._batch, self._callbacks = self._callbacks, self._batch
    self._batch_next, self._batch_last, self._queued = 1, self._queued, 0
  end
  if self._batch_last - self._batch_next < FEW then
    return run_callback(self, this) and run_callback(self, this)
  end
  while run_callback(self, this) do end
end

-- Dispatches the next event; true when another one is to be.
local function dispatch_one(self, this)
  local i = self._event_next
  if i >= self._event_last or self._stop or self._run ~= this then return false end
  local event = C.eddy_loop_events(self._c)[i]
  self._event_next = i + 1
  local id, kind = event.id, event.kind
  if id ~= 0 then
    local target = self._targets[band(id, SLOT_MASK)]
    -- What was closed earlier in this turn hears nothing more.
    if target and target._id == id then
      self._current = target
      self._page.running = id
      if kind >= READY then page.enter(self._page, target) end
      if watchdog.on then watchdog.enter(target) end
      target:_handle(event)
      if self._run ~= this then return false end
      self._current = false
    end
  elseif kind == SIGNAL or kind == GAP then
    local target = self._signals[event.value]
    if kind == GAP then target = self._gap end
    if target then
      page.enter(self._page, target)
      if watchdog.on then watchdog.enter(target) end
      target:_handle(event)
    end
  elseif kind == INTERRUPTED then
    self._interrupted, self._stopped_by = event.value, event.value
    self:_signalled(event.value)
  end
  return self._event_next < self._event_last
end

local function dispatch(self, this)
  if self._event_last - self._event_next <= FEW then
    return dispatch_one(self, this) and dispatch_one(self, this)
  end
  while dispatch_one(self, this) do end
end

-- Whether something could still bring an event that anybody will hear of: a receive that
-- nobody waits for does not.
local function attended(self)
  if C.eddy_loop_alive(self._c) > self._expected then return true end
  local last = self._attended -- mostly it still is: LuaJIT does not compile `pairs`
  if last and self._expecting[last] and last:_attended() then return true end
  for line in pairs(self._expecting) do
    if line:_attended() then
      self._attended = line
      return true
    end
  end
  self._attended = false
  return self._embedded and embedded.is_alive(self)
end

-- Coroutines wait, and nothing that is left could wake them.
local function deadlock(self)
  error("deadlock: nothing is left on the loop that could wake those who wait\n" ..
    coroutines.report(self), 0)
end

-- One turn: callbacks queued before it, then what the core has. What a stop leaves
-- undispatched comes first when the loop runs again. True when there is nothing left to run for.
local function turn(self, this, until_idle, limit)
  if self._event_next >= self._event_last then
    run_callbacks(self, this)
    if self._stop or self._run ~= this then return end
    local timeout = limit and limit() or -1
    if limit and timeout <= 0 and not this.steps then return true end
    if self._ending and self._ending:is_over(attended) then
      self._stop = self._stop or this.steps ~= nil
      return true
    end
    local waits = self._waiters > 0 and (timeout < 0 or timeout == math.huge)
    if self._embedded then timeout = embedded.patience(self, timeout) end
    if self._queued > 0 then
      timeout = 0
    elseif not self._ending and (until_idle or waits) and not attended(self) then
      if waits and coroutines.holds(self) then deadlock(self) end
      if until_idle then return true end
    end
    if watchdog.on then watchdog.leave() end
    page.leave(self._page, self)
    self._event_last, self._turns = 0, self._turns + 1
    self._event_last = check(C.eddy_loop_turn(self._c, timeout), "loop")
    self._event_next = 0
  end
  dispatch(self, this)
end

-- One protected call is around the whole run, none around a message: with it LuaJIT compiles
-- the way from the core to the handler and back as one. An error in a
-- handler unwinds to `go`, which reports it and continues; the core reports unread messages again.
local function run(self, this, until_idle, limit)
  while not self._stop and self._run == this do
    if limit and limit() <= 0 or turn(self, this, until_idle, limit) then break end
  end
end

local function at_once() return 0 end

-- The run of a loop that turns inside another one: a turn each time it is resumed.
local function run_steps(self, this)
  while true do
    if not self._stop then turn(self, this, false, at_once) end
    if self._run ~= this then return end
    coroutine.yield(this)
    if self._run ~= this then return end
  end
end

-- Tells of an error that ended a stream's handler.
local function tell(self, failure, target)
  local failed = target and target._handler_failed or self._failed
  local told, problem = pcall(failed, self, failure, target)
  if not told then self:_log("an error that cannot be told: " .. tostring(problem)) end
end

-- What was lent to a handler that an error has ended.
local function give_back(this)
  local loan = this.loan
  this.loan = false
  loan:give_back()
end

-- A run in its coroutine. When a handler waits, the run waits with it, and another takes over. When
-- the suspended handler finishes, its run sees that another one drives the loop, and returns.
local function go(self, this, until_idle, limit)
  local ok, failure
  repeat
    ok, failure = xpcall(this.steps or run, self._trace, self, this, until_idle, limit)
    if self._run ~= this then
      ownership.ended(coroutine.running(), self)
      if not ok then tell(self, failure, this.target) end
      if this.loan then give_back(this) end
      if this.target then this.target:_went_on() end
      return
    end
    local target = self._current
    self._current = false
    if not ok and target then
      ownership.failed(self)
      tell(self, failure, target)
    end
    if this.loan then give_back(this) end
  until ok or not target
  this.ended, this.failure = true, not ok and failure
end

-- Begins to run a loop.
local function enter(self, what)
  local core = self:_core(what)
  if M.loop() then errors.misuse(what .. ": a loop is already running") end
  if self._is_held then errors.misuse(what .. ": a flush is just receiving a message") end
  check(C.eddy_loop_alive(core), what) -- or a child would run what the parent has queued
  running, forks, self._running = self, C.eddy_forks(), true
  coroutines.active, self._left = false, false
  page.begin(self._page)
end

-- It runs no more. Raises what ended its run, if that was an error.
local function leave(self, this)
  if watchdog.on then watchdog.leave() end
  if self._ending and (self._stop or not this.steps) then self._ending:left(self._stop) end
  page.rest(self._page)
  running, self._running, self._stop = nil, false, false
  coroutines.active = coroutines.main
  local failure = this.failure
  if failure then error(type(failure) == "table" and failure.value or failure, 0) end
end

-- A run in a coroutine of its own.
local function begin_run(self, steps)
  local this = { steps = steps, loop = self }
  self._run = this
  local thread = coroutine.create(go)
  runs[thread] = this
  return this, thread
end

-- Resumes a run. False when it waits in a handler, so that another one must take over.
local function resume(self, this, thread, until_idle, limit)
  local _, mark = assert(coroutine.resume(thread, self, this, until_idle, limit))
  if this.ended or mark == this then return true end
  ownership.suspended(thread)
  local target = self._current
  self._current = false
  this.is_late = self._ending and target and target._is_periodic and target:_is_periodic()
  if target and target._waits then
    this.target = target
    target:_waits(thread)
  end
  return false
end

--- Runs a loop until it is stopped; with `until_idle`, until nothing is left that could wake
-- it; with `limit`, until limit() is 0 or below: the ms of real time for which a turn may wait.
function M.drive(self, until_idle, limit)
  enter(self, "start")
  guard_loop(self)
  guarded, self._parked = false, false
  if begun then begun(self, limit ~= nil) end
  local this, thread
  repeat this, thread = begin_run(self) until resume(self, this, thread, until_idle, limit)
  -- With a message in hand the main program is to come to the end of that.
  if limit and coroutines.root_of(ownership.MAIN) then guarded = self else release() end
  self._run = false
  leave(self, this)
end

--- One turn that does not wait. Its coroutine is kept for the next one.
-- @return whether something is left that could bring an event; false, and the signal's number,
-- when one stopped it
function M.step(self)
  enter(self, "step")
  if guarded ~= self then
    guard_loop(self)
    guarded = self
  end
  local this, thread = self._run, self._parked
  self._parked = false
  if not self._ending then self._stopped_by = false end
  if not thread then this, thread = begin_run(self, run_steps) end
  while not resume(self, this, thread) do this, thread = begin_run(self, run_steps) end
  local is_stopped = self._stop
  if this.ended then self._run = false else self._parked = thread end
  leave(self, this)
  if is_stopped then return false, self._stopped_by end
  return self._queued > 0 or self._event_next < self._event_last or attended(self)
end

return M
