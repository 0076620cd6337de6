-- Children at the host's end: they are asked to end, waited for, and killed.
local C = require("eddy.base.libeddy").C
local loops = require "eddy.loop"

local M = {}

--- Asks those of all loops to end that are not detached.
function M.ask()
  for loop in pairs(loops._all()) do
    if loop._c then C.eddy_children_stop(loop._c, 0) end
  end
end

--- Waits until they have ended, up to a time. Those that go on are killed with their loops.
-- @param complain is told of each of them
-- @return whether there are any
function M.await(deadline, complain)
  local any = false
  for loop in pairs(loops._all()) do
    local left = math.max(0, deadline - C.eddy_time())
    if loop._c and C.eddy_children_stop(loop._c, left) > 0 then
      for _, target in pairs(loop._targets) do
        if target._kind == "process" and target:_goes_on() then
          complain(target:_describe() .. " did not end, and is killed")
          any = true
        end
      end
    end
  end
  return any
end

return M
