-- The command `eddy console`: a console inside a process that runs.
local arguments = require "eddy.commands.arguments"
local clients = require "eddy.control.client"
local codes = require "eddy.control.code"
local prompts = require "eddy.terminal.prompt"
local screen = require "eddy.terminal.screen"

local M = {}

local OK, FAILED = 0, 1
local MOST_MS = 86400e3 -- for a line
local WELCOME = "Lua code runs in process %s; tasks() lists what waits, locals(NUMBER) its " ..
  "variables; ^D ends this."

local function complain(text) io.stderr:write("eddy: console: ", text, "\n") end

local function parser()
  local made = arguments.parser("console", "Runs what is typed inside a process of eddy's, " ..
    "between two turns of its loop: it must have been started with eddy --control=eval. Futures " ..
    "are awaited; ^C gives a line up, and interrupts what it runs. tasks() lists what waits in " ..
    "coroutines, locals(NUMBER) its variables, task(NUMBER) is the task itself, stream(NAME) a " ..
    "stream, and _ the last value.")
  if made then
    made:argument "PID":args "?":convert(tonumber)
      :description "The process (the only one that has a control socket)."
    made:option "--socket":argname "PATH"
      :description "Its control socket, where it is at a path of its own."
  end
  return made
end

-- Reads lines until they are a whole. nil at the end of the input.
local function read_code(prompt)
  local code = prompt:read "> "
  while code and codes.is_incomplete(code) do
    local line = prompt:read ">> "
    if not line then break end
    code = code .. "\n" .. line
  end
  return code
end

-- No more than what a terminal shows.
local function harmless(text) return (text:gsub("[%z\1-\8\11-\31\127]", "?")) end

-- Runs a line. Whether the process can be asked any more.
local function run_code(client, code)
  local answer, err, trace = client:ask("eval", { code = code }, MOST_MS, {
    part = function(part) print(harmless(tostring(part.printed))) end,
    silence = function(reason) complain(reason.text .. "; ^C interrupts it") end,
  })
  if answer then
    for _, text in ipairs(answer.values) do print(harmless(text)) end
    return true
  end
  print(harmless(trace or err))
  return client:trouble(true) == nil
end

local function run(options)
  local client, problem = clients.new(options.PID, options.socket)
  if not client then
    complain(problem)
    return FAILED
  end
  local is_terminal = screen.is_there()
  local prompt = prompts.new(is_terminal, function(text) return client:complete(text) end)
  local ok, err = client:ask("eval", { code = "" }, 5000, { silence = function(reason)
    complain(reason.text)
  end })
  if not ok then
    complain(err)
    return FAILED
  end
  if is_terminal then
    print(WELCOME:format(client.pid or options.socket))
    if prompt.hint then print(prompt.hint) end
  end
  if is_terminal then client:take_interrupts() end
  local code, goes_on
  repeat
    code = read_code(prompt)
    goes_on = code ~= nil and (code:match "^%s*$" or run_code(client, code))
  until not goes_on
  prompt:close()
  client:close()
  if is_terminal and code == nil then print() end
  return code == nil and OK or FAILED
end

--- Runs the command.
-- @param args the arguments after its name
-- @return the exit code
function M.main(args)
  local options, code = arguments.read("console", parser(), args)
  if not options then return code end
  local ok, result = pcall(run, options)
  if ok then return result end
  complain(tostring(result))
  return FAILED
end

return M
