-- A streamer device: producers push tasks to its front, workers pull them from its back, and
-- neither need know the others. It relays in a thread of its own, beside the loop.
-- Run it: ./examples/run streamer_device
local eddy = require "eddy"
local zmq = require "eddy.zmq"

local TASKS, WORKERS = 6, 2
local context, loop = zmq.instance(), eddy.loop.instance()

local device = eddy.devices.device(zmq.STREAMER, zmq.PULL, zmq.PUSH)
local front = "tcp://127.0.0.1:" .. device:bind_in_to_random_port("tcp://127.0.0.1")
local back = "tcp://127.0.0.1:" .. device:bind_out_to_random_port("tcp://127.0.0.1")
device:start()

local left = TASKS
for worker = 1, WORKERS do
  local stream = eddy.stream(context:socket(zmq.PULL, { connect = back }))
  stream:on_recv(function(msg)
    print(("worker %d got task %s: %s"):format(worker, msg[1], msg[2]))
    left = left - 1
    if left == 0 then loop:stop() end
  end)
end

local producer = eddy.stream(context:socket(zmq.PUSH, { connect = front }))
for task = 1, TASKS do
  producer:send_multipart { tostring(task), task .. " squared is " .. task * task }
end

loop:start()

device:stop()
assert(device:join(1000))
local stats = device:stats()
print(("the device relayed %d messages and was %s"):format(stats.out_sent, device:reason()))
