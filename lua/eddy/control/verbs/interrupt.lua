-- Raises an error in the handler that runs, which the control socket's thread does, or in a task.
local targets = require "eddy.control.targets"

local M = {}

function M.arguments(command)
  command:argument "TASK":args "?":convert(tonumber)
    :description "The number of a task that waits, as `tasks` has it; else the handler that runs."
end

function M.request(options) return { task = options.TASK } end

function M.run(args)
  for _, each in ipairs(targets.waiting()) do
    if each.number == args.task then
      if not each.task then targets.refuse(targets.describe(each) .. " is no task") end
      each.task:interrupt "interrupted by eddy ctl"
      return { interrupted = targets.describe(each) }
    end
  end
  targets.refuse(("no task %s: eddy ctl tasks names them"):format(tostring(args.task)))
end

function M.show(answer)
  return { answer.interrupted and "interrupted: " .. answer.interrupted or
    "no handler runs: nothing to interrupt" }
end

return M
