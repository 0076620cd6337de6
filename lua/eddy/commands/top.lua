-- The command `eddy top`: watches the processes of eddy's.
local arguments = require "eddy.commands.arguments"
local samples = require "eddy.counters.sample"
local loops = require "eddy.loop"
local keys = require "eddy.terminal.keys"
local screen = require "eddy.terminal.screen"
local text = require "eddy.terminal.text"
local json = require "eddy.top.json"
local views = require "eddy.top.view"

local M = {}

local OK, FAILED, USAGE = 0, 1, 2
local FEW = 3 -- that have ended are shown
local WIDE = 200 -- columns, where no terminal has a width
local KEY_MS = 5 -- the bytes of a key come together

local function parser()
  local made = arguments.parser("top", "Watches the processes of eddy's: what they do, their " ..
    "streams, rates, queues and times. Reads what they write for others: it asks none of them, " ..
    "so that it shows also one that hangs, is stopped, or has ended badly.")
  if made then
    made:argument "PID":description "The process to watch (all of them)."
      :args "?":convert(tonumber)
    made:flag "--once":description "Print it once, as where the output is no terminal."
    made:flag "--json":description "Print it once, as JSON."
    made:option "--interval":description "The seconds between two looks (1)."
      :argname "S":default "1":show_default(false):convert(tonumber)
  end
  return made
end

local function complain(what) io.stderr:write("eddy: top: ", what, "\n") end

-- Two looks, and what came between them.
local function look_once(options)
  local loop, before = loops.new(), samples.take(nil, options.PID, FEW)
  loop:call_later(options.interval * 1000, function() loop:stop() end)
  loop:start()
  loop:close()
  return samples.take(before, options.PID, FEW)
end

local function print_once(options)
  local found = look_once(options)
  if options.json then
    print(json.of(found))
    return OK
  end
  if #found == 0 then
    complain(options.PID and ("no process %d of eddy's has counters that you can read"):format(
      options.PID) or "no process of eddy's has counters that you can read")
    return FAILED
  end
  local view = views.new(options.PID)
  view:update(found)
  for _, line in ipairs(view:print(screen.size() or WIDE)) do print(line) end
  return OK
end

-- Reads keys as they come.
local function read_keys(loop, press)
  local pending, timer = "", nil
  io.stdin:setvbuf "no"
  loop:add_handler(0, function()
    local byte = io.stdin:read(1)
    if not byte then return loop:stop() end
    pending = pending .. byte
    timer = timer or loop:call_later(KEY_MS, function()
      local all = keys.split(pending)
      pending, timer = "", nil
      for _, key in ipairs(all) do
        if not press(key) then return loop:stop() end
      end
    end)
  end)
end

-- Ctrl-Z leaves a terminal as it was, until the process goes on.
local function suspend()
  screen.close()
  os.execute "kill -STOP $PPID"
  screen.open()
end

local function watch(options)
  local loop, view = loops.instance(), views.new(options.PID, text.has_utf8())
  local last, failure
  local function draw()
    local columns, rows = screen.size()
    if not columns or not screen.draw(view:lines(columns, rows), columns, rows) then loop:stop() end
  end
  local function look()
    last = samples.take(last, options.PID, FEW)
    view:update(last)
    draw()
  end
  loop:on_error(function(err, trace)
    failure = failure or trace or tostring(err)
    loop:stop()
  end)
  loop:call_every(options.interval * 1000, look)
  loop:on_signal("WINCH", draw)
  loop:on_signal("TSTP", function()
    suspend()
    draw()
  end)
  read_keys(loop, function(key)
    local goes_on = view:press(key)
    if goes_on then draw() end
    return goes_on
  end)
  screen.open()
  local ok, err = pcall(function()
    look()
    loop:start()
  end)
  screen.close()
  failure = failure or not ok and tostring(err)
  if failure then complain(failure) end
  return failure and FAILED or OK
end

--- Runs the command.
-- @param args the arguments after its name
-- @return the exit code
function M.main(args)
  local options, code = arguments.read("top", parser(), args)
  if not options then return code end
  if not (options.interval >= 0.05 and options.interval <= 3600) then
    complain "--interval needs from 0.05 to 3600 seconds"
    return USAGE
  end
  if options.once or options.json or not screen.is_there() then return print_once(options) end
  return watch(options)
end

return M
