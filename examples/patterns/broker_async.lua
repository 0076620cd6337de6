-- The broker of broker_handlers with sockets that return futures.
-- Run it: ./examples/run broker_async
local eddy = require "eddy"
local async = require "eddy.async"

local context = async.instance()
local front = context:socket(async.ROUTER, { bind = "tcp://127.0.0.1:*" })
local back = context:socket(async.DEALER, { bind = "tcp://127.0.0.1:*" })

local function hand_on(from, to)
  while true do to:send_multipart(from:recv_multipart():await()):await() end
end

local function worker(name)
  local socket = context:socket(async.REP, { connect = back.last_endpoint })
  while true do
    local question = socket:recv():await()
    socket:send(question:upper() .. " by worker " .. name):await()
  end
end

local function client(name)
  local socket = context:socket(async.REQ, { connect = front.last_endpoint })
  socket:send("client " .. name .. " is served"):await()
  print(socket:recv():await())
end

async.run(function()
  eddy.spawn(hand_on, front, back)
  eddy.spawn(hand_on, back, front)
  for name = 1, 2 do eddy.spawn(worker, name) end
  local clients = {}
  for name = 1, 3 do clients[name] = eddy.spawn(client, name) end
  eddy.gather(clients):await()
end)
