-- Peers that are slow, or never answer: others do not suffer.
local eddy = require "eddy"
local green = require "eddy.green"
local zmq = require "eddy.zmq"
local support = require "spec.support"

local MOST_KIB = 16 * 1024

local function rss_kib()
  local file = assert(io.open "/proc/self/status")
  local kib = file:read("*a"):match("VmRSS:%s*(%d+) kB")
  file:close()
  return tonumber(kib)
end

describe("a publisher", function()
  local loop, context
  before_each(function() loop, context = support.open() end)
  after_each(function() support.close() end)

  it("with a subscriber that reads nothing serves the others, in flat memory", function()
    local count, window, live = 100000, 500, 3
    local publisher = eddy.stream(context:socket(zmq.XPUB, { linger = 0, sndhwm = 1000,
      xpub_verbose = 1, bind = "tcp://127.0.0.1:*" }), loop)
    local endpoint = publisher.socket.last_endpoint
    context:socket(zmq.SUB, { linger = 0, subscribe = "", rcvhwm = 10, connect = endpoint })

    local heard, done, sent = {}, 0, 0
    local body, before = ("x"):rep(100), rss_kib()
    -- A window of messages is sent when all that are live have had the last one.
    local function send_window()
      for _ = 1, window do
        sent = sent + 1
        assert(publisher:send_multipart { tostring(sent), body })
      end
    end
    for i = 1, live do
      heard[i] = 0
      local socket = context:socket(zmq.SUB, { linger = 0, subscribe = "", connect = endpoint })
      eddy.stream(socket, loop):on_recv(function(msg)
        heard[i] = heard[i] + 1
        assert.equal(tostring(heard[i]), msg[1])
        if heard[i] < sent then return end
        done = done + 1
        if done < live then return end
        done = 0
        if sent == count then return loop:stop() end
        send_window()
      end)
    end
    local subscribed = 0
    publisher:on_recv(function()
      subscribed = subscribed + 1
      if subscribed == live + 1 then send_window() end
    end)
    support.run(loop, 60000)
    assert.same({ count, count, count }, heard)
    if not os.getenv "ASAN_OPTIONS" then assert.is_true(rss_kib() - before < MOST_KIB) end
  end)
end)

describe("a client whose server loses requests", function()
  it("hears of each once, as a reply or a timeout, and goes on", function()
    local loop = support.open()
    local context = green.context()
    local server = context:socket(zmq.ROUTER, { linger = 0, bind = support.inproc() })
    local client = context:socket(zmq.REQ, { linger = 0, req_relaxed = 1, req_correlate = 1,
      connect = server.last_endpoint })
    loop:spawn(function()
      local late
      for i = 1, math.huge do
        local request = server:recv_multipart()
        if not request then return end
        if i % 3 == 0 then
          late = request -- answered when nobody waits for it any more
        else
          server:send_multipart(request)
          if late then server:send_multipart(late) end
          late = nil
        end
      end
    end)
    local replies, timeouts = 0, 0
    loop:run_sync(function()
      client.rcvtimeo = 20
      for i = 1, 60 do
        client:send("request " .. i)
        local reply, err = client:recv()
        if reply then
          assert.equal("request " .. i, reply)
          replies = replies + 1
        else
          assert.equal("EAGAIN", err.name)
          timeouts = timeouts + 1
        end
      end
    end, 30000)
    assert.equal(60, replies + timeouts)
    assert.is_true(replies >= 30 and timeouts >= 20)
    server:close()
    context:destroy(0)
    support.take_log()
    support.close()
  end)
end)
