-- An echo service for everybody who has a key in a folder, and for nobody else. The Dockerfile
-- beside it makes a container of it.
-- Run it: ./examples/run secure_echo SECRET-KEY-FILE CLIENTS-FOLDER [ENDPOINT]
local eddy = require "eddy"
local zmq = require "eddy.zmq"

local secret, clients, endpoint = arg[1], arg[2], arg[3] or "tcp://*:5555"
if not clients then
  io.stderr:write "usage: secure_echo SECRET-KEY-FILE CLIENTS-FOLDER [ENDPOINT]\n"
  os.exit(2)
end

local server = eddy.stream(zmq.instance():socket(zmq.REP, {
  curve = { secret = secret, allow = clients },
  bind = endpoint,
}))
server.name = "echo"
server:on_recv(function(msg) server:send_multipart(msg) end)

eddy.loop.instance():on_stop(function() print "stopping" end)
print("serving " .. server.socket.last_endpoint)
