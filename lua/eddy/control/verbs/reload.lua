-- Loads the script anew, by eddy.reload.
local targets = require "eddy.control.targets"
local reload = require "eddy.reload"
local values = require "eddy.control.values"

local M = { waits = true }

function M.run()
  local answer, err = reload.now()
  if not answer then targets.refuse(tostring(err)) end
  return answer
end

function M.show(answer) return { values.text(answer) } end

return M
