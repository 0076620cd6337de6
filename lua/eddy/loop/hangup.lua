-- What SIGHUP does where the script has no handler of it: several may ask for it.
local C = require("eddy.base.libeddy").C
local signals = require "eddy.loop.signal"

local SIGHUP = C.eddy_signal_number "HUP"

local M = {}

local asked = {} -- functions

local function call_all(...)
  for _, fn in ipairs(asked) do fn(...) end
end

local function has_asked(fn)
  for _, other in ipairs(asked) do
    if other == fn then return true end
  end
  return false
end

--- Has SIGHUP call fn, with others that asked, and do nothing else: once, however often it is
-- asked. It keeps no loop running. A handler that the script has, or sets by `on_signal` on any
-- loop, takes the place of all. Does nothing in threads, which take no signals.
-- @param loop the one that is to hear of it, for all who asked, unless another one runs that does
function M.add(loop, fn)
  if not has_asked(fn) then asked[#asked + 1] = fn end
  local ours = signals.giving_way[SIGHUP]
  if loop._signals[SIGHUP] or ours and ours._loop:running() then return end
  local ok, made = pcall(loop.on_signal, loop, SIGHUP, call_all)
  if not ok then return end
  made.name = "what is done at a hangup"
  made:_count_alive(false)
  signals.giving_way[SIGHUP] = made
end

return M
