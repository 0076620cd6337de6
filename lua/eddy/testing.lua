--- For tests with busted: a fresh loop and context for each test, waiting with a limit, a
-- virtual clock, and a check that nothing was left open.
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"
local methods = require "eddy.base.methods"
local expect_log = require("eddy.testing.expect_log").expect_log
local loops = require "eddy.loop"
local busted_events = require "eddy.testing.busted_events"
local callback_errors = require "eddy.testing.callback_errors"
local leaks = require "eddy.testing.leaks"
local zmq = require "eddy.zmq"

local C = c.C

local LIMIT_MS = 5000

---@class eddy.testing
local M = {}

--- A case: what one test has of its own. Fields: `loop`, a private one, and `context`.
---@class eddy.Case
---@field loop eddy.Loop
---@field context eddy.Context
local Case = {}
Case.__index = Case

local current = false -- the case that was opened last

-- How long a wait may take: what was asked for, what the environment says, or 5 s.
local function limit_of(ms, what)
  if ms == nil then ms = tonumber(os.getenv("EDDY_TEST_TIMEOUT") or LIMIT_MS) end
  if type(ms) ~= "number" or ms ~= ms or ms < 0 then
    errors.misuse(what .. ": expected a limit in milliseconds (or EDDY_TEST_TIMEOUT), got " ..
      tostring(ms))
  end
  return ms
end

local function open(self)
  local options = self._options
  self._before = leaks.snapshot()
  self.loop, self.context = loops.new(), zmq.context()
  rawset(self.context, "_sockets", {}) -- not weak: a socket that is just dropped is a leak, too
  self._failure, self._stopped, self._waiting, self._open = false, false, false, true
  self._broken = false -- whether the test failed already
  self._name, self._virtual = nil, false
  callback_errors.keep(self)
  if options.virtual_time then self:virtual_time() end
  current = self
  busted_events.tests(function(name) self._name = name end, function() self._broken = true end)
  return self
end

local function check_options(options, what)
  options = options or {}
  errors.check_fields(options, { virtual_time = true, leak_check = true }, what)
  return options
end

function Case:__tostring() return self._open and "test case" or "test case (closed)" end

---@class (exact) eddy.CaseOptions
---@field virtual_time? boolean the loop's time stands still but for `advance`
---@field leak_check? boolean false: what a test leaves open is no error

--- Opens a case: for before_each, or for one test.
---@param options? eddy.CaseOptions
---@return eddy.Case
function M.new(options)
  return open(setmetatable({ _options = check_options(options, "new") }, Case))
end

--- A case for each test of the `describe` or file that calls it: opened before the test, and
-- closed after it, and after what its own `after_each` functions close.
---@param options? eddy.CaseOptions as for `new`
---@return eddy.Case
function M.each(options)
  local self = setmetatable({ _options = check_options(options, "each"), _open = false }, Case)
  local busted = busted_events.busted() or errors.misuse("each: busted does not run")
  busted.before_each(function() open(self) end)
  busted_events.after_each(function() self:close() end)
  return self
end

local function live(self, what)
  if not self._open then errors.misuse(what .. ": the case is closed") end
  if self.loop:running() then errors.misuse(what .. ": the loop is running already") end
end

--- Closes the loop and the context, with all that is on them. Raises when the test left
-- something open that it had opened, and when a callback failed and no `wait` told. After a
-- test that failed this is not said: the test says enough.
function Case:close()
  if not self._open then return end
  live(self, "close")
  self._open = false
  if current == self then
    current = false
    busted_events.forget()
  end
  local left = leaks.since(self._before)
  self.loop:close()
  self.context:destroy(0)
  if self._broken then
    if self._failure then self.loop:_log(self._failure.report) end
    self._failure = false
    return
  end
  callback_errors.raise(self)
  if #left > 0 and self._options.leak_check ~= false then
    local name = self._name and (" %q"):format(self._name) or ""
    error(("the test%s left open:\n  %s"):format(name, table.concat(left, "\n  ")), 0)
  end
end

--- Ends the running `wait`, or the next one at once. Its values are what `wait` returns.
function Case:stop(...)
  self._stopped = { count = select("#", ...), ... }
  if self._waiting then self.loop:stop() end
end

local function take_stop(self)
  local values = self._stopped
  self._stopped = false
  if values then return unpack(values, 1, values.count) end
end

-- Runs the loop until done() is true, for `ms` of real time at most. Raises what a callback
-- raised. Returns whether done() was true, and whether the loop was stopped first, which ends
-- the run unless `again`.
local function run_until(self, done, ms, again)
  local deadline, is_done, stopped = C.eddy_time() + ms, false
  local function left()
    is_done = done()
    return is_done and 0 or deadline - C.eddy_time()
  end
  callback_errors.raise(self)
  repeat
    self._waiting = true
    local ok, err = pcall(self.loop._run_within, self.loop, left)
    self._waiting = false
    if not ok then error(err, 0) end
    callback_errors.raise(self)
    if is_done then return true, false end
    stopped = left() > 0
    if is_done then return true, false end
  until not (again and stopped)
  return false, stopped
