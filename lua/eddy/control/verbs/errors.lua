-- The last lines that loops logged.
local history = require "eddy.control.history"

local M = {}

function M.run()
  local lines, count = history.lines()
  return { lines = lines, count = count }
end

function M.show(answer)
  local lines = {}
  for i, each in ipairs(answer.lines) do
    lines[i] = os.date("%Y-%m-%d %H:%M:%S ", each.at) .. each.text
  end
  local left_out = answer.count - #lines
  if left_out > 0 then table.insert(lines, 1, ("(%d earlier ones)"):format(left_out)) end
  if #lines == 0 then lines[1] = "its loops have logged nothing" end
  return lines
end

return M
