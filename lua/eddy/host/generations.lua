-- Runs a script, its loop, and what takes its place when it is reloaded.
local worker = require "eddy.host.worker"
local loops = require "eddy.loop"
local program = require "eddy.reload.program"

local C = require("eddy.base.libeddy").C

local M = {}

-- Calls fn while the host is said to do that.
local function during(what, call, fn, ...)
  program.drives = what
  local ok, err = call(fn, ...)
  program.drives = false
  return ok, err
end

local function has_switched()
  local switched = program.switched
  program.switched = false
  return switched
end

-- The main program of a later generation goes on after its loop's start. True when another one has
-- taken over, or it starts a loop again.
local function finish_main(main, call, result)
  main.loop = false
  coroutine.resume(main.thread, result)
  local function limit()
    return (main.loop or coroutine.status(main.thread) == "dead") and 0 or math.huge
  end
  while limit() > 0 do -- it waits
    local loop = loops.current()
    local ok, err = during("start", call, loop._run_within, loop, limit)
    if has_switched() then return true end
    if not ok then return false, false, err end
    if limit() > 0 then return false, true end -- it was stopped
  end
  program.begun = main.loop and main
  return main.loop ~= false, main.ok, main.err
end

-- Runs what the generation that runs has left. True when another one is to be run.
local function go_on(call)
  local main, loop = program.begun, loops._default()
  program.begun = false
  if main then
    local result
    local ok, err = during("start", call, function() result = main.loop:start() end)
    if has_switched() then return true end
    if not ok then return false, false, err end
    return finish_main(main, call, result)
  end
  if not loop or loop._started or not loop._c then return false, true end
  worker.script_ended()
  local ok, err = during("idle", call, loop._run_until_idle, loop)
  return has_switched(), ok, err
end

--- Runs a script's function, and what it leaves.
-- @param call call(fn, ...), a protected call
-- @param keeps_on whether its loop runs, too, when it failed
-- @param tell fn(err), told of its error then
-- @return whether all went well, and the error
function M.run(main, call, keeps_on, tell)
  program.hangup = C.eddy_signal_number "HUP"
  loops._is_over = function() return program.switched end
  local ok, err = during("main", call, main)
  if not has_switched() and not ok then
    if not keeps_on then return false, err end
    tell(err)
  end
  local again
  repeat again, ok, err = go_on(call) until not again
  return ok, err
end

return M
