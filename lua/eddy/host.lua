-- What the command `eddy` does: options, the script, its loop, and the end.
local c = require "eddy.c"
local loops = require "eddy.loop"
local proxy = require "eddy.proxy"
local waiting = require "eddy.waiting"
local zmq = require "eddy.zmq"

local C, ffi = c.C, c.ffi

local OK, FAILED, USAGE, UNSENT = 0, 1, 2, 75
local DRAIN_MS = 5000
local MOST_DRAIN_MS = 1e9
local GRACE_MS = 1000 -- for libzmq's end, beyond the time that is for draining

local usage = [[
usage: eddy [options] SCRIPT [ARG...]
       eddy [options] -e CODE [ARG...]
       eddy [options] test [BUSTED OPTION...] [SPEC...]
       eddy log-watch [options] ENDPOINT

Runs a Lua script whose functions are the handlers of ZeroMQ sockets, timers,
descriptors and signals, and then its loop, if it left something alive on it.
SCRIPT is a file, or - for the standard input. `test` runs busted on files and
folders of specs, `spec` unless some are named. `log-watch` shows what is logged
at an endpoint (eddy log-watch --help tells more).

options:
  -e CODE          run this code instead of a file
  --drain MS       how long messages that wait may still be sent at the end (5000)
  --version        print the versions and exit
  --help           print this and exit
]]

local function complain(text) io.stderr:write("eddy: ", text, "\n") end

local function misuse(text)
  complain(text .. " (eddy --help tells more)")
  return nil, USAGE
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
    elseif option == "--drain" then
      job.drain = tonumber(args[i + 1])
      if not job.drain or not (job.drain >= 0 and job.drain <= MOST_DRAIN_MS) then
        return misuse("--drain needs a number of milliseconds")
      end
      i = i + 2
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
  if job.test then return function() os.exit(require("eddy.test_command").run(job.arg)) end end
  if job.code then
    local chunk, err = loadstring(job.code, "=(-e)")
    if chunk then return chunk end
    complain(err)
    return nil, FAILED
  end
  local name = job.file ~= "-" and job.file or nil
  if name then
    local file, err = io.open(name, "rb")
    -- A directory opens, and fails at the first read.
    local _, problem
    if file then _, problem = file:read(0) end
    if file then file:close() end
    if err or problem then
      complain("cannot read the script " .. (err or name .. ": " .. problem))
      return nil, USAGE
    end
  end
  local chunk, err = loadfile(name, "t")
  if chunk then return chunk end
  complain(err:find("wrong mode", 1, true) and job.file .. ": it is bytecode, not a script" or err)
  return nil, FAILED
end

local function traceback(err)
  if err == waiting.stopped then return err end
  local ok, text = pcall(tostring, err)
  return debug.traceback(ok and text or "an error object whose __tostring fails", 2)
end

local function run_script(chunk, job)
  _G.arg = job.arg
  local ok, err = xpcall(chunk, traceback, unpack(job.arg))
  if err == waiting.stopped then return OK end
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

-- Sends what waits on all loops for at most `drain` ms, says what could not be sent, and
-- frees all loops and closes all sockets. Returns how many messages are left, and the time at
-- which libzmq must have ended.
local function finish(drain)
  local unsent, deadline = 0, C.eddy_time() + drain
  local function left() return math.max(0, deadline - C.eddy_time()) end
  for loop in pairs(loops._all()) do
    if loop._c then unsent = unsent + math.max(0, C.eddy_loop_drain(loop._c, left())) end
  end
  for _, list in ipairs { loops._all(), zmq._all() } do
    local each = {}
    for one in pairs(list) do each[#each + 1] = one end
    for _, one in ipairs(each) do one:_finish(left()) end
  end
  if unsent > 0 then
    complain(("%d message%s not sent within %g ms"):format(unsent,
      unsent == 1 and " was" or "s were", drain))
  end
  return unsent, deadline
end

-- A script that calls os.exit loses no messages either.
local function replace_exit(drain)
  local exit = os.exit
  os.exit = function(code) -- luacheck: ignore 122
    local unsent, deadline = finish(drain)
    C.eddy_shutdown(deadline + GRACE_MS)
    if unsent > 0 and (code == nil or code == true or code == OK) then code = UNSENT end
    exit(code, true)
  end
end

local M = { _parse = parse } -- for tests

--- Runs the command.
-- @param args the command line, from 0
-- @param interrupts C functions that put SIGINT and SIGTERM on a loop, or on a device, and take
-- them off
-- @return the exit code, and the time at which libzmq must have ended
function M.main(args, interrupts)
  io.stdout:setvbuf("line")
  loops._set_guard(interrupts.guard, interrupts.release)
  proxy._set_guard(interrupts.guard_device, interrupts.release_device)
  if args[1] == "log-watch" then
    return require "eddy.log_watch".main({ unpack(args, 2) }), C.eddy_time() + GRACE_MS
  end
  local job, code = parse(args)
  if not job then return code, 0 end
  local chunk
  chunk, code = load_chunk(job)
  if not chunk then return code, 0 end
  replace_exit(job.drain)
  code = run_script(chunk, job)

  local unsent, deadline = finish(job.drain)
  if loops._failures() > 0 and code == OK then code = FAILED end
  if unsent > 0 and code == OK then code = UNSENT end
  return code, deadline + GRACE_MS
end

return M
