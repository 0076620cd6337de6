-- eddy's side of the receive benchmark: a handler that gets each message as a table of
-- strings. Prints its endpoint, receives COUNT messages, and prints the CPU time that the
-- thread took for one, in ns. usage: receive.lua COUNT
local eddy = require "eddy"
local ffi = require "ffi"
local zmq = require "eddy.zmq"

ffi.cdef [[
  struct bench_timespec { long tv_sec, tv_nsec; };
  int clock_gettime(int clock, struct bench_timespec *time);
]]
local THREAD_CPUTIME = 3
local time = ffi.new("struct bench_timespec")
local function cpu_ns()
  ffi.C.clock_gettime(THREAD_CPUTIME, time)
  return tonumber(time.tv_sec) * 1e9 + tonumber(time.tv_nsec)
end

local count = tonumber((...))
local socket = zmq.instance():socket(zmq.PULL, { bind = "tcp://127.0.0.1:*" })
local stream, loop = eddy.stream(socket), eddy.loop.instance()
print(socket.last_endpoint)

local received, bytes, start = 0, 0, nil
stream:on_recv(function(msg)
  start = start or cpu_ns()
  received, bytes = received + 1, bytes + #msg[1]
  if received == count then loop:stop() end
end)
loop:start()
print(("%.1f"):format((cpu_ns() - start) / count))
