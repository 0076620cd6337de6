-- What the command `eddy` does: options, the script, its loop, and the end.
local arguments = require "eddy.host.arguments"
local commands = require "eddy.commands.list"
local errors = require "eddy.base.errors"
local given = require "eddy.base.host"
local counters = require "eddy.counters.page"
local c = require "eddy.base.libeddy"
local tracebacks = require "eddy.base.traceback"
local compiler = require "eddy.host.compiler"
local finalizers = require "eddy.host.finalizers"
local generations = require "eddy.host.generations"
local modules = require "eddy.host.modules"
local requires = require "eddy.host.require"
local script = require "eddy.host.script"
local program = require "eddy.reload.program"
local shutdown = require "eddy.host.shutdown"
local worker = require "eddy.host.worker"
local systemd = require "eddy.host.systemd"
local loops = require "eddy.loop"
local callback_errors = require "eddy.loop.callback_errors"
local dispatch = require "eddy.loop.dispatch"
local bind_policy = require "eddy.security.bind_policy"
local watchdog = require "eddy.loop.watchdog"
local coroutines = require "eddy.tasks.coroutine"
local origin = require "eddy.tasks.origin"
local zmq = require "eddy.zmq"

local C, ffi = c.C, c.ffi

local OK, FAILED, USAGE = shutdown.OK, shutdown.FAILED, 2
local MOST_SHOWN = 100 -- arguments that others see
local MOST_CODE = 40 -- bytes of code in their place
local GRACE_MS = 1000 -- for libzmq's end, when nothing is to be drained

local complain = arguments.complain

local function version_text()
  return ("eddy %s (%s, libzmq %s)"):format(ffi.string(C.eddy_version()), jit.version,
    zmq.version())
end

local function print_version() print(version_text()) end

local function parse(args) return arguments.read(args, print_version) end

-- Code as its beginning, in whole letters.
local function short(code)
  code = code:gsub("%s+", " ")
  if #code <= MOST_CODE then return code end
  return code:sub(1, MOST_CODE):gsub("[\192-\255][\128-\191]*$", "") .. "..."
end

