-- An echo server: a REP stream whose handler answers each request with what came. A client
-- in the same script asks three times, then both end.
-- Run it: ./examples/run echo
local eddy = require "eddy"
local zmq = require "eddy.zmq"

local context, loop = zmq.instance(), eddy.loop.instance()

local socket = context:socket(zmq.REP)
socket:bind("tcp://127.0.0.1:*")
local server = eddy.stream(socket)
server:on_recv(function(msg) server:send_multipart(msg) end)

local client = eddy.stream(context:socket(zmq.REQ, { connect = socket.last_endpoint }))
local questions = { "hello", "how are you", "goodbye" }

client:on_recv(function(msg)
  print("received: " .. msg[1])
  table.remove(questions, 1)
  if #questions == 0 then return loop:stop() end
  client:send(questions[1])
end)
client:send(questions[1])

loop:start()
