-- The last lines that loops logged, errors in callbacks among them.
local callback_errors = require "eddy.loop.callback_errors"

local M = {}

local MOST, MOST_BYTES = 50, 2000

local lines, count = {}, 0

--- Begins to keep them.
function M.begin()
  callback_errors.tap = function(text)
    count = count + 1
    lines[#lines + 1] = { at = os.time(), text = text:sub(1, MOST_BYTES) }
    if #lines > MOST then table.remove(lines, 1) end
  end
end

--- The last ones, the latest one last, and how many there ever were.
function M.lines() return lines, count end

return M
