--- Where the CPU time goes: samples of the stack, by the stream, timer or task whose code runs.
local errors = require "eddy.base.errors"
local host = require "eddy.base.host"
local dispatch = require "eddy.loop.dispatch"
local coroutines = require "eddy.tasks.coroutine"

local MOST_MS = 1000
local DEPTH = 100

---@class eddy.profile
local M = {}

local refusal -- why this Lua state has no profile
local counts  -- of samples, by their stack, while there is a profile
local depth, format

-- The watchdog has the same signal.
local function share(on)
  if host.profile then host.profile(on) end
end

-- For the host: why nothing is profiled.
function M._refuse(text) refusal = text end

local function described(target)
  return target._describe and target:_describe() or tostring(target)
end

-- Whose code a coroutine runs.
local function owner_of(thread)
  local task = coroutines.tasks[thread]
  if task then return task:_describe() end
  if not dispatch.is_run(thread) then
    return dispatch.loop() and "a coroutine" or "the main program"
  end
  local loop = dispatch.loop()
  local target = dispatch.target_of(thread) or loop and loop._current
  return target and described(target) or "the loop"
end

-- What of a machine's state is no line of Lua's.
local states = { C = ";[C]", G = ";[GC]", J = ";[JIT]" }

-- LuaJIT calls this between two instructions; an error in it would end the process.
local function note(thread, samples, state)
  local ok, owner = pcall(owner_of, thread)
  owner = (ok and owner or "?"):gsub("[;%c]", " ")
  local stack = require("jit.profile").dumpstack(thread, format, -depth)
  local key = owner .. ";" .. stack .. (states[state] or "")
  counts[key] = (counts[key] or 0) + samples
end

local known = { interval = true, depth = true, lines = true }

local function check(options)
  errors.check_fields(options, known, "start")
  local interval, deep = options.interval or 10, options.depth or DEPTH
  if type(interval) ~= "number" or interval % 1 ~= 0 or interval < 1 or interval > MOST_MS then
    errors.misuse(("start: interval: expected a whole number of ms from 1 to %d, got %s")
      :format(MOST_MS, errors.typed(interval)))
  end
  if type(deep) ~= "number" or deep % 1 ~= 0 or deep < 1 then
    errors.misuse("start: depth: expected a whole number above 0, got " .. errors.typed(deep))
  end
  return interval, deep
end

---@class (exact) eddy.ProfileOptions
---@field interval? number ms of CPU time between two samples (10)
---@field depth? integer the most levels of a stack (100)
---@field lines? boolean whether lines are told apart, not just functions

--- Begins a profile of this Lua state, compiled code included. Only CPU time counts: who waits is
-- not seen. LuaJIT compiles everything anew at its beginning and end, and code that looks for it
-- takes somewhat longer.
---@param options? eddy.ProfileOptions
function M.start(options)
  local interval, deep = check(options or {})
  if refusal then errors.misuse(refusal) end
  if counts then errors.misuse("start: a profile is being made already: stop it first") end
  counts, depth, format = {}, deep, options and options.lines and "l;" or "F;"
  share(false)
  require("jit.profile").start("li" .. interval, note)
  share(true)
end

--- Whether a profile is being made.
---@return boolean
function M.running() return counts ~= nil end

-- Without addresses, which differ each time, and empty levels.
local function plain(stack)
  return (stack:gsub("@0x%x+", "C"):gsub(";+", ";"):gsub(";$", ""))
end

--- Ends the profile.
-- @return what it saw, a line for each stack, as flame graphs are made of: whose code it was, the
-- functions from the outermost one on, with semicolons, and how many samples; and their sum
---@return string stacks
---@return integer samples
function M.stop()
  if not counts then errors.misuse("stop: no profile is being made") end
  share(false)
  require("jit.profile").stop()
  local lines, sum = {}, 0
  for stack, count in pairs(counts) do
    lines[#lines + 1] = ("%s %d"):format(plain(stack), count)
    sum = sum + count
  end
  counts = nil
  table.sort(lines)
  return table.concat(lines, "\n") .. (lines[1] and "\n" or ""), sum
end

return M
