-- Free tcp ports on the loopback interface, below those that the system gives to others.
local zmq = require "eddy.zmq"

local M = {}

--- `count` ports that were free a moment ago, all different.
function M.free(count)
  -- A libzmq context of its own ends only when they are given back: a client that met one of
  -- these sockets there would not try again.
  local context, ports = zmq.context { io_threads = 1 }, {}
  for i = 1, count do
    ports[i] = context:socket(zmq.PULL):bind_to_random_port("tcp://127.0.0.1", 10000, 30000)
  end
  context:destroy(0)
  return unpack(ports)
end

return M
