-- luv's timers: COUNT are added, cancelled, and as many fire. usage: luv_timers.lua COUNT
local uv = require "luv"
local watch = dofile((arg[0]:gsub("[^/]+$", "eddy/watch.lua")))

local count, cpu = tonumber((...)), watch.cpu
local timers, left = {}, count

local function on_timer() left = left - 1 end

local function add(delay)
  local timer = uv.new_timer()
  timer:start(delay, 0, on_timer)
  return timer
end

local before = cpu()
for i = 1, count do timers[i] = add(3600000 + i * 7919 % 100000) end
local added = cpu() - before
before = cpu()
for i = 1, count do
  timers[i]:stop()
  timers[i]:close()
end
uv.run() -- what was closed is freed by the loop
local cancelled = cpu() - before

for i = 1, count do timers[i] = add(1) end
uv.sleep(5)
before = cpu()
uv.run()
assert(left == 0)
print(("add_ns=%.0f cancel_ns=%.0f fire_ns=%.0f"):format(added / count, cancelled / count,
  (cpu() - before) / count))
