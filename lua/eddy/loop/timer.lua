-- Timers, and the methods of a loop that make them.
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"
local methods = require "eddy.base.methods"

local C = c.C
local check_function, check_ms = errors.check_function, errors.check_ms

--- A timer of a loop's: made by `loop:call_later`, `call_at` and `call_every`. `timer.name`
-- may be set, for messages to people.
---@class eddy.Timer
---@field name string for messages to people; may be set
local Timer = {}
Timer.__index = Timer

-- What most timers have is not in their tables: a table of four fields is a third as large as
-- one of nine, and there may be a million.
Timer._period, Timer._count, Timer._jitter = 0, 0, 0
Timer._unref = false -- it keeps no loop running
Timer._fires = false -- a periodic one's function is called, or waits: meanwhile nothing counts it

-- Up to three arguments are kept without a list and called without `unpack`, which LuaJIT
-- does not compile.
local function call(timer)
  local count, fn = timer._count, timer._fn
  if count == 0 then return fn() end
  if count == 1 then return fn(timer._a) end
  if count == 2 then return fn(timer._a, timer._b) end
  if count == 3 then return fn(timer._a, timer._b, timer._c) end
  return fn(unpack(timer._all, 1, count))
end

-- Makes a timer and starts it.
-- @param loop the loop
-- @param delay ms from now; for a periodic one also its period
-- @param due the loop's time at which it is due, when that is not `delay` from now
-- @param period 0, or the ms between two calls
local function new(loop, delay, due, period, fn, ...)
  local self = setmetatable({ _loop = loop, _id = false, _delay = delay, _fn = fn }, Timer)
  if period ~= 0 then self._period = period end
  local count = select("#", ...)
  if count > 3 then
    self._count, self._all = count, { ... }
  elseif count > 0 then
    self._count, self._a, self._b, self._c = count, ...
  end
  return self:_arm(due)
end

function Timer:_arm(due)
  local loop = self._loop
  local core = loop:_core("timer")
  due = due or C.eddy_loop_time(core) + self._delay
  self._id = errors.check(C.eddy_timer_open(core, due, self._period), "timer")
  loop:_adopt(self._id, self)
  if self._unref then self:_expect(1) end
  return self
end

-- The core counts all timers that are armed as alive: the loop knows how many of them mean nothing.
function Timer:_expect(change) self._loop._expected = self._loop._expected + change end

local function disarmed(self)
  self._id = false
  if self._unref and not self._fires then self:_expect(-1) end
  if self._fires then self._fires = false end -- a new key, even for nil, costs a larger table
end

function Timer:_count_alive(on)
  if on ~= self._unref then return end
  self._unref = not on
  if self._id and not self._fires then self:_expect(on and -1 or 1) end
end

--- Has the timer keep no loop running. Returns the timer.
---@return eddy.Timer
function Timer:unref()
  self:_count_alive(false)
  return self
end

--- Takes `unref` back. Returns the timer.
---@return eddy.Timer
function Timer:ref()
  self:_count_alive(true)
  return self
end

--- Stops the timer, at once: also when it is due in the turn that is under way. `start` can
-- start it again. Doing it again, or after it fired, is harmless.
function Timer:stop()
  errors.check_self(self, "stop", "timer")
  local id = self._id
  if not id then return end
  disarmed(self)
  self._loop:_abandon(id)
  if self._loop._c then C.eddy_timer_close(self._loop._c, id) end
end

--- The same as `stop`.
Timer.cancel = Timer.stop

--- Starts the timer anew: its delay, or its period, counts from now.
---@return eddy.Timer
function Timer:start()
  errors.check_self(self, "start", "timer")
  self:stop()
  return self:_arm()
end

--- Has the timer call fn(...) from now on, in place of what it called: for one that was kept when
-- the script was reloaded. Returns the timer.
---@param fn function
---@return eddy.Timer
function Timer:set_callback(fn, ...)
  check_function(fn, "set_callback")
  self._fn, self._all = fn, nil
  self._count, self._a, self._b, self._c = select("#", ...), ...
  if self._count > 3 then self._all = { ... } end
  return self
end

--- Whether it is going to fire.
---@return boolean
function Timer:active()
  errors.check_self(self, "active", "timer")
  return self._id ~= false
end

--- Spreads a periodic timer's calls: each period is made longer or shorter by up to half of
-- this share of it. 0.1 makes periods of 95 to 105 %.
---@param share number
---@return eddy.Timer
function Timer:set_jitter(share)
  if type(share) ~= "number" or share < 0 or share >= 2 or share ~= share then
    errors.misuse("set_jitter: expected a share from 0 to below 2, got " .. tostring(share))
  end
  self._jitter = share
  return self
end

-- Called by the loop's dispatch.
function Timer:_handle()
  local loop, id = self._loop, self._id
  if self._period == 0 then
    self._id = false
    if self._unref then self:_expect(-1) end
    loop:_abandon(id)
    loop:_protect(self, call, self)
    return
  end
  if self._unref then self:_expect(-1) end
  self._fires = true
  loop:_protect(self, call, self)
  if self._id ~= id then return end
  self._fires = false
  if self._unref then self:_expect(1) end
  local jitter = self._jitter
  if jitter ~= 0 then jitter = self._period * jitter * (math.random() - 0.5) end
  C.eddy_timer_again(loop._c, id, jitter)
end

function Timer:_is_periodic() return self._period > 0 end

-- The loop is being closed and takes the core's timer with it.
function Timer:_closing_loop() disarmed(self) end

function Timer:_describe()
  local ms = (self._delay % 1 == 0 and "%.0f" or "%.3f"):format(self._delay)
  return ("%s %s %s ms at %s"):format(errors.named("timer", self),
    self._period > 0 and "every" or "after", ms, errors.where(self._fn))
end

function Timer:__tostring()
  return self:_describe() .. (self._id and "" or " (stopped)")
end

methods(Timer, "timer", "stop start active")

---@class eddy.Loop
local Loop = {}

--- Calls fn(...) once, `ms` from now. Returns the timer.
---@param fn function
---@return eddy.Timer
function Loop:call_later(ms, fn, ...)
  errors.check_self(self, "call_later", "loop")
  check_ms(ms, "call_later")
  check_function(fn, "call_later")
  self:_core("call_later")
  return new(self, ms, nil, 0, fn, ...)
end

--- Calls fn(...) once, when the loop's time is `time`. Returns the timer.
---@param time number
---@param fn function
---@return eddy.Timer
function Loop:call_at(time, fn, ...)
  errors.check_self(self, "call_at", "loop")
  check_ms(time, "call_at")
  check_function(fn, "call_at")
  self:_core("call_at")
  return new(self, time - self:time(), time, 0, fn, ...)
end

--- Calls fn(...) every `ms`, the first time `ms` from now. Calls stay on that grid; those
-- that a slow handler made impossible are left out. Returns the timer.
---@param fn function
---@return eddy.Timer
function Loop:call_every(ms, fn, ...)
  errors.check_self(self, "call_every", "loop")
  check_ms(ms, "call_every")
  check_function(fn, "call_every")
  self:_core("call_every")
  if ms <= 0 or ms == math.huge then
    errors.misuse("call_every: expected a period above 0 ms, got " .. ms)
  end
  return new(self, ms, nil, ms, fn, ...)
end

return { methods = Loop, class = Timer }
