-- A stream receives nothing more, whatever its script does, until `resume`.
local targets = require "eddy.control.targets"

local M = {}

function M.arguments(command)
  command:argument "STREAM":description "Its number or name, as `streams` has it."
end

function M.request(options) return { stream = options.STREAM } end

function M.run(args)
  local stream = targets.stream(tostring(args.stream))
  if not stream._is_paused then stream:_pause(true) end
  return { paused = tostring(stream.name) }
end

function M.show(answer)
  return { ("paused: %s; what comes waits in its socket"):format(answer.paused) }
end

return M
