local zmq = require "eddy.zmq"
local support = require "spec.lua.support"

describe("a plain socket", function()
  local context
  support.each(function(...) context = select(2, ...) end)

  local function fails(name, fn, ...)
    local ok, err = pcall(fn, ...)
    assert.is_false(ok)
    assert.is_table(err)
    assert.equal(name, err.name)
    assert.equal(zmq[name], err.code)
    return tostring(err)
  end

  describe("sends and receives", function()
    it("single frames, empty ones and binary zeros included", function()
      local a, b = support.pair(zmq.PAIR, zmq.PAIR)
      for length = 0, 40 do
        assert.is_true(a:send(("\0x"):rep(length)))
        assert.is_true(b:send(("y"):rep(length)))
      end
      for length = 0, 40 do
        assert.equal(("\0x"):rep(length), b:recv())
        assert.equal(("y"):rep(length), a:recv())
      end
    end)

    it("messages of several frames, which are lists, also of one", function()
      local a, b = support.pair(zmq.PAIR, zmq.PAIR)
      for _, parts in ipairs { { "a", "", "c" }, { "alone" }, { "" }, { "", "" }, { "\0", "" } } do
        assert.is_true(a:send_multipart(parts))
        assert.same(parts, b:recv_multipart())
      end
    end)

    it("frame by frame, and rcvmore tells of more", function()
      local router, dealer = support.pair(zmq.ROUTER, zmq.DEALER)
      dealer.routing_id = "somebody"
      dealer:connect(router.last_endpoint)
      dealer:send("a", zmq.SNDMORE)
      dealer:send("b")
      assert.equal(5, #router:recv())
      assert.is_true(router.rcvmore)
      assert.equal("a", router:recv())
      assert.is_true(router.rcvmore)
      assert.equal("b", router:recv())
      assert.is_false(router.rcvmore)
      assert.equal(0, router:get(zmq.RCVMORE))
    end)

    it("the rest of a message whose first frame was taken", function()
      local a, b = support.pair(zmq.PAIR, zmq.PAIR)
      a:send_multipart { "1", "2", "3" }
      a:send("next")
      assert.equal("1", b:recv())
      assert.same({ "2", "3" }, b:recv_multipart())
      assert.same({ "next" }, b:recv_multipart())
    end)

    it("more frames than Lua's stack has room for, and 10 MB", function()
      local a, b = support.pair(zmq.PUSH, zmq.PULL, "tcp")
      local frames = {}
      for i = 1, 20000 do frames[i] = tostring(i) end
      a:send_multipart(frames)
      assert.same(frames, b:recv_multipart())
      local large = ("\0123456789abcdef"):rep(10 * 2 ^ 16)
      a:send_multipart { large, "", large }
      local got = b:recv_multipart()
      assert.is_true(got[1] == large and got[2] == "" and got[3] == large and #got == 3)
    end)

    it("requests and replies, and says when it is not their turn", function()
      local server, client = support.pair(zmq.REP, zmq.REQ)
      for i = 1, 10 do
        client:send(tostring(i))
        fails("EFSM", client.send, client, "x")
        assert.equal(tostring(i), server:recv())
        server:send_multipart { "re", tostring(i) }
        assert.same({ "re", tostring(i) }, client:recv_multipart())
      end
      local text = fails("EFSM", client.recv, client)
      assert.matches("recv", text)
      fails("EFSM", server.send, server, "x")
    end)

    it("what it subscribed to, as long as it did", function()
      local sub, pub = support.pair(zmq.SUB, zmq.PUB)
      sub:subscribe("a")
      sub.subscribe = "b"
      sub:poll(0)
      for _, topic in ipairs { "a1", "b1", "c1" } do pub:send(topic) end
      assert.equal("a1 b1", (support.receive_all(sub)))
      sub:unsubscribe("a")
      sub:subscribe("")
      sub.unsubscribe = "b"
      sub:set("unsubscribe", "")
      pub:send("a2")
      assert.is_nil((sub:recv(zmq.DONTWAIT)))
    end)
  end)

  describe("does not wait", function()
    it("with DONTWAIT: nil and an EAGAIN error", function()
      local pull, push = context:socket(zmq.PULL), context:socket(zmq.PUSH, { linger = 0 })
      for _, call in ipairs {
        function() return pull:recv(zmq.DONTWAIT) end,
        function() return pull:recv_multipart(zmq.DONTWAIT) end,
        function() return push:send("x", zmq.DONTWAIT) end,
        function() return push:send_multipart({ "x", "y" }, zmq.DONTWAIT) end,
      } do
        local result, err = call()
        assert.is_nil(result)
        assert.equal("EAGAIN", err.name)
        assert.equal(zmq.EAGAIN, err.code)
      end
    end)

    it("longer than RCVTIMEO and SNDTIMEO, and not shorter", function()
      local now = require("eddy.base.libeddy").C.eddy_time
      local socket = context:socket(zmq.DEALER, { linger = 0, rcvtimeo = 20, sndtimeo = 20 })
      for _, call in ipairs { socket.recv, socket.recv_multipart,
          function() return socket:send("x") end,
          function() return socket:send_multipart { "x", "y" } end } do
        local began = now()
        local result, err = call(socket)
        assert.is_nil(result)
        assert.equal("EAGAIN", err.name)
        assert.is_true(now() - began >= 18)
      end
      assert.same({ 20, 20 }, { socket.rcvtimeo, socket.sndtimeo })
      socket.rcvtimeo = 0
      assert.is_nil((socket:recv()))
    end)

    it("queues nothing of a message that it could not send", function()
      local push, endpoint = support.lonely(zmq.PUSH)
      assert.is_nil((push:send_multipart({ "lost", "x" }, zmq.DONTWAIT)))
      local pull = context:socket(zmq.PULL, { linger = 0, connect = endpoint })
      push:send_multipart { "first", "y" }
      assert.same({ "first", "y" }, pull:recv_multipart())
    end)
  end)

  describe("polls", function()
    it("0 when the time is up, else what can be", function()
      local a, b = support.pair(zmq.PAIR, zmq.PAIR)
      local both = zmq.POLLIN + zmq.POLLOUT
      assert.equal(0, a:poll(0))
      assert.equal(0, a:poll(0.5))
      assert.equal(zmq.POLLOUT, a:poll(1000, both))
      assert.equal(zmq.POLLOUT, a:poll(nil, zmq.POLLOUT))
      b:send("x")
      assert.equal(zmq.POLLIN, a:poll(1000))
      assert.equal(zmq.POLLIN, a:poll(-1))
      assert.equal(both, a:poll(0, both))
      a:recv()
      assert.equal(0, a:poll(0))
    end)

    it("as long as it is told, whatever RCVTIMEO says", function()
      local now = require("eddy.base.libeddy").C.eddy_time
      local socket = context:socket(zmq.PULL, { rcvtimeo = 1 })
      local began = now()
      assert.equal(0, socket:poll(15))
      assert.is_true(now() - began >= 15)
    end)

    it("by the state that a REQ or REP socket is in", function()
      local server, client = support.pair(zmq.REP, zmq.REQ)
      local both = zmq.POLLIN + zmq.POLLOUT
      assert.same({ 0, zmq.POLLOUT }, { server:poll(0, both), client:poll(1000, both) })
      client:send("x")
      assert.same({ zmq.POLLIN, 0 }, { server:poll(1000, both), client:poll(0, both) })
      server:recv()
      assert.equal(zmq.POLLOUT, server:poll(0, both))
      server:send("y")
      assert.equal(zmq.POLLIN, client:poll(1000, both))
    end)
  end)

  describe("binds and connects", function()
    it("and names the endpoint when it fails", function()
      local socket = context:socket(zmq.REP)
      for _, call in ipairs { "bind", "connect", "unbind", "disconnect" } do
        local ok, err = pcall(socket[call], socket, "nonsense://somewhere")
        assert.is_false(ok)
        assert.matches(call .. " nonsense://somewhere", tostring(err), 1, true)
      end
      fails("EPROTONOSUPPORT", socket.bind, socket, "nonsense://x")
      fails("EPROTONOSUPPORT", socket.connect, socket, "nonsense://x")
      fails("EINVAL", socket.bind, socket, "")
      fails("EINVAL", socket.connect, socket, "")
      fails("ENOENT", socket.disconnect, socket, "tcp://127.0.0.1:1")
      local text = fails("ENOENT", socket.bind, socket, "ipc:///nowhere/at/all")
      assert.matches("ipc:///nowhere/at/all", text, 1, true)
      fails("ENAMETOOLONG", socket.bind, socket, "ipc:///tmp/" .. ("x"):rep(200))
    end)

    it("and tells of an address in use", function()
      local first = context:socket(zmq.REP, { bind = "tcp://127.0.0.1:*" })
      local text = fails("EADDRINUSE", first.bind, context:socket(zmq.REP), first.last_endpoint)
      assert.matches(first.last_endpoint, text, 1, true)
      local endpoint = support.inproc()
      first:bind(endpoint)
      fails("EADDRINUSE", first.bind, context:socket(zmq.REP), endpoint)
    end)

    it("but not to what is no endpoint", function()
      local socket = context:socket(zmq.REP)
      for _, name in ipairs { "bind", "connect", "unbind", "disconnect" } do
        for _, wrong in ipairs { 5, {}, true } do
          assert.error_matches(function() socket[name](socket, wrong) end, name .. ".*endpoint")
        end
        assert.error_matches(function() socket[name](socket) end, name .. ".*endpoint")
      end
    end)

    it("and says where", function()
      local socket = context:socket(zmq.PULL)
      local endpoint = socket:bind("tcp://127.0.0.1:*")
      assert.matches("^tcp://127%.0%.0%.1:%d+$", endpoint)
      assert.equal(socket.last_endpoint, endpoint)
      socket:unbind(endpoint)
      assert.equal("inproc://said", socket:bind("inproc://said"))
    end)

    it("for as long as a function runs", function()
      local pull, push = context:socket(zmq.PULL), context:socket(zmq.PUSH, { linger = 0 })
      local bound
      assert.same({ 1, nil, 3, n = 3 }, (function(...) return { n = select("#", ...), ... } end)(
        pull:with_bind("tcp://127.0.0.1:*", function(endpoint, argument)
          bound = endpoint
          assert.equal("argument", argument)
          push:with_connect(endpoint, function() push:send("x") end)
          push:connect(endpoint)
          push:send("y")
          pull:recv()
          return 1, nil, 3
        end, "argument")))
      -- Only what is bound can be unbound, and what is connected disconnected.
      assert.error_matches(function() pull:unbind(bound) end, "ENOENT")
      local ok, err = pcall(pull.with_bind, pull, "tcp://127.0.0.1:*", function(endpoint)
        bound = endpoint
        error({ "mine" })
      end)
      assert.is_false(ok)
      assert.same({ "mine" }, err)
      assert.error_matches(function() pull:unbind(bound) end, "ENOENT")
      assert.has_error(function() push:with_connect(bound, function() error("x", 0) end) end, "x")
      assert.error_matches(function() push:disconnect(bound) end, "ENOENT")
    end)

    it("for a function that ends it, or closes the socket", function()
      local pull = context:socket(zmq.PULL)
      pull:with_bind("tcp://127.0.0.1:*", function(endpoint) pull:unbind(endpoint) end)
      pull:with_bind("tcp://127.0.0.1:*", function() pull:close() end)
      assert.is_true(pull.closed)
      assert.error_matches(function() pull:with_bind("inproc://x", 1) end, "function")
    end)

    it("to a host's name, and unbinds from it", function()
      local server = context:socket(zmq.REP, { linger = 0, bind = "tcp://localhost:*" })
      local port = server.last_endpoint:match("^tcp://127%.0%.0%.1:(%d+)$")
      assert.is_string(port)
      local name = "tcp://localhost:" .. port
      local client = context:socket(zmq.REQ, { linger = 0, connect = name, rcvtimeo = 5000 })
      client:send("x")
      assert.equal("x", server:recv())
      server:send("y")
      assert.equal("y", client:recv())
      server:unbind(name)
      local text = fails("ENOENT", server.unbind, server, name)
      assert.matches(name, text, 1, true)
    end)

    it("not to the name of no host, which it names", function()
      local socket = context:socket(zmq.REP)
      local ok, err = pcall(socket.bind, socket, "tcp://no-such-host.invalid:5555")
      assert.is_false(ok)
      assert.matches("no-such-host.invalid", tostring(err), 1, true)
    end)

    it("not to an IPv6 address without the option ipv6, which it names", function()
      local socket = context:socket(zmq.PULL)
      for _, host in ipairs { "[::1]:5555", "[::]:*", "::1:5555", "127.0.0.1:0;[::1]:5555" } do
        for _, how in ipairs { "bind", "connect" } do
          local ok, err = pcall(socket[how], socket, "tcp://" .. host)
          assert.same({ false, "ENODEV" }, { ok, err.name })
          assert.matches(how .. " tcp://" .. host .. ": an IPv6 address needs the option ipv6",
            err.message, 1, true)
        end
      end
      socket.ipv6 = true
      for _, how in ipairs { "bind", "connect" } do
        local ok, err = pcall(socket[how], socket, "tcp://[::1]:5555")
        assert.is_true(ok or err.name ~= "ENODEV")
      end
    end)

    it("to a random port", function()
      local ports = {}
      for _ = 1, 10 do
        local socket = context:socket(zmq.REP)
        local port = socket:bind_to_random_port("tcp://127.0.0.1")
        assert.is_number(port)
        assert.matches(":" .. port .. "$", socket.last_endpoint)
        assert.is_nil(ports[port])
        ports[port] = true
      end
      local port = context:socket(zmq.REP):bind_to_random_port("tcp://localhost")
      assert.is_number(port)
    end)

    it("to a random port of a range, until that is full", function()
      local first = context:socket(zmq.REP)
      local port = first:bind_to_random_port("tcp://127.0.0.1")
      local text = fails("EADDRINUSE", first.bind_to_random_port, context:socket(zmq.REP),
        "tcp://127.0.0.1", port, port, 3)
      assert.matches("tcp://127.0.0.1", text, 1, true)
      first:close()
      local socket = context:socket(zmq.REP)
      local taken = socket:bind_to_random_port("tcp://127.0.0.1", 20000, 40000)
      assert.is_true(taken >= 20000 and taken <= 40000)
      for _, range in ipairs { { "20000" }, { 3, 2 }, { { 1, 2 } }, { 1, "x" } } do
        assert.error_matches(function()
          socket:bind_to_random_port("tcp://127.0.0.1", unpack(range))
        end, "bind_to_random_port: expected a range of ports, got ")
      end
    end)

    it("to no random port where there is no address", function()
      local socket = context:socket(zmq.REP)
      fails("EPROTONOSUPPORT", socket.bind_to_random_port, socket, "nonsense://x", 1000, 2000)
      fails("EPROTONOSUPPORT", socket.bind_to_random_port, socket, "nonsense://x")
    end)

    it("and ends both", function()
      local server, client = support.pair(zmq.PULL, zmq.PUSH, "tcp")
      client:send("x")
      assert.equal("x", server:recv())
      local endpoint = server.last_endpoint
      client:disconnect(endpoint)
      server:unbind(endpoint)
      local again = context:socket(zmq.PULL)
      local ok
      for _ = 1, 2000 do -- libzmq closes the port in a thread of its own
        ok = pcall(again.bind, again, endpoint)
        if ok then break end
        again:poll(1)
      end
      assert.is_true(ok)
    end)

    it("to a path", function()
      local own, folder = zmq.context { io_threads = 1 }, support.temp_dir()
      local endpoint = "ipc://" .. folder .. "/socket"
      local a = own:socket(zmq.PULL, { linger = 0, bind = endpoint })
      local b = own:socket(zmq.PUSH, { linger = 0, connect = endpoint })
      b:send("x")
      assert.equal("x", a:recv())
      assert.equal("PULL socket at " .. endpoint, tostring(a))
      own:destroy(0)
      os.remove(folder .. "/socket") -- libzmq leaves it
      assert.is_true(os.remove(folder))
    end)
  end)

  describe("is closed", function()
    it("and closed again", function()
      local socket = context:socket(zmq.PULL)
      assert.is_false(socket.closed)
      socket:close()
      socket:close(0)
      assert.is_true(socket.closed)
      assert.equal("PULL socket (closed)", tostring(socket))
    end)

    it("and everything says so", function()
      local socket = context:socket(zmq.SUB)
      socket:close()
      local endpoint = support.inproc()
      local calls = {
        bind = { endpoint }, connect = { endpoint }, unbind = { endpoint },
        disconnect = { endpoint }, send = { "x" }, send_multipart = { { "x" } }, recv = {},
        recv_multipart = {}, subscribe = { "x" }, unsubscribe = { "x" }, get = { "linger" },
        set = { "linger", 0 }, bind_to_random_port = { "tcp://127.0.0.1" },
      }
      for name, args in pairs(calls) do
        local text = fails("ENOTSOCK", socket[name], socket, unpack(args))
        assert.matches("closed", text)
      end
      fails("ENOTSOCK", function() return socket.linger end)
      fails("ENOTSOCK", function() socket.linger = 0 end)
      fails("ENOTSUP", socket.poll, socket, 0)
    end)

    it("and does not linger when told so", function()
      local own = zmq.context { io_threads = 1 }
      local socket = own:socket(zmq.PUSH, { connect = "tcp://127.0.0.1:9" })
      socket:send("never arrives")
      socket:close(0)
      own:term()
    end)
  end)

  it("refuses to send what is no string, and sends nothing", function()
    local a, b = support.pair(zmq.PAIR, zmq.PAIR)
    for _, wrong in ipairs { 5, {}, true, print } do
      assert.error_matches(function() a:send(wrong) end, "send: expected a string")
      assert.error_matches(function() a:send_multipart { "x", wrong } end, "frame 2")
    end
    assert.error_matches(function() a:send() end, "send: expected a string")
    assert.error_matches(function() a:send_multipart {} end, "no frames")
    assert.error_matches(function() a:send_multipart("x") end, "expected a list")
    assert.equal(0, b:poll(0))
  end)

  it("prints as what it is", function()
    local socket = context:socket(zmq.XPUB)
    assert.equal("XPUB socket", tostring(socket))
    socket:bind("tcp://127.0.0.1:*")
    assert.equal("XPUB socket at " .. socket.last_endpoint, tostring(socket))
  end)

  it("refuses what would have libzmq end the process: a routing id twice, a wrong ZAP", function()
    local router = context:socket(zmq.ROUTER, { linger = 0, connect_routing_id = "A" })
    local peer = context:socket(zmq.DEALER, { linger = 0, bind = support.inproc() })
    router:connect(peer.last_endpoint)
    router.connect_routing_id = "A"
    assert.error_matches(function() router:connect("inproc://elsewhere") end,
      "connect inproc://elsewhere: another connection.*EEXIST")
    router.connect_routing_id = "B"
    router:connect("inproc://elsewhere")
    router:send_multipart { "A", "hello" }
    assert.same({ "hello" }, peer:recv_multipart())
    local pull = context:socket(zmq.PULL, { linger = 0 })
    assert.error_matches(function() pull:bind("inproc://zeromq.zap.01") end, "EINVAL")
  end)
end)