-- What others know the process by.
local function command_of(job)
  local words = { job.code and "-e " .. short(job.code) or job.arg[0] or "-i" }
  for i = 1, math.min(#job.arg, MOST_SHOWN) do words[i + 1] = job.arg[i] end
  return table.concat(words, " ")
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
  if not job.file then return function() end end
  local chunk, err, is_unreadable = script.load(job.file)
  if chunk then return chunk end
  complain(err)
  return nil, is_unreadable and USAGE or FAILED
end

-- Of code that is in no file, the current folder is where it was written; a bundle's script is as
-- if it were the bundle.
local function find_modules(job, host)
  if job.test then return modules.come_back() end
  local file = job.is_bundled and "/proc/self/exe" or job.file
  local folder = host.folder_of(file ~= "-" and file or nil)
  local problem = folder and modules.begin_with(folder)
  if problem then complain(problem) end
end

local is_cut_off = false -- the script ended in a call that a signal ended

local function traceback(err)
  if err == coroutines.stopped then return err end
  is_cut_off = callback_errors.is_cut_off(err)
  return origin.trace(err, tracebacks.of(nil, errors.text_of(err), 2)).traceback
end

local function call(fn, ...) return xpcall(fn, traceback, ...) end

-- For reloads.
local function load_again(job)
  local chunk, err = script.load(job.file)
  if not chunk then return nil, err end
  return script.bind(chunk, job.arg, complain)
end

local function run_script(chunk, job)
  _G.arg = job.arg
  local main = script.bind(chunk, job.arg, complain)
  if job.file and job.file ~= "-" and not job.interactive then
    program.begin { file = job.file, load = function() return load_again(job) end,
      watches = job.watch, tells = true,
      begins = systemd.reloading, ends = systemd.ready }
  end
  if job.watch then require("eddy.reload")._watch(job.text) end
  local ok, err = generations.run(main, call, job.watch or job.interactive, complain)
  if job.interactive then require("eddy.host.repl").go_on(call, complain) end
  if ok or err == coroutines.stopped then return OK end
  complain(err)
  return is_cut_off and shutdown.INCOMPLETE or FAILED
end

-- Runs workers. Returns as `main` does.
local function supervise(job)
  if C.eddy_passed_get(0, nil, 0) >= 0 then
    complain("--workers: sockets that systemd made (LISTEN_FDS) are not for workers, which " ..
      "share the ports that they bind themselves: they need no socket unit")
    return USAGE, 0
  end
  systemd.wait_for_ready()
  return require("eddy.workers.supervisor").run { count = job.workers, drain = job.drain,
    command = job.command, service = systemd }, C.eddy_time() + GRACE_MS
end

-- This process is a worker. Returns what is wrong, if anything is.
local function begin_worker(job, host)
  for _, name in ipairs { "profile", "record", "replay" } do -- each has files of its own
    if job[name] then job[name] = job[name] .. "." .. job.worker:match "^%d*" end
  end
  loops._set_guard(function(core)
    host.guard(core)
    worker.waits()
  end, host.release)
  return worker.begin(job.worker)
end

-- Opens the control socket, which is then read on whatever loop runs. Returns what is wrong.
local function open_control(job, host)
  local control = require "eddy.host.control" -- not every script pays for it
  local problem = control.open(job.control, job.worker and job.worker:match "^%d+")
  if problem then return problem end
  local guard = host.guard
  function host.guard(core)
    guard(core)
    control.attach(dispatch.loop())
  end
end

local M = { _parse = parse } -- for tests

--- Runs the command.
-- @param args the command line, from 0
-- @param host C functions: guard and release put signals on a loop and take them off,
-- guard_device and release_device on a device, guard_waits on plain waits; watch is the
-- watchdog's, exit_by bounds the process's end, fail makes the exit code 1, folder_of finds a
-- file's folder; for those of threads see core/host/thread_calls.h, for
-- those of systemd core/host/service.h
-- @return the exit code, and the time at which libzmq must have ended
function M.main(args, host)
  io.stdout:setvbuf("line")
  loops._set_guard(function(core) return host.guard(core) end, host.release)
  watchdog._set_host(host.watch, host.take_signal)
  given.profile = host.profile
  given.guard_device, given.release_device = host.guard_device, host.release_device
  local ok, problem = compiler.set(os.getenv "EDDY_JIT", loops._log)
  if not ok then
    complain("EDDY_JIT: " .. problem)
    return USAGE, 0
  end
  modules.leave_current()
  systemd.begin(host)
  local bundle = package.loaded["eddy.base.bundle"]
  if bundle then args = bundle.command_line(args) end
  local command = args[1] and commands.find(args[1])
  if command then
    table.remove(args, 1)
    return command(args), C.eddy_time() + GRACE_MS
  end
  local job, code = parse(args)
  if not job then return code, 0 end
  if bundle and bundle.is_script(job.file) then job.is_bundled, job.arg[0] = true, args[0] end
  if job.workers then return supervise(job) end
  problem = job.worker and begin_worker(job, host)
  if problem then
    complain("--worker " .. problem)
    return USAGE, 0
  end
  find_modules(job, host)
  local chunk
  if job.watch then job.text = require("eddy.reload.watch_files").read(job.file) end
  chunk, code = load_chunk(job)
  local goes_on = job.watch or job.interactive
  if not chunk and goes_on and code == FAILED then -- until it is mended
    chunk = function() end
  end
  if not chunk then return code, 0 end
  host.is_main = true
  given.threads = host
  given.inherited = { drain = job.drain, insecure = job.insecure or false }
  shutdown.replace_exit(job.drain, host)
  _G.require = requires.require
  loops._set_end(job.drain, shutdown.words, systemd.stopping)
  finalizers.protect(host.fail)
  counters.open { command = command_of(job) }
  if job.limits then watchdog.set(job.limits) end
  if job.insecure then bind_policy.set_insecure(true) end
  if job.control then
    problem = open_control(job, host)
    if problem then
      complain(problem)
      return shutdown.finish(job.drain, USAGE)
    end
  end
  if job.interactive then
    local repl = require "eddy.host.repl"
    repl.begin(host, version_text(), dispatch.loop)
    shutdown.first(repl.finish)
  end
  if job.debug then require("eddy.host.debugging").begin(complain) end
  local is_observed = job.record or job.replay or job.profile
  if is_observed and not require("eddy.host.observing").begin(job, complain) then
    return USAGE, 0
  end
  return shutdown.finish(job.drain, run_script(chunk, job))
end

return M
