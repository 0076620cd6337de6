-- Sends each message back, COUNT of them. usage: echo.lua rep|router COUNT
local eddy = require "eddy"
local zmq = require "eddy.zmq"
local watch = dofile((arg[0]:gsub("[^/]+$", "watch.lua")))

local kind, left = (...), tonumber((select(2, ...)))
local socket = zmq.instance():socket(kind == "rep" and zmq.REP or zmq.ROUTER,
  { sndhwm = 0, bind = "tcp://127.0.0.1:*" }) -- a ROUTER would drop what is above its limit
local stream, loop, count, start = eddy.stream(socket), eddy.loop.instance(), left, nil
print(socket.last_endpoint)

stream:on_recv(function(msg)
  start = start or watch.start()
  stream:send_multipart(msg)
  left = left - 1
  if left == 0 then loop:stop() end
end)
loop:start()
watch.tell(start, count)
