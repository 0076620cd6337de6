-- A queue of work: on a ZeroMQ endpoint, or stored and replicated, on a subject of NATS JetStream.
-- The handler is the same. Run it with one argument:
--   ./examples/run work_queue                                   (a ZeroMQ endpoint in this process)
--   ./examples/run work_queue ipc:///tmp/work
--   ./examples/run work_queue nats://127.0.0.1:4222/orders.new  (a server with JetStream)
local eddy = require "eddy"
local zmq = require "eddy.zmq"

local loop = eddy.loop.instance()
local where = ... or "inproc://work"
local COUNT = 5

-- What is sent to, and what is received from: streams with the same methods.
local function open(place)
  local server, subject = place:match "^(nats://[^/]+)/(.+)$"
  if not server then
    local context = zmq.instance()
    local pull = eddy.stream(context:socket(zmq.PULL, { bind = place }))
    return eddy.stream(context:socket(zmq.PUSH, { connect = place })), pull
  end
  local link = require("eddy.jetstream").connect { server, name = "work_queue" }
  local jobs = link:stream {
    stream = subject:gsub("%W", "_"):upper(), consumer = "workers", subject = subject,
    create = { subjects = { subject }, retention = "workqueue" },
    backoff = { 10 },
  }
  return jobs, jobs
end

local sender, receiver = open(where)
local failed, done = false, 0

-- `job` is nil on ZeroMQ, where a message that failed is gone. JetStream brings it again.
receiver:on_recv(function(msg, job)
  if msg[1] == "order 3" and job and not failed then
    failed = true
    print("order 3 failed, and will come again")
    job:nak(10)
    return
  end
  eddy.future.sleep(1):await() -- the work
  print(("%s is done%s"):format(msg[1], job and job.redelivered and ", the second time" or ""))
  done = done + 1
  if done == COUNT then loop:stop_gracefully() end
end)

for i = 1, COUNT do assert(sender:send("order " .. i)) end
loop:start()
