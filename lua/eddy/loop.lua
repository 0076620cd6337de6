--- Loops: what users hold, and what hangs on it. `eddy/loop/` has how they run.
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"
local methods = require "eddy.base.methods"
local callback_errors = require "eddy.loop.callback_errors"
local dispatch = require "eddy.loop.dispatch"
local embedded = require "eddy.loop.embedded"
local ending = require "eddy.loop.ending"
local handler = require "eddy.loop.handler"
local outside = require "eddy.loop.outside"
local page = require "eddy.loop.page"
local signal = require "eddy.loop.signal"
local spawn = require "eddy.loop.spawn"
local time_jump = require "eddy.loop.time_jump"
local timer = require "eddy.loop.timer"
local waker = require "eddy.loop.waker"
local watchdog = require "eddy.loop.watchdog"
local asker = require "eddy.security.asker"
local coroutines = require "eddy.tasks.coroutine"
local futures = require "eddy.tasks.future"
local ownership = require "eddy.tasks.ownership"

local C, ffi = c.C, c.ffi
local check, check_function = errors.check, errors.check_function
local band = require("bit").band

local SLOT_MASK = 2 ^ C.EDDY_SLOT_BITS - 1

---@class eddy.loop
---@field READ integer for `add_handler`: as zmq.POLLIN
---@field WRITE integer for `add_handler`: as zmq.POLLOUT
---@field ERROR integer what `add_handler`'s function hears of always: as zmq.POLLERR
local M = {}

---@class eddy.Loop
---@field name string for messages to people; may be set
---@field READ integer
---@field WRITE integer
---@field ERROR integer
local Loop = {}
Loop.__index = Loop

local default, made_current

function Loop.__tostring(self)
  local kind = self == default and "the default loop" or rawget(self, "name") and "loop" or "a loop"
  local name = errors.named(kind, self)
  return self._closed and name .. " (closed)" or name
end

--- For `add_handler`: as zmq.POLLIN, POLLOUT and POLLERR.
M.READ, M.WRITE, M.ERROR = C.EDDY_READ, C.EDDY_WRITE, C.EDDY_ERROR
Loop.READ, Loop.WRITE, Loop.ERROR = M.READ, M.WRITE, M.ERROR

local all = setmetatable({}, { __mode = "k" })

--- A private loop. Streams and timers are made on it by naming it.
---@return eddy.Loop
function M.new()
  local made = ffi.new("eddy_loop *[1]")
  check(C.eddy_loop_new(made), "loop")
  local self = setmetatable({
    -- The one finalizer of a loop's: everything in the core hangs off it.
    _c = ffi.gc(made[0], C.eddy_loop_free),
    _page = page.of(made[0]), -- what it tells others about itself
    _targets = {},    -- what has an id in the core, by the id's slot
    _handlers = {},   -- of descriptors and sockets
    _signals = {},    -- by number
    _gap = false,     -- what is called when the loop lost time
    _callbacks = {},  -- queued for the next turn
    _queued = 0,
    _batch = {},      -- the callbacks of this turn, from _batch_next to _batch_last
    _batch_next = 1,
    _batch_last = 0,
    _event_next = 0,  -- of the last turn's events, the next to dispatch
    _event_last = 0,  -- how many there are
    _current = false, -- the target whose event is being handled without a call of its own
    _run = false,     -- the run that dispatches, a table; others wait in a handler
    _turns = 0,
    _lines = {},      -- of those who wait for what has no line of its own
    _expecting = {},  -- the lines that wait for anything, and
    _expected = 0,    -- their number
    _embedded = false, -- a list of the loops inside it
    _is_asleep = false, -- another loop, inside which it turns, waits for its descriptor
    _parked = false,  -- the coroutine of its last step
    _attended = false, -- the one that was found last to be of use to anybody
    _waiting = {},    -- coroutines that are suspended, and the future each waits for
    _waiters = 0,     -- how many
    _unheard = {},    -- futures that failed in this turn, and nobody asked
    _stop = false,
    _interrupted = false, -- the signal that stopped it, and that stopped
    _stopped_by = false,  -- it since it was started
    _on_stop = {},    -- handles of what is called when it is to end in order
    _ending = false,  -- that end, while it is under way
    _is_ended = false, -- there was one since it was started
    _end_took = 0,    -- ms
    _left = false,    -- what it left undone, if it has not run since
    _running = false,
    _started = false, -- a script ran it, and not just to wait for something
    _closed = false,
    _is_held = false, -- no turn may begin: what the last one lent is being read
    _errors = 0,      -- of callbacks, that nobody but the log heard of
    _on_error = false,
  }, Loop)
  all[self] = true
  return self
end

--- The default loop, made at the first call.
---@return eddy.Loop
function M.instance()
  if not default then default = M.new() end
  return default
end

--- Whether there is a default loop.
---@return boolean
function M.initialized() return default ~= nil end

--- Makes room for another default loop; the one that was it stays open.
function M.clear_instance() default = nil end

