-- eddy's side of the device benchmark: a device in its thread. As relay.c.
local eddy = require "eddy"
local zmq = require "eddy.zmq"

local queue = ... == "ROUTER"
local device = eddy.devices.proxy(queue and zmq.ROUTER or zmq.PULL,
  queue and zmq.DEALER or zmq.PUSH, false)
for _, side in ipairs { "in", "out" } do
  local bind = device["bind_" .. side .. "_to_random_port"]
  print("tcp://127.0.0.1:" .. bind(device, "tcp://127.0.0.1"))
end
device:start()
device:join()
