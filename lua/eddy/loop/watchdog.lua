-- The watchdog's side of the loop: its limits, the heartbeat that it sees, and what becomes of
-- a handler that runs too long. The watching is the host's.
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"
local traceback = require "eddy.base.traceback"
local waits = require "eddy.base.waits"
local label_of = require "eddy.loop.label"
local signals = require "eddy.loop.signal_names"

local ffi = c.ffi

local M = {
  on = false, -- whether there is a heartbeat to write
  report = false, -- the limit of that name, in ms
  log = false, -- the loop's: fn(text)
}

local watch, take_signal -- the host's
local settings_now, signal_now = {}, 0
local is_held = false -- requests are taken, whatever the settings
local held_signal = 0 -- that of requests, where the settings have none
local beats, busy, name -- the heartbeat: what the host sees
local last
local refusal = "set_watchdog: the watchdog is the host's: run the script with the command eddy"

-- For the host: the functions that watch and take a signal, or why nothing does.
function M._set_host(fn, take) watch, take_signal = fn, take end
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
local interrupted_beat, interruption, is_request

-- Whether the function at a level of the stack is one of ours, called by the script.
local function is_ours(level)
  local info = debug.getinfo(level + 1, "S")
  return info and errors.is_ours(info.source)
end

-- Who asked for an interruption, by the host's number.
local function text_of(requester)
  return requester > 0 and "by " .. signals.name_of(requester) or "by eddy ctl"
end

-- Called by the host's hook in the middle of a handler: see core/host/watchdog.h. Code of
-- ours is never interrupted, so that nothing is left half done; where it waits, it asks.
local function notice(ms, to_interrupt, requester)
  local who = ffi.string(name)
  if not to_interrupt then
    local text = ("%s: its handler has run for %.0f ms"):format(who, ms)
    if is_ours(2) and waits.is_poked() then text = text .. "; " .. waits.HINT end
    return M.log(traceback.of(nil, text, 2))
  end
  interrupted_beat, is_request = beats[0], requester ~= 0
  if is_request then
    interruption = ("interrupted %s: the handler of %s"):format(text_of(requester), who)
    if is_ours(2) then return end
    M.beat() -- it is asked once: a handler that catches this goes on
    error(interruption, 2)
  end
  interruption = ("interrupted: the handler of %s has run for %.0f ms"):format(who, ms)
  if not is_ours(2) then error(interruption, 2) end
end

function waits.check_watchdog()
  if not M.on or interrupted_beat ~= beats[0] then return end
  if is_request then M.beat() end
  errors.misuse(interruption)
end

local limits = { report = true, interrupt = true, abort = true }
local names = { report = true, interrupt = true, abort = true, signal = true }

--- Whether there is such a limit, and this is one.
function M.is_limit(which, ms)
  return limits[which] == true and type(ms) == "number" and ms > 0
end

local function check_signal(signal)
  if not signals.number_of(signal) then signals.unknown("set_watchdog: signal", signal) end
end

local function check_limits(settings)
  if type(settings) ~= "table" then
    errors.misuse("set_watchdog: expected a table or nil, got " .. type(settings))
  end
  for which, ms in pairs(settings) do
    if which == "signal" then
      check_signal(ms)
    elseif not limits[which] then
      errors.unknown("set_watchdog", "limit", which, names)
    elseif not M.is_limit(which, ms) then
      errors.misuse(("set_watchdog: %s: expected a number of ms above 0, got %s"):format(which,
        tostring(ms)))
    end
  end
end

local function apply()
  local settings = settings_now
  local takes_requests = is_held or settings.signal ~= nil
  beats, busy, name = watch(settings.report or -1, settings.interrupt or -1,
    settings.abort or -1, notice, takes_requests)
  beats, busy = ffi.cast("double *", beats), ffi.cast("double *", busy)
  name = ffi.cast("char *", name)
  last = nil
  M.on, M.report = is_held or next(settings) ~= nil, settings.report or false
  local number = settings.signal and signals.number_of(settings.signal) or
    held_signal
  if number ~= signal_now then take_signal(number) end
  signal_now = number
end

---@class (exact) eddy.Watchdog
---@field report? number ms after which the handler's name and a traceback are logged
---@field interrupt? number ms after which an error is raised in it
---@field abort? number ms after which the process ends
---@field signal? string|integer "SIGINT": when it comes, the handler that runs is interrupted

--- Watches how long handlers run, on whatever loop of this Lua state. nil ends it. A signal that
-- comes when no handler runs, or once more in the same one, does what it would without this.
---@param settings? eddy.Watchdog
function M.set(settings)
  if settings ~= nil then check_limits(settings) end
  if not watch then errors.misuse(refusal) end
  settings_now = settings or {}
  apply()
  busy[0] = 0
end

local request, running -- the host's, where the handlers are another thread's

--- For a thread of the host's: what has the main thread's handler interrupted, and tells its name.
function M._set_requests(interrupt, name_of) request, running = interrupt, name_of end

--- The name of the handler that runs in the main thread; nil when none does.
function M.running() return running() end

--- Has the handler interrupted that runs in the main thread.
-- @return its name; nil when none runs
function M.request() return request() end

--- For the host: from now on handlers can be interrupted on request, whatever the settings.
-- @param signal the name of the one that does so where the settings have none; false: none; nil: as
-- before
function M._take_requests(signal)
  is_held = true
  if signal ~= nil then held_signal = signal and signals.number_of(signal) or 0 end
  apply()
end

return M
