-- What a console completes a name with.
local environment = require "eddy.control.environment"
local targets = require "eddy.control.targets"
local json = require "eddy.zmq.json"

local M = {}

local MOST = 200

function M.run(args, context)
  if not context.allows_eval then targets.refuse "not without --control=eval" end
  local found, list = environment.completions(tostring(args.text or "")), json.list {}
  for i = 1, math.min(#found, MOST) do list[i] = found[i] end
  return { names = list }
end

return M
