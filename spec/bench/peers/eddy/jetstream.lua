-- Stores messages in JetStream, or handles and acknowledges those that are there. Prints the CPU
-- time of the whole process.
-- usage: jetstream.lua make URL | publish URL COUNT | consume URL COUNT
local eddy = require "eddy"
local ffi = require "ffi"

local mode, url, count = ...
count = tonumber(count)

ffi.cdef [[
  struct bench_timespec { long tv_sec, tv_nsec; };
  int clock_gettime(int clock, struct bench_timespec *time);
]]
local MONOTONIC, PROCESS_CPUTIME = 1, 2
local time = ffi.new "struct bench_timespec"

local function now(clock)
  ffi.C.clock_gettime(clock, time)
  return tonumber(time.tv_sec) * 1e9 + tonumber(time.tv_nsec)
end

local loop = eddy.loop.instance()
local link = eddy.jetstream.connect { url }

local function tell(cpu, wall)
  print(("cpu_ns=%.0f wall_ns=%.0f"):format((now(PROCESS_CPUTIME) - cpu) / count,
    (now(MONOTONIC) - wall) / count))
  loop:stop()
end

local modes = {}

-- The stream and its consumer.
function modes.make()
  local jobs = link:stream { stream = "BENCH", consumer = "c", subject = "BENCH.a",
    create = { subjects = "BENCH.>", storage = "memory", max_ack_pending = 10000 } }
  jobs:on_send(function() loop:stop() end)
  jobs:send(("x"):rep(100))
end

function modes.publish()
  local jobs = link:stream { stream = "BENCH", subject = "BENCH.a" }
  local cpu, wall, stored = now(PROCESS_CPUTIME), now(MONOTONIC), 0
  jobs:on_send(function(_, err)
    assert(not err, err)
    stored = stored + 1
    if stored == count then tell(cpu, wall) end
  end)
  jobs:set_send_limit { messages = 1000 }
  eddy.spawn(function()
    for i = 1, count do
      local text = tostring(i)
      jobs:send(text .. (" "):rep(100 - #text))
    end
  end)
end

function modes.consume()
  local jobs = link:stream { stream = "BENCH", consumer = "c" }
  local cpu, wall, had = now(PROCESS_CPUTIME), now(MONOTONIC), 0
  jobs:on_recv(function(msg)
    had = had + 1
    assert(#msg[1] == 100)
    if had == count then
      loop:call_later(0, tell, cpu, wall)
    end
  end)
end

link:on_event(function(event)
  if event.name == "CONNECTED" then modes[mode]() end
end)
loop:start()
