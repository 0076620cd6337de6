-- The end of the host: what waits is sent as long as there is time, whoever could not send is
-- named, everything is closed. It is bounded, whatever scripts left behind.
local c = require "eddy.c"
local errors = require "eddy.errors"
local loops = require "eddy.loop"
local watchdog = require "eddy.watchdog"
local zmq = require "eddy.zmq"

local C, ffi = c.C, c.ffi

local OK, FAILED, UNSENT = 0, 1, 75
local SIGPIPE = C.eddy_signal_number("PIPE")
local GRACE_MS = 750 -- for libzmq's end, beyond the time that is for draining
local LAST_MS = 250  -- beyond that: for finalizers, and for output that nobody reads

local M = { OK = OK, FAILED = FAILED }

local function complain(text) io.stderr:write("eddy: ", text, "\n") end

local exit_by -- the host's

-- A stream's counters; nil for what is no stream, and for one of the process that this one was
-- forked from.
local function stats_of(loop, target)
  local stats = ffi.new("eddy_stream_stats")
  if target.stats and target._id and
    C.eddy_stream_stats_get(loop._c, target._id, stats) >= 0 then return stats end
end

-- The streams that have messages waiting, and how many.
local function backlogs()
  local list = {}
  for loop in pairs(loops._all()) do
    for _, target in pairs(loop._c and loop._targets or {}) do
      local stats = stats_of(loop, target)
      if stats and stats.queued > 0 then
        list[#list + 1] = { stream = target, name = tostring(target.name), queued = stats.queued }
      end
    end
  end
  table.sort(list, function(a, b) return a.name < b.name end)
  return list
end

local function tell(backlog)
  local stats, waited = backlog.stream:stats(), backlog.queued
  local left, handed_over = stats.queued, stats.messages_out
  if left == 0 then
    return complain(("%s: all %d messages that waited were sent"):format(backlog.name, waited))
  end
  local text = ("%s: %d of %d messages that waited were sent, %d were not"):format(backlog.name,
    waited - left, waited, left)
  local limit = backlog.stream:get("sndhwm")
  if limit > 0 then handed_over = math.min(handed_over, limit) end
  if handed_over > 0 then
    text = text .. ("; libzmq may have %d more for each peer"):format(handed_over)
  end
  complain(text)
end

-- The signal that stopped a loop, if one did.
local function signalled()
  for loop in pairs(loops._all()) do
    if loop._interrupted then return loop._interrupted end
  end
end

-- Sends what waits on all loops for at most `drain` ms, says what could not be sent, and
-- frees all loops and closes all sockets. Returns how many messages are left, and the time at
-- which libzmq must have ended.
local function finish(drain)
  if watchdog.on then watchdog.leave() end
  local unsent, deadline = 0, C.eddy_time() + drain
  local function left() return math.max(0, deadline - C.eddy_time()) end
  local waiting = backlogs()
  for loop in pairs(loops._all()) do
    if loop._c then unsent = unsent + math.max(0, C.eddy_loop_drain(loop._c, left())) end
  end
  if unsent > 0 or signalled() then
    for _, backlog in ipairs(waiting) do tell(backlog) end
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
  return unsent, deadline + GRACE_MS
end

-- The process's own number for what os.exit is given.
local function number_of(code)
  return tonumber(code) or (code == false and FAILED or OK)
end

--- A script that calls os.exit loses no messages either, and it ends in time, too.
-- @param by the host's: exit_by(deadline, status)
function M.replace_exit(drain, by)
  local exit = os.exit
  exit_by = by
  os.exit = function(code) -- luacheck: ignore 122
    if code ~= nil and type(code) ~= "boolean" and not tonumber(code) then
      errors.misuse("exit: expected a number or a boolean, got " .. type(code))
    end
    local unsent, deadline = finish(drain)
    if unsent > 0 and (code == nil or code == true or code == OK) then code = UNSENT end
    exit_by(deadline + LAST_MS, number_of(code))
    C.eddy_shutdown(deadline)
    exit(code, true)
  end
end

--- Ends what a script left.
-- @param code the exit code so far
-- @return the exit code, and the time at which libzmq must have ended
function M.finish(drain, code)
  local signal = signalled()
  local unsent, deadline = finish(drain)
  if code == OK and loops._failures() > 0 then code = FAILED end
  if code == OK and unsent > 0 then code = UNSENT end
  if code == OK and signal == SIGPIPE then code = 128 + SIGPIPE end
  return code, deadline
end

return M
