-- A counter that answers requests and is changed while it runs. Run it with
--
--     eddy --watch examples/services/reload.lua serve
--
-- and change the answer below. Without `serve` it asks itself, reloads once, and ends.
local eddy = require "eddy"
local reload = require "eddy.reload"
local zmq = eddy.zmq

local loop = eddy.loop.instance()

-- What goes on: the socket with its clients, and what was counted.
local server = eddy.keep("server", function()
  local stream = eddy.stream(zmq.instance():socket(zmq.REP))
  stream:bind(arg[1] == "serve" and "tcp://127.0.0.1:5555" or "inproc://counter")
  return stream
end)
local state = eddy.keep("state", function() return { requests = 0 } end)

-- What is the next generation's: functions, timers, and all else.
server:on_recv(function(msg)
  state.requests = state.requests + 1
  server:send(("%s is request %d, answered by generation %d"):format(msg[1], state.requests,
    reload.generation()))
end)

-- It does not take over when this says no.
eddy.check(function() return state.requests >= 0, "requests were lost" end)

if arg[1] == "serve" then return end

local client = eddy.keep("client", function()
  return eddy.stream(zmq.instance():socket(zmq.REQ, { connect = "inproc://counter" }))
end)
client:on_recv(function(msg)
  print(msg[1])
  if eddy.generation == 1 then return reload.request() end
  loop:stop()
end)
client:send "hello"
