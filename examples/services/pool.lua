-- A service from start to end: a pool of workers that say that they are alive, jobs that are given
-- again when a worker falls silent, and an end in order. See examples/service.md.
local eddy = require "eddy"
local new_pool = require "pool.pool"
local zmq = require "eddy.zmq"

local loop = eddy.loop.instance()
local router = zmq.instance():socket(zmq.ROUTER, { bind = "inproc://pool" })
local pool = new_pool(eddy.stream(router))

-- Two workers. The second one falls silent with its first job in hand.
for i = 1, 2 do
  local dealer = zmq.instance():socket(zmq.DEALER, { connect = "inproc://pool" })
  local stream = eddy.stream(dealer)
  local alive = loop:call_every(1000, function() stream:send "alive" end)
  alive:unref()
  stream:on_recv(function(msg)
    if i == 2 then return stream:stop_on_recv(), alive:cancel() end
    stream:send_multipart { "done", msg[1], msg[2]:upper() }
  end)
  stream:send "ready"
end

local left = 3
for _, word in ipairs { "one", "two", "three" } do
  pool:put(word, function(result, reason)
    print(word, result or reason)
    left = left - 1
    if left == 0 then loop:stop_gracefully() end
  end)
end

-- At the end jobs that were given are waited for.
loop:on_stop(function()
  while pool.count > 0 do eddy.sleep(10) end
  print "all is done"
end)
