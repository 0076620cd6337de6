-- Sends COUNT messages through a stream, 1,000 a turn of the loop. usage: send.lua ENDPOINT COUNT
local eddy = require "eddy"
local zmq = require "eddy.zmq"
local watch = dofile((arg[0]:gsub("[^/]+$", "watch.lua")))

local endpoint, count = (...), tonumber((select(2, ...)))
local socket = zmq.instance():socket(zmq.PUSH, { connect = endpoint, linger = -1, sndhwm = 0 })
local stream, loop = eddy.stream(socket), eddy.loop.instance()
local message = ("x"):rep(32)
local messages = {} -- that differ
for i = 1, 1000 do messages[i] = ("%032d"):format(i) end

socket:send(message) -- waits for the connection
local left, start = count - 1, watch.start()
local function send()
  for i = 1, math.min(left, 1000) do stream:send(messages[i]) end
  left = left - 1000
  if left <= 0 then return loop:stop() end
  loop:add_callback(send)
end
loop:add_callback(send)
loop:start()
watch.tell(start, count)