--- The loop that is running, else the one made current, else the default one.
---@overload fun(make: false): eddy.Loop?
---@param make? true false: nil where the default loop would have to be made first
---@return eddy.Loop
function M.current(make)
  local loop = dispatch.loop() or made_current or default
  if loop or make == false then return loop end
  return M.instance()
end

--- Makes a loop the current one for as long as none is running.
---@param loop eddy.Loop
function M.make_current(loop)
  if not M.is(loop) then errors.misuse("make_current: expected a loop, got " .. type(loop)) end
  loop:_core("make_current")
  made_current = loop
end

--- Takes `make_current` back.
function M.clear_current() made_current = nil end

asker.set_loop(M.current)
coroutines.current = M.current

function coroutines.main_begins() dispatch.guard(M.current()) end

--- Whether a value is a loop.
---@return boolean
function M.is(value) return getmetatable(value) == Loop end

--- Makes a loop the default one; without an argument, makes sure that there is one. May be
-- called again; raises when another loop is the default already.
---@return eddy.Loop
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
M._set_guard = dispatch.set_guard

-- For the host: how long an end in order may take, and what to call when one takes its time:
-- words(what): a list of texts; and when a signal has begun one: begun(ms).
function M._set_end(ms, words, begun) ending.ms, ending.words, ending.begun = ms, words, begun end

function M._default() return default end
function M._all() return all end

local MOST_NAMED = 3

