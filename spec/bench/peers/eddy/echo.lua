-- Sends each message back, COUNT of them; as JSON, decodes and encodes it.
-- usage: echo.lua rep|router COUNT [ENDPOINT [json]]
local eddy = require "eddy"
local zmq = require "eddy.zmq"
local watch = dofile((arg[0]:gsub("[^/]+$", "watch.lua")))

local kind, count, endpoint, json = ...
count = tonumber(count)
local socket = zmq.instance():socket(kind == "rep" and zmq.REP or zmq.ROUTER,
  { sndhwm = 0, bind = endpoint or "tcp://127.0.0.1:*" }) -- a ROUTER drops above its limit
local stream, loop, left, start = eddy.stream(socket), eddy.loop.instance(), count, nil
print(socket.last_endpoint)

local function answer(msg) stream:send_multipart(msg) end
if json then
  local cjson = require "cjson.safe"
  function answer(msg) stream:send_json(cjson.decode(msg[1])) end
end
stream:on_recv(function(msg)
  start = start or watch.start()
  answer(msg)
  left = left - 1
  if left == 0 then loop:stop() end
end)
loop:start()
watch.tell(start, count)
