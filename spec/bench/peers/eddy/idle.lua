-- One event among STREAMS streams of which all but one are idle: a message that comes to one
-- handler sends the next one. usage: idle.lua STREAMS COUNT
local eddy = require "eddy"
local zmq = require "eddy.zmq"
local watch = dofile((arg[0]:gsub("[^/]+$", "watch.lua")))

local streams, count = tonumber((...)), tonumber((select(2, ...)))
local context, loop = zmq.instance(), eddy.loop.instance()
if streams > 900 then context:set(zmq.MAX_SOCKETS, 65000) end

for i = 2, streams do
  local idle = eddy.stream(context:socket(zmq.PULL, { bind = "inproc://idle-" .. i }))
  idle:on_recv(error)
end
local stream = eddy.stream(context:socket(zmq.PULL, { bind = "inproc://busy" }))
local sender = context:socket(zmq.PUSH, { connect = "inproc://busy" })

local left = count
stream:on_recv(function()
  left = left - 1
  if left == 0 then return loop:stop() end
  sender:send("x")
end)
sender:send("x")
local start = watch.start()
loop:start()
watch.tell(start, count)
-- Closing as many sockets one by one is libzmq's time, not the loop's.
if streams > 900 then os.exit(0) end
