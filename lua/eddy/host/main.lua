-- What the command `eddy` does: options, the script, its loop, and the end.
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"
local tracebacks = require "eddy.base.traceback"
local compiler = require "eddy.host.compiler"
local finalizers = require "eddy.host.finalizers"
local script = require "eddy.host.script"
local shutdown = require "eddy.host.shutdown"
local loops = require "eddy.loop"
local bind_policy = require "eddy.security.bind_policy"
local watchdog = require "eddy.loop.watchdog"
local coroutines = require "eddy.tasks.coroutine"
local origin = require "eddy.tasks.origin"
local zmq = require "eddy.zmq"
local proxy = require "eddy.zmq.proxy"

local C, ffi = c.C, c.ffi

local OK, FAILED, USAGE = shutdown.OK, shutdown.FAILED, 2
local DRAIN_MS = 5000
local MOST_DRAIN_MS = 1e9
local GRACE_MS = 1000 -- for libzmq's end, when nothing is to be drained

local usage = [[
usage: eddy [options] [--] SCRIPT [ARG...]
       eddy [options] -e CODE [ARG...]
       eddy [options] test [BUSTED OPTION...] [SPEC...]
       eddy log-watch [options] ENDPOINT
       eddy keygen [options] NAME

Runs a Lua script whose functions are the handlers of ZeroMQ sockets, timers,
descriptors and signals, and then its loop, if it left something alive on it.
SCRIPT is a file, or - for the standard input. `test` runs busted on files and
folders of specs, `spec` unless some are named. `log-watch` shows what is logged
at an endpoint (eddy log-watch --help tells more). `keygen` makes the two files of a
pair of keys.

options:
  -e CODE            run this code instead of a file
  --insecure         let sockets bind where strangers come in: without CURVE, where
                     other machines or other users can connect
  --drain MS         how long messages that wait may still be sent at the end (5000)
  --watchdog LIMITS  what becomes of a handler that runs too long: report=MS, and a
                     traceback is logged; interrupt=MS, and it gets a Lua error;
                     abort=MS, and the process ends; or several, with commas
  --version          print the versions and exit
  --help             print this and exit
]]

local function complain(text) io.stderr:write("eddy: ", text, "\n") end

local function misuse(text)
  complain(text .. " (eddy --help tells more)")
  return nil, USAGE
end

-- "report=100,abort=5000" as a table; nil when it is something else.
local function limits_of(text)
  local limits = {}
  for item in ((text or "") .. ","):gmatch("([^,]*),") do
    local name, ms = item:match("^(%l+)=(.+)$")
    if not watchdog.is_limit(name, tonumber(ms)) then return nil end
    limits[name] = tonumber(ms)
  end
  return limits
end

-- Reads the command line. Returns what to do, or nil and an exit code.
local function parse(args)
  local job, i = { drain = DRAIN_MS, arg = { [-1] = args[0] } }, 1
  while args[i] do
    local option = args[i]
    if option == "--help" or option == "-h" then
      io.stdout:write(usage)
      return nil, OK
    elseif option == "--version" or option == "-v" then
      print(("eddy %s (%s, libzmq %s)"):format(ffi.string(C.eddy_version()), jit.version,
        zmq.version()))
      return nil, OK
    elseif option == "-e" then
      if not args[i + 1] then return misuse("-e needs code") end
      job.code, job.arg[0], i = args[i + 1], "-e", i + 2
      break
    elseif option == "--insecure" then
      job.insecure, i = true, i + 1
    elseif option == "--drain" then
      job.drain = tonumber(args[i + 1])
      if not job.drain or not (job.drain >= 0 and job.drain <= MOST_DRAIN_MS) then
        return misuse("--drain needs a number of milliseconds")
      end
      i = i + 2
    elseif option == "--watchdog" then
      job.limits = limits_of(args[i + 1])
      if not job.limits then
        return misuse("--watchdog needs limits, such as report=100,interrupt=1000,abort=10000")
      end
      i = i + 2
    elseif option == "--" then
      job.file, job.arg[0], i = args[i + 1], args[i + 1], i + 2
      break
    elseif option:sub(1, 1) == "-" and option ~= "-" then
      return misuse("unknown option " .. option)
    elseif option == "test" then
      job.test, job.arg[0], i = true, "test", i + 1
      break
    else
      job.file, job.arg[0], i = option, option, i + 1
      break
    end
  end
  if not job.code and not job.file and not job.test then return misuse("no script") end
  for at = i, #args do job.arg[at - i + 1] = args[at] end
  return job
end

-- Loads the chunk. Returns it, or nil and an exit code.
local function load_chunk(job)
  if job.test then return function() os.exit(require("eddy.commands.test").run(job.arg)) end end
  if job.code then
    local chunk, err = loadstring(job.code, "=(-e)")
    if chunk then return chunk end
    complain(err)
    return nil, FAILED
  end
  local chunk, err, is_unreadable = script.load(job.file)
  if chunk then return chunk end
  complain(err)
  return nil, is_unreadable and USAGE or FAILED
end

local function traceback(err)
  if err == coroutines.stopped then return err end
  return origin.trace(err, tracebacks.of(nil, errors.text_of(err), 2)).traceback
end

local function run_script(chunk, job)
  _G.arg = job.arg
  local ok, err = xpcall(script.bind(chunk, job.arg, complain), traceback)
  if err == coroutines.stopped then return OK end
  if not ok then
    complain(err)
    return FAILED
  end
  local loop = loops._default()
  if loop and not loop._started and loop._c then
    ok, err = xpcall(loop._run_until_idle, traceback, loop)
    if not ok then
      complain(err)
      return FAILED
    end
  end
  return OK
end

local M = { _parse = parse } -- for tests

--- Runs the command.
-- @param args the command line, from 0
-- @param host C functions: guard and release put signals on a loop and take them off,
-- guard_device and release_device on a device; watch is the watchdog's, exit_by bounds the
-- process's end, fail makes the exit code 1
-- @return the exit code, and the time at which libzmq must have ended
function M.main(args, host)
  io.stdout:setvbuf("line")
  loops._set_guard(host.guard, host.release)
  proxy._set_guard(host.guard_device, host.release_device)
  watchdog._set_host(host.watch)
  local ok, problem = compiler.set(os.getenv "EDDY_JIT", loops._log)
  if not ok then
    complain("EDDY_JIT: " .. problem)
    return USAGE, 0
  end
  if args[1] == "log-watch" then
    table.remove(args, 1)
    return require "eddy.commands.log_watch".main(args), C.eddy_time() + GRACE_MS
  end
  if args[1] == "keygen" then
    return require "eddy.commands.keygen".main({ unpack(args, 2) }), 0
  end
  local job, code = parse(args)
  if not job then return code, 0 end
  local chunk
  chunk, code = load_chunk(job)
  if not chunk then return code, 0 end
  shutdown.replace_exit(job.drain, host.exit_by)
  finalizers.protect(host.fail)
  if job.limits then watchdog.set(job.limits) end
  if job.insecure then bind_policy.set_insecure(true) end
  return shutdown.finish(job.drain, run_script(chunk, job))
end

return M
