-- Errors in callbacks, and where loops log them: methods of a loop's.
local errors = require "eddy.base.errors"
local journal = require "eddy.base.journal"
local of_process = require "eddy.base.mark"
local traceback = require "eddy.base.traceback"
local repeats = require "eddy.loop.repeats"
local watchdog = require "eddy.loop.watchdog"
local origin = require "eddy.tasks.origin"
local ownership = require "eddy.tasks.ownership"

local check_function = errors.check_function

local M = { methods = {} }
---@class eddy.Loop
local Loop = M.methods

local unheard, cut_off = 0, 0

--- How many errors in callbacks, of all loops, nobody but the log heard of; and how many of
-- these are calls that a signal ended.
function M.count() return unheard, cut_off end

--- Whether an error is that of a call which a signal ended.
function M.is_cut_off(err) return type(err) == "table" and rawget(err, "is_signal") == true end

-- One write, so that the lines of several threads do not mix.
local mark = ""
local function write_log(text, priority)
  local line = "eddy: " .. of_process() .. mark .. text .. "\n"
  io.stderr:write(journal.lines(line, priority or journal.WARNING))
end
local log = write_log

--- Writes to the standard error what no function of a script's is to take.
M.write = write_log

--- What the lines of this Lua state begin with: a thread's name.
function M.set_mark(text) mark = text end

--- Gives what loops log (errors in callbacks, lost messages) to fn(text) in place of the
-- standard error; nil gives it back. An error in fn is written there, with the text.
---@param fn? fun(text: string): ...
function M.set_log(fn)
  check_function(fn, "set_log", true)
  log = fn or write_log
end

--- What `set_log` set, or nil.
function M.log_function() return log ~= write_log and log or nil end

--- Is given what loops log, too; false: nobody is.
M.tap = false

local function deliver(text, priority)
  if M.tap then M.tap(text) end
  if log == write_log then return write_log(text, priority) end
  local ok, err = pcall(log, text)
  if ok then return end
  write_log(text .. "\neddy: and its log failed: " .. tostring(err), journal.ERROR)
end

local MOST = 10 -- of a kind in a minute
local bound = repeats.new(MOST, deliver, deliver)
local is_limited = false -- by the script

--- How many lines of a kind the log has in a minute, 10 unless told, and all of them where the
-- script has a log of its own (`set_log`); of the others it has their number, when the minute is
-- over. math.huge: all.
---@param lines number
function M.set_log_limit(lines)
  repeats.check(lines, "set_log_limit", "a number of lines")
  bound:tell()
  bound.limit, is_limited = lines, true
end

--- Logs how many lines were left out so far.
function M.tell_repeats() bound:tell() end

function Loop._log(self, text, priority)
  if log ~= write_log and not is_limited then return deliver(text, priority) end
  bound:put(self, text, priority)
end

watchdog.log = function(text) Loop._log(nil, text) end

-- Takes the error and its stack where it happened, in `thread` if that is not the running one.
-- What was awaited when it came tells where it came from.
local function trace(err, thread)
  local text = errors.text_of(err)
  return origin.trace(err, traceback.of(thread, text, not thread and 2 or nil, true))
end

Loop._trace = trace

-- What `trace` made of an error, or could not make of one: when memory or the stack is out,
-- LuaJIT may call no handler of errors.
function Loop._failure(_, failure)
  if type(failure) == "table" then return failure end
  return { value = failure, traceback = tostring(failure) .. " (LuaJIT has no traceback of it)" }
end

-- The one policy for errors in callbacks: on_error decides, else they are logged.
function Loop:_failed(failure, target)
  if watchdog.on then watchdog.beat() end -- the handler has ended
  failure = self:_failure(failure)
  local name = target:_describe()
  local report = name .. ": " .. failure.traceback
  if self._on_error then
    local ok, problem = xpcall(self._on_error, trace, failure.value, failure.traceback, name)
    if ok then return end
    report = report .. "\neddy: and on_error failed: " .. self:_failure(problem).traceback
  end
  self._errors = self._errors + 1
  unheard = unheard + 1
  if M.is_cut_off(failure.value) then cut_off = cut_off + 1 end
  self:_log(report, journal.ERROR)
end

-- Calls fn, whose error costs nothing but itself. True when there was none.
function Loop:_protect(target, fn, ...)
  local ok, failure = xpcall(fn, trace, ...)
  if not ok then
    ownership.failed(self)
    self:_failed(failure, target)
  end
  return ok
end

--- Tells another function of errors in callbacks instead of logging them.
---@param fn? fun(err: any, traceback: string, source: string): ...
-- fn(err, traceback, source), or nil for the log. An error of its own is logged.
function Loop:on_error(fn)
  check_function(fn, "on_error", true)
  self._on_error = fn or false
end

return M
