-- A thousand clients, each a coroutine with a socket of its own, and one server. All of them
-- look as if they blocked; all of them run in one thread.
-- Run it: ./examples/run green_echo [CLIENTS [REQUESTS]]
local eddy = require "eddy"
local zmq = require "eddy.green"

local clients, requests = tonumber(arg[1] or 1000), tonumber(arg[2] or 10)
local context = zmq.context { io_threads = 1 }
context.max_sockets = clients + 10

local server = context:socket(zmq.REP, { linger = 0, bind = "tcp://127.0.0.1:*", backlog = 1000 })
eddy.spawn(function()
  while true do
    server:send_multipart((server:recv_multipart()))
  end
end)

local function client(number)
  local socket = context:socket(zmq.REQ, { linger = 0, connect = server.last_endpoint })
  for i = 1, requests do
    local question = "client " .. number .. ", request " .. i
    socket:send(question)
    assert(socket:recv() == question)
  end
  socket:close()
  return requests
end

local tasks = {}
for number = 1, clients do tasks[number] = eddy.spawn(client, number) end

local total = 0
for _, answered in ipairs(eddy.gather(tasks):await()) do total = total + answered end
print(("%d clients had %d answers"):format(clients, total))
eddy.loop.instance():stop() -- the server would wait for more
