-- The level of the loggers that the script has made; log files are opened anew.
local targets = require "eddy.control.targets"
local files = require "eddy.log.file"
local formats = require "eddy.log.format"
local loggers = require "eddy.log.loggers"

local M = {}

function M.arguments(command)
  command:argument "LEVEL":args "?":description "A level, such as INFO, for all loggers; or reopen."
end

function M.request(options) return { level = options.LEVEL } end

function M.run(args)
  if args.level == "reopen" then
    return { reopened = files.reopen() }
  elseif args.level then
    local ok, number = pcall(formats.level_number, args.level, "log")
    if not ok then targets.refuse(tostring(number)) end
    for _, logger in ipairs(loggers.all()) do logger:set_level(number) end
  end
  local list = {}
  for i, logger in ipairs(loggers.all()) do
    list[i] = { name = tostring(logger.name or ""), level = formats.level_name(logger._level) }
  end
  return { loggers = list }
end

function M.show(answer)
  if answer.reopened then return { ("%d log files opened anew"):format(answer.reopened) } end
  local lines = {}
  for i, logger in ipairs(answer.loggers) do
    lines[i] = ("%-10s %s"):format(logger.level, logger.name ~= "" and logger.name or "(no name)")
  end
  if #lines == 0 then lines[1] = "the script has made no loggers" end
  return lines
end

return M
