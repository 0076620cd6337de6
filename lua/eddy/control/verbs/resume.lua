-- A stream that was paused receives again.
local targets = require "eddy.control.targets"
local pause = require "eddy.control.verbs.pause"

local M = { arguments = pause.arguments, request = pause.request }

function M.run(args)
  local stream = targets.stream(tostring(args.stream))
  if not stream._is_paused then targets.refuse(("%s is not paused"):format(stream.name)) end
  stream:_pause(false)
  return { resumed = tostring(stream.name) }
end

function M.show(answer) return { "resumed: " .. answer.resumed } end

return M
