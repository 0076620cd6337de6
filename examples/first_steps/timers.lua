-- Timers: once, at a time, and again and again; and how to cancel them. All times are
-- milliseconds. Nothing stops the loop: it ends when no timer is left.
-- Run it: ./examples/run timers
local eddy = require "eddy"

local loop = eddy.loop.instance()
local began = loop:time()

local function say(text)
  print(("%3d ms: %s"):format(loop:time() - began, text))
end

loop:call_later(50, say, "once, after 50 ms")
loop:call_at(began + 80, say, "once, when the loop's time was 80 ms on")

local never = loop:call_later(60, say, "this is never said")
loop:call_later(30, function()
  never:cancel()
  say("cancelled the timer that was due at 60 ms")
end)

local ticks = 0
local ticker
ticker = loop:call_every(25, function()
  ticks = ticks + 1
  say("tick " .. ticks)
  if ticks == 4 then ticker:stop() end
end)
