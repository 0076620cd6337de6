-- A coroutine that waits for each message, or answers it.
-- usage: await.lua async|green COUNT | await.lua limited COUNT (each receive with a limit) |
--        await.lua echo COUNT (green, a ROUTER)
local eddy = require "eddy"
local zmq = require "eddy.zmq"
local watch = dofile((arg[0]:gsub("[^/]+$", "watch.lua")))

local kind, count = (...), tonumber((select(2, ...)))
local loop, start = eddy.loop.instance(), nil
local module = require("eddy." .. ((kind == "green" or kind == "echo") and "green" or "async"))
local socket = module.instance():socket(kind == "echo" and zmq.ROUTER or zmq.PULL,
  { sndhwm = 0, bind = "tcp://127.0.0.1:*" })
print(socket.last_endpoint)

local receive = {
  async = function() return socket:recv_multipart():await() end,
  green = function() return socket:recv_multipart() end,
  limited = function() return eddy.with_timeout(1000, socket:recv_multipart()):await() end,
  echo = function() return socket:send_multipart((socket:recv_multipart())) end,
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
