-- What a handler should not do: computing and blocking.
local C = require("eddy.base.libeddy").C

local M = {}

--- Computes for so many ms of CPU time.
function M.compute(ms)
  local until_then, sum = os.clock() + ms / 1000, 0
  while os.clock() < until_then do
    for i = 1, 1000 do sum = sum + i end
  end
  return sum
end

--- Blocks for so many ms.
function M.sleep(ms) os.execute(("sleep %g"):format(ms / 1000)) end

--- Comes back at once.
function M.nothing() end

--- The time, for what compares two processes'.
function M.time() return C.eddy_time() end

return M
