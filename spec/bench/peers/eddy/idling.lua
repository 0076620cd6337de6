-- What a loop does in a second in which nothing happens: its turns, and how often the kernel
-- woke its thread. usage: idling.lua
local eddy = require "eddy"
local zmq = require "eddy.zmq"

local loop = eddy.loop.instance()
local socket = zmq.instance():socket(zmq.PULL, { bind = "tcp://127.0.0.1:*" })
eddy.stream(socket):on_recv(error)

local function wakeups()
  local file = assert(io.open "/proc/thread-self/status")
  local count = tonumber(file:read("*a"):match "\nvoluntary_ctxt_switches:%s*(%d+)")
  file:close()
  return count
end

local turns, woken
-- Two timers make two wake-ups: what is between them is idling.
loop:call_later(200, function() turns, woken = loop:stats().turns, wakeups() end)
loop:call_later(1200, function()
  print(("turns=%d wakeups=%d"):format(loop:stats().turns - turns - 1, wakeups() - woken - 1))
  loop:stop()
end)
loop:start()
