-- Runs Lua code in the process, in a task, so that it may wait.
local environment = require "eddy.control.environment"
local values = require "eddy.control.values"
local targets = require "eddy.control.targets"
local futures = require "eddy.tasks.future"

local M = { waits = true }

function M.arguments(command)
  command:argument "CODE":description "What is run: an expression, or statements."
end

function M.request(options) return { code = options.CODE } end

-- What came out, with what futures come to.
local function settled(...)
  local first = ...
  local awaits = select("#", ...) == 1 and futures.is(first) and not environment.looked_at[first]
  if awaits then return first:await() end
  return ...
end

local function texts(...)
  local list = {}
  for i = 1, select("#", ...) do list[i] = values.text((select(i, ...))) end
  return list
end

local function values_of(...) return ... end

-- An expression's values, which a tail call would hide the place of, or what statements return.
-- It is called with `values_of`.
local function compile(code)
  for _, last in ipairs { ")", "\n)" } do -- it may end with a comment; else LuaJIT counts the line
    local chunk = loadstring("return (...)(" .. code .. last, "=console")
    if chunk then return chunk end
  end
  local chunk, problem = loadstring(code, "=console")
  return chunk or targets.refuse(problem)
end

function M.run(args, context)
  if not context.allows_eval then
    targets.refuse "no code is run here: the process was not started with --control=eval"
  end
  if type(args.code) ~= "string" then targets.refuse "code: expected a text" end
  local chunk, printed = compile(args.code), {}
  local env = environment.of(function(line)
    printed[#printed + 1] = line
    context.tell { printed = line }
  end)
  setfenv(chunk, env)
  local function keep(...)
    rawset(environment.shared, "_", (...))
    return { values = texts(...), count = select("#", ...) }
  end
  return keep(settled(chunk(values_of)))
end

function M.show_part(part) return { part.printed } end

function M.show(answer) return answer.values end

return M
