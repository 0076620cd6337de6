-- The command `eddy ps`: the processes of eddy's, and what they are doing.
local arguments = require "eddy.commands.arguments"
local samples = require "eddy.counters.sample"
local loops = require "eddy.loop"
local screen = require "eddy.terminal.screen"
local json = require "eddy.top.json"
local processes = require "eddy.top.processes"

local M = {}

local OK, FAILED = 0, 1
local FEW = 3
local WIDE = 200 -- columns, where no terminal has a width

local function parser()
  local made = arguments.parser("ps", "Shows the processes of eddy's that run, hang, are " ..
    "stopped, or have ended badly within a day: your own; root sees all.")
  if made then
    made:flag "-a --all":description "Show all that have ended, not just the last three."
    made:flag "--json":description "Print JSON."
    made:option "--interval":description "The seconds for which rates are measured (0.2)."
      :argname "S":default "0.2":show_default(false):convert(tonumber)
  end
  return made
end

--- Runs the command.
-- @param args the arguments after its name
-- @return the exit code
function M.main(args)
  local options, code = arguments.read("ps", parser(), args)
  if not options then return code end
  local most = not options.all and FEW or nil
  local found = samples.take(nil, nil, most)
  if #found > 0 and options.interval > 0 then
    local loop = loops.new()
    loop:call_later(options.interval * 1000, function() loop:stop() end)
    loop:start()
    loop:close()
    found = samples.take(found, nil, most)
  end
  if options.json then
    print(json.of(found))
    return OK
  end
  if #found == 0 then
    io.stderr:write "eddy: ps: no process of eddy's has counters that you can read\n"
    return FAILED
  end
  local columns = screen.size() or WIDE
  for _, line in ipairs(processes.lines(found, columns)) do print((line:gsub("%s+$", ""))) end
  if found.left_out > 0 then
    print(("%d more have ended: eddy ps --all"):format(found.left_out))
  end
  return OK
end

return M
