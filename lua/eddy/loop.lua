--- The loop: dispatches what the core's turns bring to the handlers.
local c = require "eddy.c"
local errors = require "eddy.errors"
local handler = require "eddy.handler"

local C, ffi = c.C, c.ffi
local check, check_function = errors.check, errors.check_function
local band = require("bit").band

local SLOT_MASK = 2 ^ C.EDDY_SLOT_BITS - 1
local SIGNAL, INTERRUPTED = C.EDDY_SIGNAL, C.EDDY_INTERRUPTED

local M = {}

local Loop = {}
Loop.__index = Loop

--- For `add_handler`: as zmq.POLLIN, POLLOUT and POLLERR.
M.READ, M.WRITE, M.ERROR = C.EDDY_READ, C.EDDY_WRITE, C.EDDY_ERROR
Loop.READ, Loop.WRITE, Loop.ERROR = M.READ, M.WRITE, M.ERROR

local default, running
local all = setmetatable({}, { __mode = "k" })
local guard, release = function() end, function() end
local failures = 0

--- A private loop. Streams and timers are made on it by naming it.
function M.new()
  local made = ffi.new("eddy_loop *[1]")
  check(C.eddy_loop_new(made), "loop")
  local self = setmetatable({
    -- The one finalizer of a loop's: everything in the core hangs off it.
    _c = ffi.gc(made[0], C.eddy_loop_free),
    _targets = {},    -- what has an id in the core, by the id's slot
    _handlers = {},   -- of descriptors and sockets
    _signals = {},    -- by number
    _callbacks = {},  -- queued for the next turn
    _queued = 0,
    _batch = {},      -- the callbacks of this turn, from _batch_next to _batch_last
    _batch_next = 1,
    _batch_last = 0,
    _event_next = 0,  -- of the last turn's events, the next to dispatch
    _event_last = 0,  -- how many there are
    _current = false, -- the target whose event is being handled without a call of its own
    _run = false,     -- the run that dispatches, a table; others wait in a handler
    _stop = false,
    _running = false,
    _started = false, -- it ran at least once
    _closed = false,
    _errors = 0,      -- of callbacks, that nobody but the log heard of
    _on_error = false,
  }, Loop)
  all[self] = true
  return self
end

--- The default loop, made at the first call.
function M.instance()
  if not default then default = M.new() end
  return default
end

--- The loop that is running, else the default one.
function M.current()
  return running or M.instance()
end

--- Whether a value is a loop.
function M.is(value) return getmetatable(value) == Loop end

--- Makes a loop the default one; without an argument, makes sure that there is one. May be
-- called again; raises when another loop is the default already.
function M.install(loop)
  if loop ~= nil and not M.is(loop) then
    errors.misuse("install: expected a loop, got " .. type(loop))
  end
  if loop then loop:_core("install") end
  if default and loop and default ~= loop then
    errors.misuse("install: another loop is the default already")
  end
  default = default or loop or M.new()
  return default
end

-- For the host: what to call when a loop begins and ends to run, the default loop if there
-- is one, and all loops.
function M._set_guard(begin, finish) guard, release = begin, finish end
function M._default() return default end
function M._all() return all end

-- For the host: how many errors in callbacks, of all loops, nobody but the log heard of.
function M._failures() return failures end

M._class = Loop -- for tests

--- The same as `eddy.loop.install(loop)`.
function Loop:install() return M.install(self) end

-- The core's loop; raises when it is closed.
function Loop:_core(what)
  if self._closed then errors.misuse(what .. ": the loop is closed") end
  return self._c
end

function Loop:_adopt(id, target) self._targets[band(id, SLOT_MASK)] = target end

function Loop:_abandon(id)
  local slot = band(id, SLOT_MASK)
  local target = self._targets[slot]
  if target and (target._id == id or not target._id) then self._targets[slot] = nil end
end

local function write_log(text) io.stderr:write("eddy: ", text, "\n") end
local log = write_log

--- Gives what loops log (errors in callbacks, lost messages) to fn(text) in place of the
-- standard error; nil gives it back. An error in fn is written there, with the text.
function M.set_log(fn)
  check_function(fn, "set_log", true)
  log = fn or write_log
end

function Loop._log(_, text)
  local ok, err = pcall(log, text)
  if not ok then write_log(text .. "\neddy: and its log failed: " .. tostring(err)) end
end

