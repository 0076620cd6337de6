-- Workers behind a front: two processes of this very script answer requests, one of them is killed
-- in the middle, and every request is answered.
-- Run it: ./examples/run workers
local eddy = require "eddy"
local zmq = require "eddy.zmq"

local loop = eddy.loop.instance()
local REQUESTS, KILL_AT = 40, 10

-- In a worker: what it does, and who it is.
if os.getenv "EDDY_WORKER" then
  local pid = io.open("/proc/self/stat"):read "*n"
  eddy.front.worker { connect = arg[1], handle = function(msg)
    eddy.sleep(10) -- the work
    return { msg[1], tostring(pid) }
  end }
  return
end

local HERE = "tcp://127.0.0.1"
local front = eddy.devices.front { retry = 2 }
local outside = HERE .. ":" .. front:bind_in_to_random_port(HERE)
local inside = HERE .. ":" .. front:bind_out_to_random_port(HERE)
front:start()

local workers = eddy.process.spawn { arg[-1], "--workers", "2", arg[0], inside,
  stderr = function(line)
    print((line:gsub("pid %d+", "pid ...")))
  end }

local client = eddy.stream(zmq.instance():socket(zmq.DEALER, { connect = outside }))
local answered = 0
client:on_recv(function(msg)
  answered = answered + 1
  if answered == KILL_AT then os.execute("kill -9 " .. msg[3]) end
  if answered < REQUESTS then return end
  print(("%d of %d requests were answered"):format(answered, REQUESTS))
  print("the workers ended with " .. workers:stop():await())
  front:stop()
  loop:stop()
end)
for i = 1, REQUESTS do client:send_multipart { "", "request " .. i } end
