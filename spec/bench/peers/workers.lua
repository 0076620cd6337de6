-- A service that computes for about a millisecond a request, and its clients.
-- usage: workers.lua serve ENDPOINT | load ENDPOINT CONNECTIONS SECONDS
local eddy = require "eddy"
local zmq = require "eddy.zmq"

local what, endpoint, connections, seconds = ...
local ROUNDS = 160000 -- a millisecond, on the machine of the published figures
local ECHO_EVERY_MS, SETTLE_MS = 5, 500

local function hash(text)
  local sum = 5381
  for i = 1, ROUNDS do sum = bit.tobit(bit.bxor(sum * 33, text:byte(i % #text + 1))) end
  return sum
end

local loop, context = eddy.loop.instance(), zmq.instance()
if what == "serve" then
  local router = eddy.stream(context:socket(zmq.ROUTER, { bind = endpoint }))
  router:on_recv(function(msg)
    local answer = msg[2] == "echo" and msg[2] or tostring(hash(msg[2]))
    router:send_multipart { msg[1], answer }
  end)
  return
end

local counting, done = false, 0
for i = 1, tonumber(connections) do
  local dealer = eddy.stream(context:socket(zmq.DEALER, { connect = endpoint, linger = 0 }))
  local number = 0
  local function ask()
    number = number + 1
    dealer:send(("request %d of %d"):format(number, i))
  end
  dealer:on_recv(function()
    if counting then done = done + 1 end
    ask()
  end)
  ask()
end

-- Each time in a connection of its own, so that all workers are met.
local times = {}
eddy.spawn(function()
  while true do
    local dealer = require("eddy.green").instance():socket(zmq.DEALER, { connect = endpoint,
      linger = 0 })
    dealer:send "echo"
    dealer:recv() -- it is connected
    for _ = 1, 5 do
      local began = loop:time()
      dealer:send "echo"
      dealer:recv()
      if counting then times[#times + 1] = loop:time() - began end
      eddy.sleep(ECHO_EVERY_MS)
    end
    dealer:close()
  end
end):unref()

loop:call_later(SETTLE_MS, function()
  counting = true
  local began = loop:time()
  loop:call_later(seconds * 1000, function()
    local took = (loop:time() - began) / 1000
    table.sort(times)
    local function share(p) return times[math.max(1, math.ceil(#times * p))] or 0 end
    print(("%.0f %.3f %.3f"):format(done / took, share(0.5), share(0.99)))
    loop:stop()
  end)
end)
loop:start()