-- Takes the error and its stack where it happened.
local function trace(err)
  local ok, text = pcall(tostring, err)
  if not ok then text = "an error object whose __tostring fails: " .. tostring(text) end
  return { value = err, traceback = debug.traceback(text, 2) }
end

Loop._trace = trace

-- The one policy for errors in callbacks: on_error decides, else they are logged.
function Loop:_failed(failure, target)
  if type(failure) ~= "table" then -- out of memory or stack: `trace` could not run
    failure = { value = failure, traceback = tostring(failure) }
  end
  local name = target:_describe()
  local report = name .. ": " .. failure.traceback
  if self._on_error then
    local ok, problem = xpcall(self._on_error, trace, failure.value, failure.traceback, name)
    if ok then return end
    report = report .. "\neddy: and on_error failed: " ..
      (type(problem) == "table" and problem.traceback or tostring(problem))
  end
  self._errors = self._errors + 1
  failures = failures + 1
  self:_log(report)
end

-- Calls fn, whose error costs nothing but itself. True when there was none.
function Loop:_protect(target, fn, ...)
  local ok, failure = xpcall(fn, trace, ...)
  if not ok then self:_failed(failure, target) end
  return ok
end

--- Tells another function of errors in callbacks instead of logging them.
-- @param fn fn(err, traceback, source), or nil for the log. An error of its own is logged.
function Loop:on_error(fn)
  check_function(fn, "on_error", true)
  self._on_error = fn or false
end

local Callback = {}
Callback.__index = Callback

function Callback:_describe() return "callback (" .. errors.where(self.fn) .. ")" end

--- Calls fn(...) in the next turn, in the order of the calls.
function Loop:add_callback(fn, ...)
  check_function(fn, "add_callback")
  self:_core("add_callback")
  local count = self._queued + 1
  self._queued = count
  self._callbacks[count] = setmetatable({ fn = fn, count = select("#", ...), ... }, Callback)
end

local function call(callback)
  return callback.fn(unpack(callback, 1, callback.count))
end

local function run_callbacks(self, this)
  if self._batch_next > self._batch_last then
    if self._queued == 0 then return end
    self._batch, self._callbacks = self._callbacks, self._batch
    self._batch_next, self._batch_last, self._queued = 1, self._queued, 0
  end
  while self._batch_next <= self._batch_last and not self._stop and self._run == this do
    local i = self._batch_next
    local callback = self._batch[i]
    self._batch[i], self._batch_next = nil, i + 1
    self:_protect(callback, call, callback)
  end
end

local function dispatch(self, this)
  local events, targets = C.eddy_loop_events(self._c), self._targets
  while self._event_next < self._event_last and not self._stop and self._run == this do
    local event = events[self._event_next]
    self._event_next = self._event_next + 1
    local id, kind = event.id, event.kind
    if id ~= 0 then
      local target = targets[band(id, SLOT_MASK)]
      -- What was closed earlier in this turn hears nothing more.
      if target and target._id == id then
        self._current = target
        target:_handle(event)
        if self._run ~= this then return end
        self._current = false
      end
    elseif kind == SIGNAL then
      local signal = self._signals[event.value]
      if signal then signal:_handle() end
    elseif kind == INTERRUPTED then
      self:stop()
    end
  end
end

-- The event that is being dispatched is dispatched once more, when the loop runs again.
function Loop:_again() self._event_next = self._event_next - 1 end

-- Whether something could still bring an event, or is queued.
local function alive(self)
  return self._queued > 0 or self._batch_next <= self._batch_last or
    self._event_next < self._event_last or C.eddy_loop_alive(self._c) > 0
end

-- One turn: callbacks queued before it, then what the core has. What a stop leaves
-- undispatched comes first when the loop runs again.
local function turn(self, this, until_idle, limit)
  if self._event_next >= self._event_last then
    run_callbacks(self, this)
    if self._stop or self._run ~= this then return end
    local timeout = limit and limit() or -1
    if limit and timeout <= 0 then return end
    if self._queued > 0 or (until_idle and not alive(self)) then timeout = 0 end
    self._event_last = 0
    self._event_last = check(C.eddy_loop_turn(self._c, timeout), "loop")
    self._event_next = 0
  end
  dispatch(self, this)
end

-- One protected call is around the whole run, none around a message: with it LuaJIT compiles
-- the way from the core to the handler and back as one. An error in a stream's handler ends
-- up in `drive`, which runs on; the core tells again of messages that were not read.
local function run(self, this, until_idle, limit)
  while not self._stop and self._run == this do
    if (until_idle and not alive(self)) or (limit and limit() <= 0) then break end
    turn(self, this, until_idle, limit)
  end
