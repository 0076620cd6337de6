-- Where the CPU time goes, by stream.
local targets = require "eddy.control.targets"
local errors = require "eddy.base.errors"
local future = require "eddy.future"
local profile = require "eddy.profile"

local M = { waits = true }

local USUAL_S = 10

function M.arguments(command)
  command:argument "SECONDS":args "?":convert(tonumber)
    :description(("For how long (%d)."):format(USUAL_S))
  command:option "--interval":argname "MS":convert(tonumber)
    :description "The CPU time between two samples (10)."
  command:flag "--lines":description "Tell lines apart, not just functions."
end

function M.request(options)
  return { seconds = options.SECONDS or USUAL_S, interval = options.interval,
    lines = options.lines or false }
end

function M.takes(options) return options.SECONDS or USUAL_S end

function M.run(args)
  local seconds = args.seconds
  if type(seconds) ~= "number" or not (seconds > 0 and seconds < 1e6) then
    targets.refuse "profile: expected a number of seconds"
  end
  local ok, problem = pcall(profile.start, { interval = args.interval, lines = args.lines })
  if not ok then targets.refuse(errors.text_of(problem)) end
  local slept, interrupted = pcall(future.sleep, seconds * 1000)
  if not profile.running() then targets.refuse "the script has ended the profile" end
  local text, samples = profile.stop()
  if not slept then error(interrupted, 0) end
  return { stacks = text, samples = samples }
end

function M.show(answer)
  local lines = {}
  for line in answer.stacks:gmatch "[^\n]+" do lines[#lines + 1] = line end
  return lines
end

return M
