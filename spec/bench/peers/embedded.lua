-- Messages that are received, or requests that are answered one by one, by a loop of eddy's, which
-- runs alone or inside another one.
-- usage: embedded.lua alone|luv|cqueues receive|answer COUNT
local eddy = require "eddy"
local zmq = require "eddy.zmq"
local watch = dofile((arg[0]:gsub("[^/]+$", "eddy/watch.lua")))

local how, what, count = ...
count = tonumber(count)
local loop, done = eddy.loop.instance(), false
local socket = zmq.instance():socket(what == "receive" and zmq.PULL or zmq.REP,
  { bind = "tcp://127.0.0.1:*" })
local stream, left, start = eddy.stream(socket), count, nil
print(socket.last_endpoint)
stream:on_recv(function(msg)
  start = start or watch.start()
  if what == "answer" then stream:send_multipart(msg) end
  left = left - 1
  if left == 0 then
    done = true
    loop:stop()
  end
end)

local run = {}

function run.alone() loop:start() end

function run.luv()
  local uv = require "luv"
  local poll, timer, prepare = uv.new_poll(loop:fd()), uv.new_timer(), uv.new_prepare()
  local function step()
    loop:step()
    if done then uv.stop() end
  end
  poll:start("r", step)
  prepare:start(function()
    local ms = loop:timeout()
    if ms then timer:start(math.ceil(ms), 0, step) else timer:stop() end
  end)
  uv.run()
end

function run.cqueues()
  local cqueues = require "cqueues"
  local queue, outer = cqueues.new(), { pollfd = loop:fd(), events = "r" }
  function outer.timeout()
    local ms = loop:timeout()
    return ms and ms / 1000
  end
  queue:wrap(function()
    repeat
      cqueues.poll(outer)
      loop:step()
    until done
  end)
  assert(queue:loop())
end

run[how]()
watch.tell(start, count)
