-- Free tcp ports on the loopback interface, below those that the system gives to others.
local zmq = require "eddy.zmq"
local zmtp = require "spec.zmtp.peer"

local M = {}

--- `count` ports that were free a moment ago, all different.
function M.free(count)
  local sockets, ports = {}, {}
  for i = 1, count do
    sockets[i] = zmq.instance():socket(zmq.PULL)
    ports[i] = sockets[i]:bind_to_random_port("tcp://127.0.0.1", 10000, 30000)
  end
  for _, socket in ipairs(sockets) do socket:close(0) end
  -- libzmq's thread closes the listeners; a client that met one of them would not come again.
  for _, port in ipairs(ports) do
    while true do
      local listens, peer = pcall(zmtp.connect, port)
      if not listens then break end
      peer:leave()
    end
  end
  return unpack(ports)
end

return M
