-- Signals by name and by number.
local errors = require "eddy.base.errors"
local C = require("eddy.base.libeddy").C

local M = {}

local LAST = 64 -- of the system's signals

local names = {} -- by number
for name in ([[HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM CHLD STOP
    TSTP XCPU XFSZ SYS]]):gmatch("%u+%d?") do
  names[C.eddy_signal_number(name)] = "SIG" .. name
end

names[C.EDDY_STOPPING] = "stop" -- of a thread

--- A signal's number, from its name ("TERM", "SIGTERM") or number; nil when there is none.
function M.number_of(signal)
  local number = type(signal) == "number" and signal or C.eddy_signal_number(tostring(signal))
  return number % 1 == 0 and number >= 1 and number <= LAST and number or nil
end

--- Raises for what is no signal, with the one that may be meant.
-- @param what what the script has called
function M.unknown(what, signal)
  local known = {}
  for _, name in pairs(names) do known[name], known[name:sub(4)] = true, true end
  errors.unknown(what, "signal", signal, known)
end

--- A signal's name.
function M.name_of(number) return names[number] or "signal " .. number end

return M
