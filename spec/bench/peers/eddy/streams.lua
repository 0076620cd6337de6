-- The memory that an idle stream takes, its socket included, in bytes. usage: streams.lua COUNT
local eddy = require "eddy"
local zmq = require "eddy.zmq"

local count = tonumber((...))
local context = zmq.instance()
context:set(zmq.MAX_SOCKETS, 65000)

local function resident()
  collectgarbage()
  collectgarbage()
  local file = assert(io.open "/proc/self/status")
  local kib = tonumber(file:read("*a"):match "VmRSS:%s*(%d+) kB")
  file:close()
  return kib * 1024
end

local function receive() end

eddy.stream(context:socket(zmq.PULL)):close()
local before = resident()
for i = 1, count do
  eddy.stream(context:socket(zmq.PULL, { bind = "inproc://idle-" .. i })):on_recv(receive)
end
print(("bytes=%.0f"):format((resident() - before) / count))
os.exit(0)
