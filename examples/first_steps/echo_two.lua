-- One handler for two streams: on_recv_stream tells it which stream the message came from,
-- so that each answer goes back the way its question came.
-- Run it: ./examples/run echo_two
local eddy = require "eddy"
local zmq = require "eddy.zmq"

local context, loop = zmq.instance(), eddy.loop.instance()

local function echo(stream, msg)
  print(stream.name .. " got " .. msg[1])
  stream:send_multipart(msg)
end

local waiting = 2
for _, name in ipairs { "first", "second" } do
  local socket = context:socket(zmq.REP, { bind = "tcp://127.0.0.1:*" })
  local server = eddy.stream(socket)
  server.name = "the " .. name .. " server"
  server:on_recv_stream(echo)

  local client = eddy.stream(context:socket(zmq.REQ, { connect = socket.last_endpoint }))
  client:on_recv(function(msg)
    print("the " .. name .. " client got " .. msg[1] .. " back")
    waiting = waiting - 1
    if waiting == 0 then loop:stop() end
  end)
  client:send("hello from the " .. name .. " client")
end

loop:start()
