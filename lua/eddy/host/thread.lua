-- What runs in a thread of eddy.thread: its script or function, its loop, and their end.
local errors = require "eddy.base.errors"
local journal = require "eddy.base.journal"
local tracebacks = require "eddy.base.traceback"
local compiler = require "eddy.host.compiler"
local finalizers = require "eddy.host.finalizers"
local script = require "eddy.host.script"
local shutdown = require "eddy.host.shutdown"
local loops = require "eddy.loop"
local callback_errors = require "eddy.loop.callback_errors"
local signal = require "eddy.loop.signal"
local watchdog = require "eddy.loop.watchdog"
local bind_policy = require "eddy.security.bind_policy"
local profile = require "eddy.profile"
local coroutines = require "eddy.tasks.coroutine"
local origin = require "eddy.tasks.origin"
local given = require "eddy.base.host"
local values = require "eddy.thread.values"

local INTERRUPTED = "interrupted: the thread was told to stop"

local M = {}

-- Called by the host's hook, between two instructions. Code of ours is never interrupted: where
-- it waits, the wait ends.
local function notice()
  local info = debug.getinfo(2, "S")
  if not info or not errors.is_ours(info.source) then error(INTERRUPTED, 2) end
end

-- One write a line, so that the lines of several threads do not mix.
local function print_as(name)
  return function(...)
    local texts = {}
    for i = 1, select("#", ...) do texts[i] = tostring((select(i, ...))) end
    io.stdout:write(name .. ": " .. table.concat(texts, "\t") .. "\n")
  end
end

-- What is not for threads.
local function refuse(name)
  watchdog._refuse "set_watchdog: the watchdog watches the main thread's handlers only"
  profile._refuse "start: the profile is one of the main thread's Lua state only"
  signal._refuse "on_signal: signals are the main thread's: have it tell this one"
  os.exit = function() -- luacheck: ignore 122
    errors.misuse("exit: thread " .. name .. " cannot end the process: it ends itself by " ..
      "returning or with an error")
  end
end

-- The function to run.
local function load_code(code)
  if code.code then return assert(load(code.code, "=" .. code.where, "b")) end
  local chunk, err = script.load(code.file)
  return chunk or error(err, 0)
end

local function traceback(err)
  if err == coroutines.stopped then return { value = err } end
  local text = tracebacks.of(nil, errors.text_of(err), 2)
  return { value = err, text = origin.trace(err, text).traceback }
end

-- Whether an error is how code ends whose loop was stopped, or that was told to stop.
local function is_end(err, is_stopped)
  if err == coroutines.stopped then return true end
  if not is_stopped then return false end
  if type(err) == "table" and err.code == errors.numbers.EINTR then return true end
  return type(err) == "string" and err:find(INTERRUPTED, 1, true) ~= nil
end

-- Calls the code and runs the loop that it leaves. Returns what it returned, as bytes.
local function run(code, arguments)
  local results, problem
  if code.file then _G.arg = { [0] = code.file, values.decode(arguments) } end
  local function keep(...) results, problem = values.encode("its result", ...) end
  keep(load_code(code)(values.decode(arguments)))
  local loop = loops._default()
  if loop and not loop._started and loop._c then loop:_run_until_idle() end
  return results or error(problem, 0)
end

-- The error, as its starter gets it.
local function encode_failure(err)
  local code = type(err) == "table" and type(err.code) == "number" and err.code or nil
  return (values.encode("error", errors.text_of(err), code))
end

--- Runs a thread.
-- @param job what eddy.thread.start made
-- @param host C functions: see core/host/thread.h
-- @return its results or its error, as bytes, and whether it failed
function M.main(job, host)
  local code, around, settings, arguments = values.decode(job)
  callback_errors.set_mark("thread " .. settings.name .. ": ")
  package.path, package.cpath, _G.arg = around.path, around.cpath, around.arg
  _G.print = print_as(settings.name)
  loops._set_guard(host.guard, host.release)
  host.guard_waits, host.is_main = function() end, false
  given.threads, given.inherited = host, settings
  watchdog._set_requests(host.interrupt_handler, host.running_handler)
  compiler.set(os.getenv "EDDY_JIT", loops._log)
  finalizers.protect(host.fail)
  bind_policy.set_insecure(settings.insecure)
  refuse(settings.name)
  host.begin_code(notice)
  local ok, result = xpcall(run, traceback, code, arguments)
  local is_stopped, most = host.end_code()
  local is_quiet = not ok and type(result) == "table" and is_end(result.value, is_stopped)
  if not ok and not is_quiet then
    if type(result) ~= "table" then result = { value = result, text = errors.text_of(result) } end
    callback_errors.write(result.text, journal.ERROR)
  end
  if not shutdown.finish_thread(math.min(settings.drain, most)) then host.tell_unsent() end
  if loops._failures() > 0 then host.fail() end
  if ok then return result, false end
  if is_quiet then return (values.encode ""), false end
  return encode_failure(result.value), true
end

return M
