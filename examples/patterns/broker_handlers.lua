-- A broker: clients ask at one socket, workers answer at another, and it hands on what comes
-- on either to the other. With handlers; broker_async and broker_green do the same in
-- coroutines. Two workers and three clients in the same script show that it works.
-- Run it: ./examples/run broker_handlers
local eddy = require "eddy"
local zmq = require "eddy.zmq"

local context, loop = zmq.instance(), eddy.loop.instance()
local front = eddy.stream(context:socket(zmq.ROUTER, { bind = "tcp://127.0.0.1:*" }))
local back = eddy.stream(context:socket(zmq.DEALER, { bind = "tcp://127.0.0.1:*" }))

front:on_recv(function(msg) back:send_multipart(msg) end)
back:on_recv(function(msg) front:send_multipart(msg) end)

for name = 1, 2 do
  local worker = eddy.stream(context:socket(zmq.REP, { connect = back.socket.last_endpoint }))
  worker:on_recv(function(msg) worker:send(msg[1]:upper() .. " by worker " .. name) end)
end

local left = 3
for name = 1, left do
  local client = eddy.stream(context:socket(zmq.REQ, { connect = front.socket.last_endpoint }))
  client:on_recv(function(msg)
    print(msg[1])
    left = left - 1
    if left == 0 then loop:stop() end
  end)
  client:send("client " .. name .. " is served")
end

loop:start()
