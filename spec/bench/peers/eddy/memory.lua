-- The memory that a receiving stream takes: COUNT messages through a handler that drops them.
-- Prints its endpoint, and then the RSS in KiB before the first message, at a hundredth, at half
-- and at all of them, the largest, and the descriptors open before the first and after the last.
-- usage: memory.lua strings|frames|stream COUNT [RCVHWM]
local eddy = require "eddy"
local ffi = require "ffi"
local zmq = require "eddy.zmq"

ffi.cdef "long readlink(const char *path, char *buffer, size_t size);"

local mode, count, rcvhwm = ...
count = tonumber(count)
local started = math.max(1, math.floor(count / 100))
local half = math.max(1, math.floor(count / 2))

local function status(name)
  local file = assert(io.open "/proc/self/status")
  local value = file:read("*a"):match(name .. ":%s*(%d+) kB")
  file:close()
  return tonumber(value)
end

local function descriptors()
  local buffer, open = ffi.new("char[1]"), 0
  for fd = 0, 1023 do
    if ffi.C.readlink("/proc/self/fd/" .. fd, buffer, 1) >= 0 then open = open + 1 end
  end
  return open
end

local socket = zmq.instance():socket(zmq.PULL, { linger = 0, rcvhwm = tonumber(rcvhwm) or 1000 })
socket:bind("tcp://127.0.0.1:*")
local stream, loop = eddy.stream(socket), eddy.loop.instance()

local received, rss = 0, {}

local function receive()
  received = received + 1
  if received == started or received == half or received == count then
    rss[#rss + 1] = status "VmRSS"
  end
  if received == count then loop:stop() end
end

local function receive_stream(_, msg) return receive(msg) end

if mode == "stream" then
  stream:on_recv_stream(receive_stream)
else
  stream:on_recv(receive, mode ~= "frames")
end

local before = descriptors()
rss[1] = status "VmRSS"
print(socket.last_endpoint)
loop:start()

-- Until libzmq's thread has closed the connection, which the sender ends after its last message.
local after
loop:call_every(10, function()
  after = descriptors()
  if after <= before then loop:stop() end
end)
loop:call_later(5000, function() loop:stop() end)
loop:start()
print(rss[1], rss[2], rss[3], rss[4], status "VmHWM", before, after)