end

--- Runs the loop until `stop` is called or the condition is true. Raises the error of a
-- callback that failed, and when the time is up: real time, also beside a virtual clock.
---@param condition? (fun(): any)|number
-- a function that is called between turns, if given; a `stop` does not end
-- the wait before it is true
---@param ms? number the limit; 5000, or what EDDY_TEST_TIMEOUT says, unless given
-- @return what `stop` was given, or what the condition returned
---@return any ...
function Case:wait(condition, ms)
  if type(condition) == "number" and ms == nil then condition, ms = nil, condition end
  errors.check_function(condition, "wait", true)
  ms = limit_of(ms, "wait")
  live(self, "wait")
  local result
  local function done()
    if not condition then return self._stopped end
    result = condition()
    return result
  end
  local is_done, stopped = run_until(self, done, ms, condition ~= nil)
  if not is_done and not stopped then
    self._stopped = false
    errors.misuse(("wait: %g ms are over, and %s%s"):format(ms, condition and
      "the condition (" .. errors.where(condition) .. ") is not true" or
      "nothing stopped the loop", self.loop:_elsewhere(self._before)))
  end
  if self._stopped then return take_stop(self) end
  return result
end

--- Makes the loop's time virtual: it stands still while there is anything to do, and jumps to
-- the next timer when there is not.
function Case:virtual_time()
  live(self, "virtual_time")
  local now = math.ceil(self.loop:time()) -- whole, so that grids of ms meet exactly
  errors.check(C.eddy_loop_virtual_time(self.loop._c, now), "virtual_time")
  self._virtual = true
end

--- Lets `ms` of virtual time pass: the timers due until then fire, each at its time. In a
-- callback it only moves the clock, and the timers that come due fire after the callback.
function Case:advance(ms)
  if not self._open then errors.misuse("advance: the case is closed") end
  if not self._virtual then errors.misuse("advance: the loop's time is not virtual") end
  if type(ms) ~= "number" or not (ms >= 0 and ms < math.huge) then
    errors.misuse("advance: expected a number of milliseconds, got " .. tostring(ms))
  end
  if self.loop:running() then
    errors.check(C.eddy_loop_advance(self.loop._c, ms), "advance")
    return
  end
  local over = false
  local timer = self.loop:call_later(ms, function() over = true end)
  local limit = limit_of(nil, "advance")
  if not run_until(self, function() return over end, limit, true) then
    timer:cancel()
    errors.misuse(("advance: %g ms of real time are over, and the loop is not idle"):format(limit))
  end
end

-- The results of a protected call, in a list.
local function pack(ok, ...)
  return { ok = ok, count = select("#", ...), ... }
end

--- Runs fn(...) in a coroutine on the loop until it ends. Raises its error, that of a callback
-- that failed, and when the time is up.
---@param ms? number the limit, as `wait` has it
-- @return what fn returned
---@param fn function
---@return any ...
function Case:run(fn, ms, ...)
  errors.check_function(fn, "run")
  ms = limit_of(ms, "run")
  live(self, "run")
  local outcome
  self.loop:spawn(function(...)
    outcome = pack(xpcall(fn, self.loop._trace, ...))
  end, ...)
  if not run_until(self, function() return outcome end, ms, true) then
    error(("run: %g ms are over, and the function (%s) has not ended%s"):format(ms,
      errors.where(fn), self.loop:_elsewhere(self._before)), 0)
  end
  if outcome.ok then return unpack(outcome, 1, outcome.count) end
  local failure = outcome[1]
  if type(failure) ~= "table" then error(failure, 0) end
  error(callback_errors.with_traceback { value = failure.value, text = failure.traceback }, 0)
end

--- A test that is a coroutine: it("waits", testing.async(function() ... end)). It runs on the
-- loop of the case that is open, or of one that is made for it, which is `current()` in it.
---@param ms? number the limit, as `wait` has it
---@param fn function
---@return fun(...): ...
function M.async(fn, ms)
  errors.check_function(fn, "async")
  return function(...)
    if current then return current:run(fn, ms, ...) end
    local case = M.new()
    local outcome = pack(pcall(case.run, case, fn, ms, ...))
    case._broken = not outcome.ok
    case:close()
    if not outcome.ok then error(outcome[1], 0) end
    return unpack(outcome, 1, outcome.count)
  end
end

--- Binds a socket to a free port of 127.0.0.1, and returns the port.
---@param socket eddy.Socket
---@return integer port
function M.bind_unused_port(socket) return socket:bind_to_random_port("tcp://127.0.0.1") end

--- A tcp port of 127.0.0.1 that nobody listens at.
---@return integer port
function M.free_port()
  -- A libzmq context of its own ends only when the port is given back.
  local context = zmq.context { io_threads = 1 }
  local port = M.bind_unused_port(context:socket(zmq.PULL, { linger = 0 }))
  context:destroy(0)
  return port
end

M.expect_log = expect_log

methods(Case, "case")

return M
