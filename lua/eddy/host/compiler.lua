-- LuaJIT's compiler, as the host has it: its limits, and word of a script that they do not
-- suffice.
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"

local C = c.C

local M = {}

-- LuaJIT's own limits (1000 traces, 512 KiB) are a program's with a hundred or so hot handlers:
-- with one more it throws all compiled code away and compiles it anew, for ever, slower than with
-- no compiler. These are for some thousands of handlers. What is not used takes no memory; an area
-- of 256 KiB is its step. `maxside` stays: more side traces made the same handlers slower.
local LIMITS = { "maxtrace=16000", "maxmcode=32768", "sizemcode=256" }

-- How fast the collector goes, in percent of what is allocated: a step comes with each KiB, but no
-- more than one with a string, however large. At LuaJIT's 200, strings of 1 MiB pile up to 260 MiB,
-- at this to 60; a step then takes some 10 us.
local STEP = 1000

-- A flush now and then costs nothing to speak of; so many in so many ms go on.
local MANY, WITHIN_MS = 3, 60000

-- Where the script is, as far as it is on the stack; or else what was compiled last, if that was
-- the script's.
local function place(last)
  local level, info = 2
  repeat
    level = level + 1
    info = debug.getinfo(level, "Sl")
  until not info or info.what ~= "C" and not errors.is_ours(info.source)
  if info then return ("%s:%d"):format(info.short_src, info.currentline) end
  if last and not errors.is_ours(debug.getinfo(last, "S").source) then return errors.where(last) end
end

-- Tells the log, once, when flushes follow each other. LuaJIT calls this, as it does a hook, for
-- each trace that it begins or ends. No compiled code may run in it, as leaving it would change
-- what LuaJIT is just about to compile: so it calls nothing, until a flush has left no such code.
local function notice_flushes(log)
  local times, told, where = {}, false, nil
  local begun = setmetatable({ false }, { __mode = "v" })
  local function notice(what, _, fn)
    if what == "start" then begun[1] = fn end
    if what ~= "flush" or told then return end
    -- LuaJIT's own come in the midst of a Lua function, those that are asked for from C: by
    -- jit.flush, or when the watchdog begins or ends to look closely.
    local runs = debug.getinfo(2, "S")
    if not runs or runs.what == "C" then return end
    where = place(begun[1]) or where
    local now = C.eddy_time()
    times[#times + 1] = now
    local first = #times == MANY and table.remove(times, 1)
    if not first or now - first > WITHIN_MS then return end
    told = true
    log(("LuaJIT's room for compiled code was full %d times within %d s, and all of it was " ..
      "compiled anew, the last time at %s (EDDY_JIT sets its limits; this is told once)")
      :format(MANY, WITHIN_MS / 1000, where or "?"))
  end
  jit.attach(notice, "trace")
end

--- Sets the collector's pace, and LuaJIT's limits: the host's, and then what the environment's
-- EDDY_JIT says.
-- @param settings "off", or options of LuaJIT's -O with commas: "maxtrace=1000,hotloop=10"
-- @param log a function(text), which is told when they do not suffice
-- @return true, or nil and what is wrong with the settings
function M.set(settings, log)
  local set = require("jit.opt").start
  set(unpack(LIMITS))
  collectgarbage("setstepmul", STEP)
  if settings == "off" then
    jit.off()
    return true
  end
  for option in (settings or ""):gmatch "[^,]+" do
    local ok, problem = pcall(set, option)
    if not ok then return nil, problem end
  end
  notice_flushes(log)
  return true
end

return M
