-- The watchdog's side of the loop: its limits, the heartbeat that it sees, and what becomes of
-- a handler that runs too long. The watching is the host's.
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"
local traceback = require "eddy.base.traceback"
local waits = require "eddy.base.waits"
local label_of = require "eddy.loop.label"

local ffi = c.ffi

local M = {
  on = false, -- whether there is a heartbeat to write
  report = false, -- the limit of that name, in ms
  log = false, -- the loop's: fn(text)
}

local watch -- the host's
local beats, busy, name -- the heartbeat: what the host sees
local last
local refusal = "set_watchdog: the watchdog is the host's: run the script with the command eddy"

-- For the host: the function that watches, or why nothing does.
function M._set_host(fn) watch = fn end
function M._refuse(text) refusal = text end

-- A handler of this target begins.
function M.enter(target)
  local label = label_of(target)
  if label ~= last then
    last = label
    ffi.copy(name, label)
  end
  busy[0] = 1
  beats[0] = beats[0] + 1
end

-- The same target's handler begins anew, or it ended with an error.
function M.beat() beats[0] = beats[0] + 1 end

-- No handler runs.
function M.leave() busy[0] = 0 end

-- The handler that is to be interrupted, by its beat, and with which text.
local interrupted_beat, interruption

-- Whether the function at a level of the stack is one of ours, called by the script.
local function is_ours(level)
  local info = debug.getinfo(level + 1, "S")
  return info and errors.is_ours(info.source)
end

-- Called by the host's hook in the middle of a handler: see core/host/watchdog.h. Code of
-- ours is never interrupted, so that nothing is left half done; where it waits, it asks.
local function notice(ms, to_interrupt)
  local who = ffi.string(name)
  if not to_interrupt then
    local text = ("%s: its handler has run for %.0f ms"):format(who, ms)
    if is_ours(2) and waits.is_poked() then text = text .. "; " .. waits.HINT end
    return M.log(traceback.of(nil, text, 2))
  end
  interrupted_beat = beats[0]
  interruption = ("interrupted: the handler of %s has run for %.0f ms"):format(who, ms)
  if not is_ours(2) then error(interruption, 2) end
end

function waits.check_watchdog()
  if M.on and interrupted_beat == beats[0] then errors.misuse(interruption) end
end

local limits = { report = true, interrupt = true, abort = true }

--- Whether there is such a limit, and this is one.
function M.is_limit(which, ms)
  return limits[which] == true and type(ms) == "number" and ms > 0
end

local function check_limits(settings)
  if type(settings) ~= "table" then
    errors.misuse("set_watchdog: expected a table or nil, got " .. type(settings))
  end
  for which, ms in pairs(settings) do
    if not limits[which] then errors.misuse("set_watchdog: no such limit: " .. tostring(which)) end
    if not M.is_limit(which, ms) then
      errors.misuse(("set_watchdog: %s: expected a number of ms above 0, got %s"):format(which,
        tostring(ms)))
    end
  end
end

--- Watches how long handlers run, on whatever loop of this Lua state. nil ends it.
-- @param settings limits in ms, each of which may be left out: `report` logs the handler's
-- stream and a traceback, `interrupt` raises an error in it, `abort` ends the process
function M.set(settings)
  if settings ~= nil then check_limits(settings) end
  if not watch then errors.misuse(refusal) end
  settings = settings or {}
  beats, busy, name = watch(settings.report or -1, settings.interrupt or -1,
    settings.abort or -1, notice)
  beats, busy = ffi.cast("double *", beats), ffi.cast("double *", busy)
  name = ffi.cast("char *", name)
  busy[0], last = 0, nil
  M.on, M.report = next(settings) ~= nil, settings.report or false
end

return M
