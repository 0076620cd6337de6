-- The command `eddy ctl`: asks a process that runs, by its control socket.
local arguments = require "eddy.commands.arguments"
local clients = require "eddy.control.client"
local verbs = require "eddy.control.list"
local json = require "eddy.zmq.json"

local M = {}

local OK, FAILED = 0, 1
local USUAL_S = 5
local takes_value = { ["--timeout"] = true, ["--socket"] = true }

local function complain(text) io.stderr:write("eddy: ctl: ", text, "\n") end

local function parser()
  local made = arguments.parser("ctl", "Asks a process of eddy's that runs, or has it do " ..
    "something. It must have been started with eddy --control. The number of the process may be " ..
    "left out when there is just one: eddy ctl [PID] VERB.")
  if not made then return nil end
  made:flag "--json":description "Print JSON."
  made:option "--timeout":argname "S":convert(tonumber)
    :description(("The seconds that an answer may take (%d)."):format(USUAL_S))
  made:option "--socket":argname "PATH"
    :description "The process's control socket, where it is at a path of its own."
  made:command_target "verb"
  for _, row in ipairs(verbs.rows) do
    local command = made:command(row[1]):add_help(false):description(row[2])
    local verb = verbs.get(row[1])
    if verb.arguments then verb.arguments(command) end
  end
  return made
end

-- Takes the number of the process, which comes before the verb, out of the arguments.
local function take_pid(args)
  local i = 1
  while args[i] and (args[i]:sub(1, 1) == "-" or args[i]:match "^%d+$") do
    if args[i]:match "^%d+$" then return tonumber(table.remove(args, i)) end
    i = i + (takes_value[args[i]] and 2 or 1)
  end
end

local function print_lines(lines)
  for _, line in ipairs(lines) do print((line:gsub("[%z\1-\8\11-\31\127]", "?"))) end
end

local function run(options, pid)
  local verb = verbs.get(options.verb)
  local client, problem = clients.new(pid, options.socket)
  if not client then
    complain(problem)
    return FAILED
  end
  local usual = USUAL_S + (verb.takes and verb.takes(options) or 0)
  local answer, err, trace = client:ask(options.verb, verb.request and verb.request(options) or {},
    (options.timeout or usual) * 1000, {
      part = function(part)
        if options.json then return print(json.encode(part)) end
        print_lines(verb.show_part(part))
      end,
      silence = function(reason) complain(reason.text) end,
    })
  client:close()
  if answer == nil then
    complain(trace or err)
    return FAILED
  end
  if options.json then print(json.encode(answer)) else print_lines(verb.show(answer)) end
  return OK
end

--- Runs the command.
-- @param args the arguments after its name
-- @return the exit code
function M.main(args)
  local pid = take_pid(args)
  local options, code = arguments.read("ctl", parser(), args)
  if not options then return code end
  local ok, result = pcall(run, options, pid)
  if ok then return result end
  complain(tostring(result))
  return FAILED
end

return M
