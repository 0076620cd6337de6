-- Runs Lua code in the process, in a task, so that it may wait.
local code = require "eddy.control.code"
local environment = require "eddy.control.environment"
local values = require "eddy.control.values"
local targets = require "eddy.control.targets"

local M = { waits = true }

function M.arguments(command)
  command:argument "CODE":description "What is run: an expression, or statements."
end

function M.request(options) return { code = options.CODE } end

local function answer_of(...)
  local texts, count = {}, select("#", ...)
  for i = 1, count do texts[i] = values.text((select(i, ...))) end
  return { values = texts, count = count }
end

function M.run(args, context)
  if not context.allows_eval then
    targets.refuse "no code is run here: the process was not started with --control=eval"
  end
  if type(args.code) ~= "string" then targets.refuse "code: expected a text" end
  local chunk, problem = code.compile(args.code, "console")
  if not chunk then targets.refuse(problem) end
  return answer_of(environment.run(chunk, function(line) context.tell { printed = line } end))
end

function M.show_part(part) return { part.printed } end

function M.show(answer) return answer.values end

return M
