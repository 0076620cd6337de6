-- The coroutines that wait: tasks, handlers, the main program.
local targets = require "eddy.control.targets"

local M = {}

function M.run()
  local list = {}
  for i, each in ipairs(targets.waiting()) do
    list[i] = { number = each.number, name = targets.describe(each),
      waits_for = each.what:_describe(), where = targets.where(each) }
  end
  return { tasks = list }
end

function M.show(answer)
  local lines = {}
  for _, task in ipairs(answer.tasks) do
    lines[#lines + 1] = ("%d  %s waits for %s"):format(task.number, task.name, task.waits_for)
    for line in task.where:gmatch "[^\n]+" do
      lines[#lines + 1] = "     " .. line:gsub("^%s+", "")
    end
  end
  if #lines == 0 then lines[1] = "nothing waits in a coroutine" end
  return lines
end

return M
