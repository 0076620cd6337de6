local ffi = require "ffi"
local devices = require "eddy.devices"
local support = require "spec.lua.support"
local zmq = require "eddy.zmq"

local C = require("eddy.base.libeddy").C
local TCP = "tcp://127.0.0.1"

describe("eddy.devices", function()
  local context, made

  before_each(function()
    made = {}
    local _
    _, context = support.open()
  end)

  after_each(function()
    for _, device in ipairs(made) do
      device:stop()
      if tostring(device):find "ing" then assert(device:join(5000)) end
    end
    support.close()
  end)

  local function new(kind, ...)
    local device = devices[kind](...)
    made[#made + 1] = device
    return device
  end

  local function peer(type, port_or_endpoint, settings)
    local endpoint = type and port_or_endpoint
    if tonumber(endpoint) then endpoint = TCP .. ":" .. endpoint end
    local socket = context:socket(type, settings)
    socket.linger, socket.rcvtimeo = 0, 5000
    socket:connect(endpoint)
    return socket
  end

  -- A started device of this kind whose sockets are bound by inproc, and peers of these types.
  local function served(device, ...)
    local peers, sides = {}, { "in", "out", "mon", "ctrl" }
    local endpoints = {}
    for i = 1, select("#", ...) do
      endpoints[i] = support.inproc()
      device["bind_" .. sides[i]](device, endpoints[i])
    end
    device:start()
    for i, type in ipairs { ... } do peers[i] = peer(type, endpoints[i]) end
    return unpack(peers)
  end

  it("a streamer carries messages, and is stopped and joined", function()
    local device = new("device", zmq.STREAMER, zmq.PULL, zmq.PUSH)
    local push, pull = served(device, zmq.PUSH, zmq.PULL)
    for i = 1, 3 do push:send_multipart { "task", tostring(i) } end
    for i = 1, 3 do assert.same({ "task", tostring(i) }, pull:recv_multipart()) end
    local ended, err = device:join(5)
    assert.is_nil(ended)
    assert.equal("ETIMEDOUT", err.name)
    assert.is_false(device:done())
    assert.is_nil(device:reason())
    assert.equal("device (running)", tostring(device))
    device:stop()
    assert.is_true(device:join(5000))
    assert.is_true(device:done())
    assert.equal("stopped", device:reason())
    assert.is_nil(device:error())
    assert.equal("device (ended)", tostring(device))
  end)

  it("a forwarder carries topics to those who subscribed", function()
    local device = new("device", zmq.FORWARDER, zmq.XSUB, zmq.XPUB)
    local pub, sub = served(device, zmq.XPUB, zmq.SUB)
    sub:subscribe("b")
    assert.equal("\1b", pub:recv())
    pub:send("a1")
    pub:send("b2")
    assert.equal("b2", sub:recv())
  end)

  it("a queue carries questions and answers", function()
    local device = new("device", zmq.QUEUE, zmq.ROUTER, zmq.DEALER)
    local req, rep = served(device, zmq.REQ, zmq.REP)
    for i = 1, 3 do
      req:send("q" .. i)
      assert.equal("q" .. i, rep:recv())
      rep:send("a" .. i)
      assert.equal("a" .. i, req:recv())
    end
    local stats = device:stats()
    assert.equal(3, stats.in_received)
    assert.equal(0, stats.dropped)
    assert.is_false(stats.paused)
  end)

  it("remembers what it was made of", function()
    local device = new("device", zmq.FORWARDER, zmq.SUB, -1)
    assert.same({ zmq.FORWARDER, zmq.SUB, -1, true },
      { device.device_type, device.in_type, device.out_type, device.daemon })
    device = new("steerable", zmq.PULL, zmq.PUSH)
    assert.same({ zmq.PUB, zmq.PAIR }, { device.mon_type, device.ctrl_type })
    assert.is_nil(new("proxy", zmq.PULL, zmq.PUSH, false).mon_type)
  end)

  it("echoes through one socket when the out type is -1", function()
    local device = new("device", zmq.QUEUE, zmq.REP, -1)
    local port = device:bind_in_to_random_port(TCP)
    device:setsockopt_out("linger", 0)
    device:start()
    local req = peer(zmq.REQ, port)
    for i = 1, 3 do
      req:send(tostring(i))
      assert.equal(tostring(i), req:recv())
    end
  end)

  it("binds to random ports within limits, of which nobody else gets one", function()
    local device = new("steerable", zmq.PULL, zmq.PUSH, zmq.PUSH, zmq.PAIR)
    local seen = {}
    for _, side in ipairs { "in", "out", "mon", "ctrl" } do
      local port = device["bind_" .. side .. "_to_random_port"](device, TCP, 20000, 30000)
      assert.is_true(port >= 20000 and port <= 30000)
      assert.is_nil(seen[port])
      seen[port] = side
      local other = context:socket(zmq.PULL)
      local ok, err = pcall(other.bind, other, TCP .. ":" .. port)
      assert.is_false(ok)
      assert.equal("EADDRINUSE", err.name)
    end
    local other = context:socket(zmq.PULL)
    local port = other:bind_to_random_port(TCP)
    local ok, err = pcall(device.bind_in_to_random_port, device, TCP, port, port, 3)
    assert.is_false(ok)
    assert.equal("EADDRINUSE", err.name)
  end)

  it("shows a proxy's monitor what goes through", function()
    local device = new("proxy", zmq.PULL, zmq.PUSH, zmq.PUSH)
    local push, pull, mon = served(device, zmq.PUSH, zmq.PULL, zmq.PULL)
    push:send_multipart { "a", "b" }
    assert.same({ "a", "b" }, pull:recv_multipart())
    assert.same({ "a", "b" }, mon:recv_multipart())
  end)

  it("can be stopped while its monitor takes nothing", function()
    local device = new("proxy", zmq.PULL, zmq.PUSH, zmq.PUSH)
    local push = served(device, zmq.PUSH, zmq.PULL)
    push:send("x")
    device:stop()
    assert.is_true(device:join(5000))
  end)

  it("obeys its control socket", function()
    local device = new("steerable", zmq.PULL, zmq.PUSH, zmq.PUB, zmq.REP)
    local push, pull, _, control = served(device, zmq.PUSH, zmq.PULL, zmq.SUB, zmq.REQ)
    local function order(command)
      control:send(command)
      return control:recv_multipart()
    end
    assert.same({ "" }, order "PAUSE")
    push:send_multipart { "abc", "de" }
    assert.is_true(device:stats().paused)
    assert.equal(0, pull:poll(20))
    assert.matches("^ERROR unknown command 'FLY'", order("FLY")[1])
    assert.same({ "" }, order "RESUME")
    assert.same({ "abc", "de" }, pull:recv_multipart())
    local counts = {}
    for i, frame in ipairs(order "STATISTICS") do
      counts[i] = tonumber(ffi.cast("const uint64_t *", frame)[0])
    end
    assert.same({ 1, 5, 0, 0, 0, 0, 1, 5 }, counts)
    assert.same({ "" }, order "TERMINATE")
    assert.is_true(device:join(5000))
    assert.equal("told to TERMINATE", device:reason())
    assert.is_nil(device:error())
  end)

  it("can be paused and resumed from Lua", function()
    local device = new("device", zmq.STREAMER, zmq.PULL, zmq.PUSH)
    local push, pull = served(device, zmq.PUSH, zmq.PULL)
    device:pause()
    push:send("x")
    assert.equal(0, pull:poll(20))
    device:resume()
    assert.equal("x", pull:recv())
  end)

  it("puts prefixes before what a monitored queue's monitor gets", function()
    for _, prefixes in ipairs { {}, { "<", "\0>" } } do
      local device = new("monitored_queue", zmq.PAIR, zmq.PAIR, zmq.PUSH, unpack(prefixes))
      local alice, bob, mon = served(device, zmq.PAIR, zmq.PAIR, zmq.PULL)
      for i = 1, 3 do
        alice:send_multipart { "hello", tostring(i) }
        assert.same({ "hello", tostring(i) }, bob:recv_multipart())
        assert.same({ prefixes[1] or "in", "hello", tostring(i) }, mon:recv_multipart())
      end
      bob:send("back")
      assert.equal("back", alice:recv())
      assert.same({ prefixes[2] or "out", "back" }, mon:recv_multipart())
    end
  end)

  it("lets sender and receiver change places between ROUTER and ROUTER", function()
    local device = new("monitored_queue", zmq.ROUTER, zmq.ROUTER, zmq.PUSH)
    local front, back, mon = support.inproc(), support.inproc(), support.inproc()
    device:bind_in(front)
    device:bind_out(back)
    device:bind_mon(mon)
    device:start()
    local watcher = peer(zmq.PULL, mon)
    local alice = peer(zmq.DEALER, front, { routing_id = "alice" })
    local bob = peer(zmq.DEALER, back, { routing_id = "bob" })
    -- A ROUTER knows a peer when it has looked at its connections; until then it drops.
    local got
    bob.rcvtimeo = 20
    repeat
      alice:send_multipart { "bob", "hi" }
      got = bob:recv_multipart()
      assert.same({ "in", "bob", "alice", "hi" }, watcher:recv_multipart())
    until got
    assert.same({ "alice", "hi" }, got)
    bob:send_multipart { "alice", "yo" }
    assert.same({ "bob", "yo" }, alice:recv_multipart())
    assert.same({ "out", "alice", "bob", "yo" }, watcher:recv_multipart())
  end)

  it("sets options, then binds, then connects, whatever the order of the calls", function()
    local endpoint = support.inproc()
    local device = new("device", zmq.STREAMER, zmq.DEALER, zmq.DEALER)
    local router = context:socket(zmq.ROUTER, { linger = 0, rcvtimeo = 5000 })
    router:bind(endpoint)
    device:connect_out(endpoint)
    device:setsockopt_out("routing_id", "me")
    device:setsockopt_in("hwm", 5)
    local port = device:bind_in_to_random_port(TCP)
    device:start()
    peer(zmq.DEALER, port):send("x")
    assert.same({ "me", "x" }, router:recv_multipart())
  end)

  it("raises from start what cannot be bound, and can be started again", function()
    local other = context:socket(zmq.PULL)
    local port = other:bind_to_random_port(TCP)
    local device = new("device", zmq.STREAMER, zmq.PULL, zmq.PUSH)
    local in_port = device:bind_in_to_random_port(TCP)
    device:bind_out(TCP .. ":" .. port)
    local ok, err = pcall(device.start, device)
    assert.is_false(ok)
    assert.equal("EADDRINUSE", err.name)
    assert.matches("bind " .. TCP .. ":" .. port, err.message, 1, true)
    other:close(0)
    local deadline, started = C.eddy_time() + 5000
    repeat started = pcall(device.start, device) until started or C.eddy_time() > deadline
    assert.is_true(started)
    local push, pull = peer(zmq.PUSH, in_port), peer(zmq.PULL, port)
    push:send("x")
    assert.equal("x", pull:recv())
  end)

  it("raises a script's mistakes at the call", function()
    local device = new("device", zmq.QUEUE, zmq.ROUTER, zmq.DEALER)
    local function refused(text, fn, ...)
      local ok, err = pcall(fn, ...)
      assert.is_false(ok)
      assert.matches(text, tostring(err), 1, true)
    end
    refused("device: expected a kind", devices.device, nil, zmq.PULL, zmq.PUSH)
    refused("device: expected a kind such as zmq.QUEUE, got 99", devices.device, 99, zmq.PULL,
      zmq.PUSH)
    refused("device: out_type: expected a type such as", devices.device, zmq.QUEUE, zmq.PULL)
    refused("device: in_type: expected a type such as", devices.device, zmq.QUEUE, "PULL", 1)
    refused("proxy: out_type: expected", devices.proxy, zmq.PULL, -1)
    refused("proxy: mon_type: expected", devices.proxy, zmq.PULL, zmq.PUSH, "PUB")
    refused("in_prefix: expected a string, got number", devices.monitored_queue, zmq.PAIR, zmq.PAIR,
      zmq.PUB, 1)
    refused("bind_mon: the device has no such socket", device.bind_mon, device, "inproc://x")
    refused("bind_in: expected an endpoint", device.bind_in, device, 5)
    refused("bind_in_to_random_port: expected an endpoint", device.bind_in_to_random_port, device)
    refused("no such option", device.setsockopt_in, device, "lingers", 0)
    refused("expected a number", device.setsockopt_in, device, "linger", "0")
    refused("not started", device.join, device, 1)
    refused("not started", device.stats, device)
    device:start()
    refused("started already", device.start, device)
    refused("started already", device.connect_in, device, "inproc://x")
    refused("join: expected a number", device.join, device, "1")
  end)

  it("says which socket cannot do what it is for", function()
    local device = new("proxy", zmq.PULL, zmq.PUSH, zmq.PULL)
    device:bind_mon(TCP .. ":*")
    local ok, err = pcall(device.start, device)
    assert.is_false(ok)
    assert.equal("ENOTSUP", err.name)
    assert.matches("start proxy: PULL socket at " .. TCP, err.message, 1, true)
  end)

  it("drops and counts what a socket refuses, and goes on", function()
    local device = new("device", zmq.QUEUE, zmq.PULL, zmq.ROUTER)
    device:setsockopt_out("router_mandatory", true)
    local push, other = served(device, zmq.PUSH, zmq.DEALER)
    push:send_multipart { "no such peer", "x" }
    local deadline = C.eddy_time() + 5000
    repeat until device:stats().dropped == 1 or C.eddy_time() > deadline
    assert.equal(1, device:stats().dropped)
    assert.is_false(device:done())
    assert.equal(0, other:poll(0))
  end)

  it("ends in order when the context is terminated", function()
    local device = new("device", zmq.STREAMER, zmq.PULL, zmq.PUSH)
    device:start()
    zmq.instance():destroy(0)
    assert.is_true(device:done())
    assert.is_nil(device:error())
    assert.equal("the context was terminated", device:reason())
  end)

  local serving = [[
    local devices, zmq = require "eddy.devices", require "eddy.zmq"
    do
      local device = devices.proxy(zmq.PULL, zmq.PUSH, zmq.PUSH)
      device:bind_in("inproc://in")
      device:start()
    end
    collectgarbage()
    local device = devices.device(zmq.QUEUE, zmq.ROUTER, zmq.DEALER)
    device:bind_in("tcp://127.0.0.1:*")
    device:start()
    local push = zmq.instance():socket(zmq.PUSH, { linger = 0, connect = "inproc://in" })
    push:send("nobody takes it")
  ]]

  it("ends with the program, whatever way that ends", function()
    for code, exit in pairs { [0] = "", [3] = "os.exit(3)", [1] = "error('boom')" } do
      local start = C.eddy_time()
      assert.equal(code, select(2, support.script(serving .. exit)))
      assert.is_true(C.eddy_time() - start < 4000)
    end
  end)

  it("ends in order when a signal comes while it is waited for", function()
    for _, signal in ipairs { "INT", "TERM" } do
      local out, code = support.script(serving .. support.interrupt_soon(signal) ..
        "print(device:join()) print(device:reason(), device:error())")
      assert.equal("true\ninterrupted by a signal\tnil\n", out)
      assert.equal(0, code)
    end
  end)

  it("runs on when nobody holds it", function()
    local front, back = support.inproc(), support.inproc()
    do
      local device = devices.device(zmq.STREAMER, zmq.PULL, zmq.PUSH)
      device:bind_in(front)
      device:bind_out(back)
      device:start()
    end
    collectgarbage()
    collectgarbage()
    local push, pull = peer(zmq.PUSH, front), peer(zmq.PULL, back)
    push:send("x")
    assert.equal("x", pull:recv())
    zmq.instance():destroy(0)
  end)
end)
