-- How long an echo takes while something is done beside it. usage: beside.lua WHAT WHERE MS: WHAT
-- is a function of burn.lua's, WHERE is "inline" or "jobs", MS how long it takes. Prints, in ms,
-- the worst and the 99th percentile of the echoes in that time, and how many there were.
-- beside.lua cost: prints the us that a job takes which does nothing, the ms that a worker takes to
-- start, and the KiB that it has.
local here = arg[0]:match("^(.*)/") or "."
package.path = here .. "/?.lua;" .. package.path

local eddy = require "eddy"
local burn = require "burn"
local zmq = require "eddy.zmq"

local BEFORE_MS, AFTER_MS, BETWEEN_MS = 200, 200, 1
local loop, context = eddy.loop.instance(), zmq.instance()

-- Asks every so often, one question at a time, and says how long the answers took.
local function ask(endpoint, ms)
  local req = context:socket(zmq.REQ, { linger = 0, connect = endpoint })
  local took, until_then = {}, burn.time() + ms
  while burn.time() < until_then do
    local began = burn.time()
    req:send "x"
    req:recv()
    took[#took + 1] = burn.time() - began
    req:poll(BETWEEN_MS) -- nothing comes
  end
  table.sort(took)
  print(("%.1f %.1f %d"):format(took[#took], took[math.ceil(#took * 0.99)], #took))
end

local function serve(what, where, ms)
  local rep = eddy.stream(context:socket(zmq.REP, { bind = "tcp://127.0.0.1:*" }))
  rep:on_recv(function(msg) rep:send_multipart(msg) end)
  local pool = eddy.jobs { module = "burn", workers = 1 }
  eddy.spawn(function()
    pool:call("nothing"):await()
    local client = eddy.process.spawn { "/proc/self/exe", arg[0], "ask",
      rep.socket.last_endpoint, BEFORE_MS + ms + AFTER_MS, stdout = print }
    eddy.sleep(BEFORE_MS)
    if where == "inline" then burn[what](ms) else pool:call(what, ms):await() end
    client.exit:await()
    loop:stop()
  end)
  loop:start()
end

local function cost()
  local pool, count = eddy.jobs { module = "burn", workers = 1 }, 20000
  loop:run_sync(function()
    local began = burn.time()
    pool:call("nothing"):await()
    local start = burn.time() - began
    began = burn.time()
    for _ = 1, count do pool:call("nothing"):await() end
    local each = (burn.time() - began) * 1000 / count
    local pid = pool._workers[1]._child.pid
    local file = io.open(("/proc/%d/status"):format(pid))
    local kib = file:read("*a"):match("VmRSS:%s*(%d+)")
    file:close()
    print(("%.0f %.1f %s"):format(each, start, kib))
    pool:close():await()
  end)
end

local first, second, third = ...
if first == "ask" then ask(second, tonumber(third))
elseif first == "cost" then cost()
else serve(first, second, tonumber(third)) end
