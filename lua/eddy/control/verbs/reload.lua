-- Loads the script anew, by eddy.reload.
local targets = require "eddy.control.targets"
local reload = require "eddy.reload"

local M = { waits = true }

function M.run()
  local answer, err = reload.now()
  if not answer then targets.refuse(tostring(err)) end
  return answer
end

function M.show(answer)
  local lines = { ("generation %d runs (%.0f ms)"):format(answer.generation, answer.took_ms) }
  for _, what in ipairs { "kept", "new", "closed" } do
    if #answer[what] > 0 then
      lines[#lines + 1] = ("%-7s %s"):format(what, table.concat(answer[what], ", "))
    end
  end
  if answer.waiting > 0 then
    lines[#lines + 1] = ("%-7s %d of the generation before"):format("waiting", answer.waiting)
  end
  return lines
end

return M
