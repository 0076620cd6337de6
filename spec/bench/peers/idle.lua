-- One event among COUNT streams of which all but one are idle: a message that a handler sends
-- comes back through the loop to the same handler. Prints the time for one round, in ns.
-- usage: idle.lua COUNT ROUNDS
local eddy = require "eddy"
local zmq = require "eddy.zmq"
local now = require("eddy.c").C.eddy_time

local count, rounds = tonumber((...)), tonumber((select(2, ...)))
local context, loop = zmq.instance(), eddy.loop.instance()

for i = 2, count do
  local idle = eddy.stream(context:socket(zmq.PULL, { bind = "inproc://idle-" .. i }))
  idle:on_recv(error)
end
local stream = eddy.stream(context:socket(zmq.PULL, { bind = "inproc://busy" }))
local sender = context:socket(zmq.PUSH, { connect = "inproc://busy" })

local left, start = rounds + 1000, nil
stream:on_recv(function()
  left = left - 1
  if left == rounds then start = now() end
  if left == 0 then return loop:stop() end
  sender:send("x")
end)
sender:send("x")
loop:start()
print(("%.0f"):format((now() - start) * 1e6 / rounds))