end

-- Tells of an error that ended a stream's handler.
local function tell(self, failure, target)
  local told, problem = pcall(self._failed, self, failure, target)
  if not told then self:_log("an error that cannot be told: " .. tostring(problem)) end
end

-- A run in its coroutine. When a handler waits, the run waits with it, and another takes over;
-- what it then finds, once its handler goes on and ends, is that it is not the one any more.
local function go(self, this, until_idle, limit)
  local ok, failure
  repeat
    ok, failure = xpcall(run, trace, self, this, until_idle, limit)
    if self._run ~= this then
      if not ok then tell(self, failure, this.target) end
      if this.target then this.target:_went_on() end
      return
    end
    local target = self._current
    self._current = false
    if not ok and target then tell(self, failure, target) end
  until ok or not target
  this.ended, this.failure = true, not ok and failure
end

local function drive(self, until_idle, limit)
  local core = self:_core("start")
  if running then errors.misuse("start: a loop is already running") end
  running, self._running, self._started = self, true, true
  guard(tonumber(ffi.cast("intptr_t", core)))
  local this
  repeat
    this = {}
    self._run = this
    assert(coroutine.resume(coroutine.create(go), self, this, until_idle, limit))
    if not this.ended then -- a handler waits
      local target = self._current
      self._current = false
      if target and target._waits then
        this.target = target
        target:_waits()
      end
    end
  until this.ended
  release()
  running, self._running, self._stop, self._run = nil, false, false, false
  local failure = this.failure
  if failure then error(type(failure) == "table" and failure.value or failure, 0) end
end

--- Runs the loop until it is stopped. It can be started again.
function Loop:start() drive(self, false) end

-- Runs the loop until it is stopped, or nothing is left that could wake it.
function Loop:_run_until_idle() drive(self, true) end

-- Runs the loop until it is stopped, or limit() is 0 or below: the ms of real time for which
-- a turn may wait.
function Loop:_run_within(limit) drive(self, false, limit) end

--- Ends the running `start`: nothing more is dispatched, and what is pending waits for the
-- next one. Before a start, the next start returns at once.
function Loop:stop()
  self._stop = true
end

--- Whether it is running.
function Loop:running() return self._running end

--- Closes the loop with every stream, handler and timer on it. Not while it runs.
-- @param all_descriptors true: closes also the descriptors and sockets that have handlers
function Loop:close(all_descriptors)
  if self._closed then return end
  if self._running then errors.misuse("close: the loop is running") end
  self._closed = true
  local core = self._c
  if all_descriptors then handler.close_all(self) end
  -- First a list: on_close may do anything to the loop.
  local targets = {}
  for _, target in pairs(self._targets) do targets[#targets + 1] = target end
  for _, target in ipairs(targets) do
    if target._closing_loop and target._id then target:_closing_loop() end
  end
  for _, signal in pairs(self._signals) do signal:cancel() end
  self:_free(core)
  if default == self then default = nil end
end

function Loop:_free(core)
  for _, target in pairs(self._targets) do target._id = false end
  self._closed, self._c, self._targets, self._handlers = true, nil, {}, {}
  self._callbacks, self._queued, self._batch_next, self._batch_last = {}, 0, 1, 0
  self._event_next, self._event_last = 0, 0
  ffi.gc(core, nil)
  C.eddy_loop_free(core)
  all[self] = nil
end

-- For the host, at its end: frees what is in the core, telling nobody. Finalizers of scripts
-- that run later find everything closed.
function Loop:_finish()
  if self._c then self:_free(self._c) end
end

--- The loop's time in ms: monotonic, of no particular beginning.
function Loop:time() return C.eddy_loop_time(self:_core("time")) end

for name, method in pairs(require "eddy.schedule") do Loop[name] = method end

--- Counters: turns, events, missed_wakeups (always 0), streams, timers, handlers, errors.
function Loop:stats()
  local stats = ffi.new("eddy_loop_stats")
  C.eddy_loop_stats_get(self:_core("stats"), stats)
  return {
    turns = stats.turns, events = stats.events, missed_wakeups = stats.missed_wakeups,
    streams = stats.streams, timers = stats.timers, handlers = stats.handlers,
    errors = self._errors,
  }
end

return M
