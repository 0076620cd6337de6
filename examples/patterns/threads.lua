-- Threads that are joined by inproc: a service whose workers run side by side (mtserver), and a
-- relay of three steps that signal each other (mtrelay).
-- Run it: ./examples/run threads
local eddy = require "eddy"
local zmq = require "eddy.zmq"

local WORKERS, CLIENTS, REQUESTS = 3, 2, 4

local function worker(endpoint)
  local zmq = require "eddy.zmq" -- luacheck: ignore 431
  local socket = zmq.instance():socket(zmq.REP, { connect = endpoint, linger = 0 })
  while true do socket:send("the answer to " .. socket:recv()) end -- until it is stopped
end

local function client(endpoint, number, requests)
  local zmq = require "eddy.zmq" -- luacheck: ignore 431
  local socket = zmq.instance():socket(zmq.REQ, { connect = endpoint, linger = 0 })
  for i = 1, requests do
    socket:send(("question %d of client %d"):format(i, number))
    print(socket:recv())
  end
  return requests
end

local function step(number, before, after)
  local zmq = require "eddy.zmq" -- luacheck: ignore 431
  local signal = before and zmq.instance():socket(zmq.PAIR, { bind = before }):recv() or "ready"
  print(("step %d: %s"):format(number, signal))
  zmq.instance():socket(zmq.PAIR, { connect = after }):send(signal)
end

local queue = eddy.devices.device(zmq.QUEUE, zmq.ROUTER, zmq.DEALER)
queue:bind_in "inproc://clients"
queue:bind_out "inproc://workers"
queue:start()
for i = 1, WORKERS do
  eddy.thread.start({ worker, name = "worker " .. i }, "inproc://workers")
end
local clients, answered = {}, 0
for i = 1, CLIENTS do
  clients[i] = eddy.thread.start({ client, name = "client " .. i }, "inproc://clients", i, REQUESTS)
end
for _, thread in ipairs(clients) do answered = answered + select(2, assert(thread:join())) end
print(("%d questions were answered"):format(answered))

local done = zmq.instance():socket(zmq.PAIR, { bind = "inproc://3" })
eddy.thread.start({ step, name = "step 1" }, 1, nil, "inproc://2")
eddy.thread.start({ step, name = "step 2" }, 2, "inproc://2", "inproc://3")
print("step 3: " .. done:recv())
