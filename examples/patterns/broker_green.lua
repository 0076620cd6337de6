-- The broker of broker_handlers with sockets that suspend their coroutine. Its two halves are
-- one call: zmq.proxy.
-- Run it: ./examples/run broker_green
local eddy = require "eddy"
local zmq = require "eddy.green"

local context = zmq.instance()
local front = context:socket(zmq.ROUTER, { bind = "tcp://127.0.0.1:*" })
local back = context:socket(zmq.DEALER, { bind = "tcp://127.0.0.1:*" })

local function worker(name)
  local socket = context:socket(zmq.REP, { connect = back.last_endpoint })
  while true do
    local question = socket:recv()
    socket:send(question:upper() .. " by worker " .. name)
  end
end

local function client(name)
  local socket = context:socket(zmq.REQ, { connect = front.last_endpoint })
  socket:send("client " .. name .. " is served")
  print((socket:recv()))
end

eddy.spawn(zmq.proxy, front, back)
for name = 1, 2 do eddy.spawn(worker, name) end
local clients = {}
for name = 1, 3 do clients[name] = eddy.spawn(client, name) end
eddy.gather(clients):await()
eddy.loop.instance():stop() -- the others would wait for more
