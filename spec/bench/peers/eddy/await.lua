-- A coroutine that waits for each message. usage: await.lua async|green COUNT
local eddy = require "eddy"
local zmq = require "eddy.zmq"
local watch = dofile((arg[0]:gsub("[^/]+$", "watch.lua")))

local kind, count = (...), tonumber((select(2, ...)))
local loop, start = eddy.loop.instance(), nil
local socket = require("eddy." .. kind).instance():socket(zmq.PULL,
  { bind = "tcp://127.0.0.1:*" })
print(socket.last_endpoint)

local receive = {
  async = function() return socket:recv_multipart():await() end,
  green = function() return socket:recv_multipart() end,
}
eddy.spawn(function()
  local receive_one = receive[kind]
  for _ = 1, count do
    receive_one()
    start = start or watch.start()
  end
  loop:stop()
end)
loop:start()
watch.tell(start, count)
