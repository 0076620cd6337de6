-- Timers: COUNT are added, cancelled, and as many fire. usage: timers.lua COUNT
local eddy = require "eddy"
local watch = dofile((arg[0]:gsub("[^/]+$", "watch.lua")))

local count = tonumber((...))
local loop, cpu = eddy.loop.instance(), watch.cpu
local timers, left = {}, count

local function on_timer()
  left = left - 1
  if left == 0 then loop:stop() end
end

local before = cpu()
for i = 1, count do timers[i] = loop:call_later(3600000 + i * 7919 % 100000, on_timer) end
local add = cpu() - before
before = cpu()
for i = 1, count do timers[i]:cancel() end
loop:add_callback(loop.stop, loop)
loop:start() -- what was cancelled is freed when a turn begins
local cancel = cpu() - before

for i = 1, count do timers[i] = loop:call_later(1, on_timer) end
local late = eddy.loop.instance():time() + 5
while loop:time() < late do end
before = cpu()
loop:start()
print(("add_ns=%.0f cancel_ns=%.0f fire_ns=%.0f"):format(add / count, cancel / count,
  (cpu() - before) / count))
