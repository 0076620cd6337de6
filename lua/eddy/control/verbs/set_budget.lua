-- How many messages a stream receives in a turn.
local targets = require "eddy.control.targets"

local M = {}

function M.arguments(command)
  command:argument "STREAM":description "Its number or name, as `streams` has it."
  command:argument "MESSAGES":description "How many it receives in a turn.":convert(tonumber)
end

function M.request(options) return { stream = options.STREAM, messages = options.MESSAGES } end

function M.run(args)
  local stream = targets.stream(tostring(args.stream))
  local ok, err = pcall(stream.set_budget, stream, args.messages)
  if not ok then targets.refuse(tostring(err)) end
  return { stream = tostring(stream.name), messages = args.messages }
end

function M.show(answer)
  return { ("%s receives up to %d messages a turn"):format(answer.stream, answer.messages) }
end

return M
