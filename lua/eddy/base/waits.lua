-- Calls that block the thread in which a loop runs: what becomes of one whose wait was ended
-- (see "Waits" in eddy.h).
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"

local C = c.C
local EINTR = errors.numbers.EINTR

--- What the watchdog's report says of a handler that is in such a call.
local M = { HINT = "a socket of eddy.green would not have blocked the loop" }

local names = {}
for _, name in ipairs { "SIGINT", "SIGTERM" } do names[C.eddy_signal_number(name)] = name end

--- Raises when the watchdog wants to interrupt the handler: eddy.loop.watchdog sets it.
function M.check_watchdog() end

--- To be called when the core answered EINTR. Returns when the call is to be made again, with
-- what is left of its time; raises when the wait was ended for good.
-- @param what, whom what was asked of the core, and of whom
function M.go_on(what, whom)
  local why = C.eddy_waits_interrupted()
  if why == C.EDDY_POKED then return M.check_watchdog() end
  if whom ~= nil then what = what .. ": " .. tostring(whom) end
  if why == C.EDDY_STOPPING then
    what = what .. ": the thread was told to stop"
  elseif why > 0 then
    what = ("%s: interrupted by %s (%s)"):format(what, names[why] or "signal " .. why, M.HINT)
  end
  local err = errors.new(EINTR, what)
  err.is_signal = why > 0 and why ~= C.EDDY_STOPPING
  error(err, 0)
end

--- Whether the last wait was ended by the watchdog.
function M.is_poked() return C.eddy_waits_interrupted() == C.EDDY_POKED end

--- When a wait of `ms` is over, for `left`.
-- @param ms nil or negative: never
function M.deadline(ms) return ms and ms > 0 and C.eddy_time() + ms end

--- The ms until a deadline, negative where there is none.
function M.left(deadline) return deadline and math.max(0, deadline - C.eddy_time()) or -1 end

return M
