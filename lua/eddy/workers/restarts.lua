-- When a worker that failed is started again: later each time, and not for ever.
local LIMIT = 5              -- restarts
local WINDOW_MS = 60 * 1000  -- within which they are counted
local FIRST_MS = 100
local LONGEST_MS = 5000

local Restarts = {}
Restarts.__index = Restarts

local M = { LIMIT = LIMIT, WINDOW_MS = WINDOW_MS }

--- Those of one worker.
function M.new() return setmetatable({ _times = {} }, Restarts) end

--- It failed.
-- @param now the time in ms
-- @return in how many ms it is to be started again; nil: it is given up
function Restarts:failed(now)
  local times = {}
  for _, time in ipairs(self._times) do
    if now - time < WINDOW_MS then times[#times + 1] = time end
  end
  self._times = times
  if #times == LIMIT then return nil end
  times[#times + 1] = now
  return math.min(LONGEST_MS, FIRST_MS * 2 ^ (#times - 1))
end

return M
