-- A broker as in examples/patterns/broker_handlers.lua, with two workers and a hundred clients in
-- the same loop, each of which asks again when it has its answer. usage: broker.lua COUNT
local eddy = require "eddy"
local zmq = require "eddy.zmq"
local watch = dofile((arg[0]:gsub("[^/]+$", "watch.lua")))

local count = tonumber((...))
local context, loop = zmq.instance(), eddy.loop.instance()
local front = eddy.stream(context:socket(zmq.ROUTER, { bind = "inproc://front" }))
local back = eddy.stream(context:socket(zmq.DEALER, { bind = "inproc://back" }))

front:on_recv(function(msg) back:send_multipart(msg) end)
back:on_recv(function(msg) front:send_multipart(msg) end)

for name = 1, 2 do
  local worker = eddy.stream(context:socket(zmq.REP, { connect = "inproc://back" }))
  worker:on_recv(function(msg) worker:send(msg[1] .. " by worker " .. name) end)
end

local left = count
for _ = 1, 100 do
  local client = eddy.stream(context:socket(zmq.REQ, { connect = "inproc://front" }))
  client:on_recv(function()
    left = left - 1
    if left == 0 then return loop:stop() end
    client:send("request " .. left)
  end)
  client:send("request")
end
local start = watch.start()
loop:start()
watch.tell(start, count)
