-- How a worker ended: in words, and as an exit code.
local signal = require "eddy.loop.signal"

local BY_SIGNAL, INCOMPLETE = 128, 75

local meanings = {
  [1] = "an error that nobody handled",
  [2] = "it could not be run as it was called",
  [70] = "an internal error",
  [INCOMPLETE] = "messages not sent, or work not done",
}

local M = {}

--- "ended with 75: messages not sent, or work not done", "ended by SIGSEGV".
-- @param code its exit code; nil: it was a signal
-- @param name the signal's name
function M.words(code, name)
  if not code then return "ended by " .. name end
  local meaning = meanings[code]
  return ("ended with %d%s"):format(code, meaning and ": " .. meaning or "")
end

--- The exit code that stands for it.
function M.code(code, name)
  return code or BY_SIGNAL + (signal.number_of(name) or 0)
end

-- 75 is the least that can go wrong.
local function weight(code) return code == INCOMPLETE and 0.5 or code end

--- The worse one of two exit codes.
function M.worse(one, other) return weight(other) > weight(one) and other or one end

return M
