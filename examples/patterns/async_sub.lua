-- A subscriber written as if it blocked: `recv_multipart` returns a future, and `await`
-- suspends this function alone. A publisher in the same script gives it something to print.
-- Run it: ./examples/run async_sub
local eddy = require "eddy"
local async = require "eddy.async"

local context = async.instance()
local publisher = context:socket(async.XPUB, { bind = "tcp://127.0.0.1:*" })

local function receive()
  local socket = context:socket(async.SUB)
  socket:connect(publisher.last_endpoint)
  socket:subscribe("")
  while true do
    local msg = socket:recv_multipart():await()
    if msg[1] == "end" then break end
    print("received", msg[1], msg[2])
  end
  socket:close()
end

local function publish()
  publisher:recv():await() -- an XPUB socket is told of subscriptions: from now on none is lost
  for i = 1, 3 do
    publisher:send_multipart({ "weather", i .. " degrees" }):await()
    eddy.sleep(10)
  end
  publisher:send("end"):await()
end

eddy.spawn(publish)
async.run(receive)
