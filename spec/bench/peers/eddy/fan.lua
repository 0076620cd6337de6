-- A PUB socket and SUBSCRIBERS streams in one loop: each of COUNT bursts of BURST messages (10)
-- goes to all of them, and the next one goes out when all had it.
-- usage: fan.lua SUBSCRIBERS COUNT [BURST]
local eddy = require "eddy"
local zmq = require "eddy.zmq"
local watch = dofile((arg[0]:gsub("[^/]+$", "watch.lua")))

local subscribers, count = tonumber((...)), tonumber((select(2, ...)))
local context, loop = zmq.instance(), eddy.loop.instance()
context:set(zmq.MAX_SOCKETS, 65000)
local publisher = eddy.stream(context:socket(zmq.PUB, { bind = "inproc://fan" }))
local message = ("x"):rep(22)

local BURST = tonumber((select(3, ...)) or 10)
local published, left = 0, subscribers * BURST
local function publish()
  published = published + 1
  if published > count then return loop:stop() end
  for i = 1, BURST do publisher:send(("%s%010d"):format(message, published * BURST + i)) end
end
for _ = 1, subscribers do
  local socket = context:socket(zmq.SUB, { connect = "inproc://fan", subscribe = "" })
  eddy.stream(socket):on_recv(function()
    left = left - 1
    if left > 0 then return end
    left = subscribers * BURST
    publish()
  end)
end
loop:add_callback(publish)
local start = watch.start()
loop:start()
watch.tell(start, count * subscribers * BURST)
os.exit(0)
