-- A stream's messages as they pass.
local targets = require "eddy.control.targets"
local errors = require "eddy.base.errors"
local future = require "eddy.future"

local M = { waits = true }

local USUAL, LOOK_MS, A_DAY_S = 100, 50, 86400

function M.arguments(command)
  command:argument "STREAM":description "Its number or name, as `streams` has it."
  command:option "-n --count":argname "N":convert(tonumber)
    :description(("How many messages (%d)."):format(USUAL))
  command:flag "--full":description "Whole messages, not just the beginning."
end

function M.request(options)
  return { stream = options.STREAM, count = options.count or USUAL, full = options.full or false }
end

function M.takes() return A_DAY_S end -- messages come when they come

-- It ends with its last message, with the stream, or when the script traces the stream itself.
function M.run(args, context)
  local stream = targets.stream(tostring(args.stream))
  local shown = 0
  local ok, problem = pcall(stream.trace, stream, function(line)
    shown = shown + 1
    context.tell { line = line }
  end, { count = args.count, full = args.full })
  if not ok then targets.refuse(errors.text_of(problem)) end
  local own = stream._trace
  local slept, interrupted = pcall(function()
    while stream._trace == own and not stream:closed() do future.sleep(LOOK_MS) end
  end)
  if stream._trace == own and not stream:closed() then stream:trace(nil) end
  if not slept then error(interrupted, 0) end
  return { shown = shown }
end

function M.show_part(part) return { part.line } end

function M.show() return {} end

return M
