-- Where an error came from that went through awaits: it is raised anew at each of them.
local errors = require "eddy.base.errors"

local MOST_AWAITS = 8 -- of which a traceback tells, and of the last one

local M = {}

local raised -- the failure that was raised last where it was awaited

--- Raises the error of what was awaited.
-- @param failure what `trace` made
function M.raise(failure)
  raised = failure
  error(failure.value, 0)
end

-- The lines of a stack, below the error's text, which was told where it was raised.
local function lines_of(err, stack)
  local text = errors.text_of(err) .. "\nstack traceback:"
  return stack:sub(1, #text) == text and stack:sub(#text + 1) or " " .. stack
end

--- A failure: an error with the stack of where it was raised and of those who awaited it.
-- However many these are, the text is of no more than some, and the work that of one.
-- @param err the error
-- @param stack where it was caught now
-- @return { value =, traceback =, awaits = how many, first = the text of the first ones }
function M.trace(err, stack)
  local from = raised
  raised = nil
  if not from or not rawequal(from.value, err) then
    return { value = err, traceback = stack, awaits = 0 }
  end
  local awaits, first = (from.awaits or 0) + 1, from.first or from.traceback
  local failure = { value = err, awaits = awaits, first = first }
  local left_out = awaits - MOST_AWAITS - 1
  failure.traceback = first .. (left_out > 0 and ("\n(awaited by %d more)"):format(left_out) or "")
    .. "\nawaited by:" .. lines_of(err, stack)
  if awaits <= MOST_AWAITS then failure.first = failure.traceback end
  return failure
end

return M
