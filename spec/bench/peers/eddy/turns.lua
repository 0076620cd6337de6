-- What one of many small things costs, one a turn or one a message of the loop's own.
-- usage: turns.lua callback|spawn|later|reported|log COUNT
local eddy = require "eddy"
local zmq = require "eddy.zmq"
local watch = dofile((arg[0]:gsub("[^/]+$", "watch.lua")))

local mode, count = (...), tonumber((select(2, ...)))
local loop, left = eddy.loop.instance(), count
local modes = {}

-- One callback a turn.
function modes.callback()
  local function again()
    left = left - 1
    if left == 0 then return loop:stop() end
    loop:add_callback(again)
  end
  loop:add_callback(again)
end

-- A task that is spawned, and ends; a hundred a turn.
function modes.spawn()
  local function work()
    left = left - 1
    if left == 0 then loop:stop() end
  end
  local function some()
    for _ = 1, math.min(100, left) do loop:spawn(work) end
    if left > 100 then loop:add_callback(some) end
  end
  loop:add_callback(some)
end

-- A timer that is set and cancelled, as for a reply that comes in time.
function modes.later()
  local function late() error("late") end
  local function some()
    for _ = 1, math.min(100, left) do
      loop:call_later(5000, late):cancel()
      left = left - 1
    end
    if left == 0 then return loop:stop() end
    loop:add_callback(some)
  end
  loop:add_callback(some)
end

-- A send whose callback is called when libzmq has the message; a hundred a turn.
function modes.reported()
  local context = zmq.instance()
  local pull = context:socket(zmq.PULL, { bind = "inproc://reported", rcvhwm = 0 })
  local stream = eddy.stream(context:socket(zmq.PUSH, { connect = pull.last_endpoint, sndhwm = 0 }))
  local settings = {}
  local function some()
    for _ = 1, math.min(100, left) do stream:send("message", settings) end
  end
  local had = 0
  function settings.callback()
    left, had = left - 1, had + 1
    if left == 0 then return loop:stop() end
    if had % 100 == 0 then loop:add_callback(some) end
  end
  loop:add_callback(some)
end

-- A record that is published, and that nobody subscribes to.
function modes.log()
  local logging = require "eddy.log"
  local publisher = zmq.instance():socket(zmq.PUB, { bind = "inproc://log" })
  local log = logging.logger("bench", { handlers = { logging.pub_handler(publisher) } })
  local function some()
    for _ = 1, math.min(100, left) do
      left = left - 1
      log:info("request %d of %s took %d ms", left, "somebody", 17)
    end
    if left == 0 then return loop:stop() end
    loop:add_callback(some)
  end
  loop:add_callback(some)
end

modes[mode]()
local start = watch.start()
loop:start()
watch.tell(start, count)
