-- Peers that take nothing: nothing is lost, and nothing spins.
local eddy = require "eddy"
local full = require "spec.support.full"
local zmq = require "eddy.zmq"
local support = require "spec.lua.support"
local zmtp = require "spec.zmtp.peer"

-- A socket that refuses is tried 20 times a second, after the first few, in two turns each.
local SETTLE_MS, IDLE_MS = 200, full.size(500, 10000)
local TURNS, CPU_SHARE = 50 * IDLE_MS / 1000, full.size(0.25, 0.02)

describe("a loop whose peers take nothing", function()
  local loop, context
  support.each(function(...) loop, context = ... end)

  -- Runs the loop for a while, in which it has next to nothing to do.
  local function idle(what)
    loop:call_later(SETTLE_MS, function() loop:stop() end)
    support.run(loop)
    local turns, cpu = loop:stats().turns, os.clock()
    loop:call_later(IDLE_MS, function() loop:stop() end)
    support.run(loop, IDLE_MS * 10)
    turns, cpu = loop:stats().turns - turns, os.clock() - cpu
    full.figure("a queue is full", "%s: %.1f turns/s, %.2f %% of a CPU", what,
      turns / IDLE_MS * 1000, cpu / IDLE_MS * 1e5)
    assert.message(what .. " turned " .. turns .. " times").is_true(turns <= TURNS)
    assert.message(what .. " took " .. cpu .. " s").is_true(cpu < CPU_SHARE * IDLE_MS / 1000)
  end

  local function fill(stream, prefix)
    for i = 1, 200 do
      local parts = { ("x"):rep(1000), tostring(i) }
      if prefix then table.insert(parts, 1, prefix) end
      stream:send_multipart(parts)
    end
    assert.is_true(stream:stats().queued > 0)
  end

  it("sleeps while a queue is full, and then sends all in order", function()
    local pull, endpoint = support.lonely(zmq.PULL)
    local push = context:socket(zmq.PUSH, { sndhwm = 2, linger = 0, connect = endpoint })
    local stream = eddy.stream(push, loop)
    for i = 1, 2000 do stream:send(tostring(i)) end
    assert.is_true(stream:stats().queued > 0)
    idle "a full PUSH"
    local got = 0
    eddy.stream(pull, loop):on_recv(function(msg)
      got = got + 1
      assert.equal(tostring(got), msg[1])
      if got == 2000 then loop:stop() end
    end)
    support.run(loop)
    assert.equal(2000, got)
  end)

  it("sleeps while a stream is paused, with messages in it and in the socket", function()
    local push, pull = support.streams(zmq.PUSH, zmq.PULL)
    pull:on_recv(function() pull:stop_on_recv() end)
    for i = 1, 500 do push:send(tostring(i)) end
    idle "a paused PULL"
  end)

  it("sleeps beside an XPUB that drops nothing, whose subscriber does not read", function()
    local xpub = context:socket(zmq.XPUB, { linger = 0, sndhwm = 2 })
    xpub.xpub_nodrop = 1
    xpub:bind(support.inproc())
    local sub = context:socket(zmq.SUB, { linger = 0, rcvhwm = 2, subscribe = "" })
    sub:connect(xpub.last_endpoint)
    assert.is_true(xpub:poll(5000) ~= 0)
    xpub:recv_multipart()
    local stream = eddy.stream(xpub, loop)
    fill(stream)
    idle "an XPUB"
    stream:close()
    assert.matches("not sent", support.take_log())
    local _, messages = support.receive_all(sub)
    assert.is_true(#messages >= 2)
  end)

  it("sleeps beside a ROUTER whose one peer does not read, and serves the others", function()
    local router = context:socket(zmq.ROUTER, { linger = 0, sndhwm = 2 })
    router.router_mandatory = 1
    router:bind(support.inproc())
    local dealer = context:socket(zmq.DEALER, { linger = 0, rcvhwm = 2, routing_id = "slow" })
    dealer:connect(router.last_endpoint)
    dealer:send("hello")
    assert.is_true(router:poll(5000) ~= 0)
    router:recv_multipart()
    local stream = eddy.stream(router, loop)
    local live = context:socket(zmq.DEALER, { linger = 0, routing_id = "live" })
    live:connect(router.last_endpoint)
    live:send("hello")
    assert.is_true(router:poll(5000) ~= 0)
    router:recv_multipart()
    fill(stream, "slow")
    idle "a ROUTER"
    stream:send_multipart { "live", "x" }
    assert.equal("x", live:recv())
    stream:close()
    assert.matches("not sent", support.take_log())
  end)

  it("sleeps while a peer of tcp is stopped, and loses nothing to it", function()
    local pusher = context:socket(zmq.PUSH, { linger = 0, sndhwm = 10 })
    pusher:bind("tcp://127.0.0.1:*")
    local stream = eddy.stream(pusher, loop)
    local peer = zmtp.connect(tonumber(pusher.last_endpoint:match("(%d+)$")))
    peer:open("PULL")
    local body = ("z"):rep(100000)
    for i = 1, 300 do stream:send(i .. body) end
    idle "a PUSH by tcp"
    assert.is_true(stream:stats().queued > 0)
    -- It goes on.
    local bytes, expected = 0, 0
    for i = 1, 300 do expected = expected + #zmtp.frame(i .. body) end
    local reader = loop:call_every(1, function()
      local more = bytes < expected and peer:receive(1e6, true)
      bytes = bytes + (more and #more or 0)
      if bytes >= expected then loop:stop() end
    end)
    support.run(loop, 20000)
    reader:cancel()
    assert.equal(expected, bytes)
    peer:leave()
  end)

  it("tells of every message to nobody, when a ROUTER has to", function()
    local router = context:socket(zmq.ROUTER, { linger = 0 })
    router.router_mandatory = 1
    router:bind(support.inproc())
    local stream, refused = eddy.stream(router, loop), 0
    stream:on_err(function(err)
      assert.equal("EHOSTUNREACH", err.name)
      refused = refused + 1
    end)
    for i = 1, 100000 do
      stream:send_multipart { "nobody-" .. math.random(1e6), tostring(i) }
      if i % 1000 == 0 then support.turns(loop, 1) end
    end
    support.turns(loop, 2)
    assert.equal(100000, refused)
    full.figure("a ROUTER sends to nobody", "told %d of 100000 times", refused)
  end)
end)
