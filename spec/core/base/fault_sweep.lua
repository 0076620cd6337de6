-- Torture: a scenario is played once to count the calls in it that can fail, then again for
-- each of them, with that one failing. What it opened must be closed after each.
local C = require "spec.support.room" "base/faults"
local support = require "spec.core.support"
local errno = support.errno

local M = {}

--- How each call fails here.
M.FAILURES = {
  ALLOC = "ENOMEM", EPOLL_CREATE = "EMFILE", EPOLL_CTL = "ENOSPC", EPOLL_WAIT = "ENOMEM",
  POLL = "ENOMEM", EVENTFD = "EMFILE", OPEN = "EACCES",
  LOCK = "ENOLCK", READ = "EIO", WRITE = "ENOSPC", FSYNC = "EIO", PIPE = "EMFILE",
  DUP = "EMFILE", VFORK = "EAGAIN", PIDFD_OPEN = "EMFILE", WAITPID = "ECHILD",
  MKDIR = "EACCES", ALLOCATE = "ENOSPC", MAP = "ENOMEM", ZMQ_CTX = "EMFILE",
  ZMQ_SOCKET = "EMFILE", ZMQ_BIND = "EACCES", ZMQ_CONNECT = "ECONNREFUSED",
  ZMQ_UNBIND = "ENOENT", ZMQ_DISCONNECT = "ENOENT", ZMQ_GET = "ETERM", ZMQ_SET = "EINVAL",
  ZMQ_MONITOR = "EMFILE", MSG_INIT = "ENOMEM", MSG_DATA = "ENOMEM", MSG_SEND = "EHOSTUNREACH",
  MSG_RECV = "EHOSTUNREACH",
}

local MOST = 400 -- failures of one call in one scenario

local function number_of(call) return C["EDDY__FAULT_" .. call] end

function M.plan(call, skip, times, name)
  C.eddy__fault_plan(number_of(call), skip, times, errno[name])
end

function M.seen(call) return C.eddy__fault_count(number_of(call)) end

-- Plays it in a world of its own, which must be left as it was found. Returns whether it came
-- to its end, and how often `call` was asked for.
function M.play(scenario, call)
  local before = support.descriptors()
  local made, world = pcall(support.world)
  local ok, problem = made, world
  if made then ok, problem = pcall(scenario, world) end
  local seen = call and M.seen(call)
  support.forget_faults()
  if made then world:close() end
  assert(support.descriptors() <= before, "descriptors are left open")
  -- A call that fails may end it early; but nothing may be waited for that never happens, and
  -- what an assertion says holds in any case.
  local is_refused = type(problem) == "string" and not problem:find("waited for", 1, true)
  if not ok and not is_refused then error(problem, 0) end
  return ok, seen, problem
end

--- Tortures with one call. Returns how often it was made to fail.
function M.fail_each(scenario, call)
  for skip = 0, MOST do
    M.plan(call, skip, 1, M.FAILURES[call])
    local fine, ok, seen = pcall(M.play, scenario, call)
    if not fine then
      support.forget_faults()
      error(("failing call %d of %s: %s"):format(skip, call, tostring(ok)), 0)
    end
    if seen <= skip then return skip end
  end
  error(call .. " is called more often than " .. MOST .. " times", 0)
end

return M