-- What a loop has that is not among `known`, as texts.
local function texts_of(loop, known)
  local texts = {}
  for _, target in pairs(loop._targets) do
    local meta = getmetatable(target)
    if not known[target] then
      texts[#texts + 1] = meta.__tostring and tostring(target) or target:_describe()
    end
  end
  if loop._queued > (known[loop] or 0) then texts[#texts + 1] = "a callback or task" end
  return texts
end

--- For those who waited on this loop in vain: what is on loops that nobody runs, as the end of a
-- text; "" when nothing is.
-- @param known a set of what was there before, and of each loop how many callbacks; optional
function Loop:_elsewhere(known)
  local texts = {}
  for loop in pairs(all) do
    if loop ~= self and loop._c and not loop._running then
      for _, text in ipairs(texts_of(loop, known or {})) do texts[#texts + 1] = text end
    end
  end
  if #texts == 0 then return "" end
  table.sort(texts)
  local more = #texts > MOST_NAMED and " and " .. #texts - MOST_NAMED .. " more" or ""
  return ("; nobody runs the loop that has %s%s (made without naming this one?)"):format(
    table.concat(texts, ", ", 1, math.min(#texts, MOST_NAMED)), more)
end

-- For the host: how many errors in callbacks, of all loops, nobody but the log heard of, and how
-- many of these are calls that a signal ended.
M._failures = callback_errors.count

M.set_log = callback_errors.set_log
M.set_log_limit = callback_errors.set_log_limit

-- For the host: as a loop's own, for what is no loop's.
function M._log(text) Loop._log(nil, text) end

--- Watches how long handlers run: { report = ms, interrupt = ms, abort = ms }; nil ends it.
M.set_watchdog = watchdog.set

M._class = Loop -- for tests

-- A loop's method is asked of the module: whoever asks wants the default loop's.
setmetatable(M, { __index = function(_, name)
  if Loop[name] and not name:find "^_" then
    errors.misuse(("loop.%s: it is a method of a loop: loop.instance():%s(...)"):format(name, name))
  end
end })

--- The same as `eddy.loop.install(loop)`.
---@return eddy.Loop
function Loop:install() return M.install(self) end

--- The same as `eddy.loop.make_current(loop)`.
function Loop:make_current() M.make_current(self) end

-- The core's loop; raises when it is closed.
function Loop:_core(what)
  if self._closed then errors.misuse(what .. ": the loop is closed") end
  return self._c
end

local adopted = false

-- For reloads: fn(target) is told of what is put on a loop; false: nobody is.
function M._set_adopted(fn) adopted = fn end

function Loop:_adopt(id, target)
  self._targets[band(id, SLOT_MASK)] = target
  if adopted then adopted(target) end
end

function Loop:_abandon(id)
  local slot = band(id, SLOT_MASK)
  local target = self._targets[slot]
  if target and (target._id == id or not target._id) then self._targets[slot] = nil end
  if self._attended == target then self._attended = false end
end

local Callback = {}
Callback.__index = Callback

function Callback:_describe()
  local name = coroutines.names[self.fn] or embedded.names[self.fn]
  return name and name(self[1], self[2]) or "callback (" .. errors.where(self.fn) .. ")"
end

local function new_callback(fn, count, a, b, c2, d)
  return setmetatable({ a, b, c2, d, fn = fn, count = count }, Callback)
end

--- Calls fn(...) in the next turn, in the order of the calls. On a closed loop it does nothing:
-- what ends late need not know that the loop ended first.
---@param fn function
function Loop:add_callback(fn, ...)
  errors.check_self(self, "add_callback", "loop")
  check_function(fn, "add_callback")
  if self._closed then return end
  local given = select("#", ...)
  local callback = given <= 4 and new_callback(fn, given, ...) or
    setmetatable({ fn = fn, count = given, ... }, Callback)
  local count = self._queued + 1
  self._queued = count
  self._callbacks[count] = callback
  if self._is_asleep then
    self._is_asleep = false
    C.eddy_loop_wake(self._c, 0, 0) -- of no waker: its descriptor becomes readable
  end
end

local starts_instead, start_instead -- of a coroutine, and what it calls

-- For reloads: a script that is loaded again, in a coroutine, has its loop started in another way.
function M._set_start(thread, fn) starts_instead, start_instead = thread, fn end

-- For reloads: whether what was started by the main program is not its own any more.
M._is_over = function() return false end

--- Runs the loop until it is stopped. It can be started again.
-- @return the signal's name, "SIGTERM", when one stopped it that nobody handles; "stop" when its
-- thread was told to
---@return string? signal
function Loop:start()
  errors.check_self(self, "start", "loop")
  self._started, self._stopped_by = true, false
  self._is_ended = self._ending ~= false
  if starts_instead and coroutine.running() == starts_instead then return start_instead(self) end
  dispatch.drive(self, false)
  if M._is_over() then error(coroutines.stopped, 0) end
  return self._stopped_by and signal.name_of(self._stopped_by) or nil
end

-- Runs the loop until it is stopped, or nothing is left that could wake it.
function Loop:_run_until_idle() dispatch.drive(self, true) end

-- Runs the loop until it is stopped, or limit() is 0 or below: the ms of real time for which
-- a turn may wait.
function Loop:_run_within(limit) dispatch.drive(self, false, limit) end

--- Ends the running `start`: nothing more is dispatched, and what is pending waits for the
-- next one. Before a start, the next start returns at once.
function Loop:stop()
  errors.check_self(self, "stop", "loop")
  self._stop = true
end

-- The event that is being dispatched is dispatched once more, when the loop runs on.
function Loop:_again() self._event_next = self._event_next - 1 end

-- Takes `_again` back.
function Loop:_done() self._event_next = self._event_next + 1 end

--- Whether it is running.
---@return boolean
function Loop:running() return self._running end

local CHILDREN_MS = 1000 -- for children to end when their loop is closed

--- Closes the loop with every stream, handler and timer on it. Not while it runs. Its children
-- get a SIGTERM, and, those that go on for a second, a SIGKILL.
---@param all_descriptors? boolean true: closes also the descriptors and sockets that have handlers
function Loop:close(all_descriptors)
  errors.check_self(self, "close", "loop")
  if self._closed then return end
  if self._running then errors.misuse("close: the loop is running") end
  if self._is_held then errors.misuse("close: a flush is just receiving a message") end
  self._closed = true
  local core = self._c
  for _, each in ipairs(self._embedded or {}) do each:close() end -- first: they may use the others
  if all_descriptors then handler.close_all(self) end
  C.eddy_children_stop(core, CHILDREN_MS)
  -- First a list: on_close may do anything to the loop.
  local targets = {}
  for _, target in pairs(self._targets) do targets[#targets + 1] = target end
  for _, target in ipairs(targets) do
    if target._closing_loop and target._id then target:_closing_loop(all_descriptors) end
  end
  for _, each in pairs(self._signals) do each:cancel() end
  self:_free(core)
  if default == self then default = nil end
  if made_current == self then made_current = nil end
end

function Loop:_free(core)
  futures.tell_unheard(self)
  dispatch.forget(self)
  for thread in pairs(self._waiting) do ownership.ended(thread, false) end
  for _, target in pairs(self._targets) do target._id = false end
  self._page = page.of(nil)
  self._closed, self._c, self._targets, self._handlers = true, nil, {}, {}
  self._callbacks, self._queued, self._batch_next, self._batch_last = {}, 0, 1, 0
  self._embedded, self._parked = false, false
  self._event_next, self._event_last = 0, 0
  self._waiting, self._waiters = {}, 0
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
---@return number ms
function Loop:time()
  errors.check_self(self, "time", "loop")
  return C.eddy_loop_time(self:_core("time"))
end

for _, part in ipairs {
  callback_errors, embedded, ending, handler, outside, signal, spawn, time_jump, timer, waker,
} do
  for name, method in pairs(part.methods) do Loop[name] = method end
end

---@class eddy.LoopStats
---@field turns integer
---@field events integer
---@field missed_wakeups integer always 0
---@field streams integer
---@field timers integer
---@field handlers integer
---@field errors integer

--- The loop's counters.
---@return eddy.LoopStats
function Loop:stats()
  local stats = ffi.new("eddy_loop_stats")
  C.eddy_loop_stats_get(self:_core("stats"), stats)
  return {
    turns = stats.turns, events = stats.events, missed_wakeups = stats.missed_wakeups,
    streams = stats.streams, timers = stats.timers, handlers = stats.handlers,
    errors = self._errors,
  }
end

methods(Loop, "loop", [[start stop close time add_callback call_later call_at call_every spawn
  run_sync]])

return M
