local zmq = require "eddy.zmq"
local support = require "spec.lua.support"

describe("eddy.zmq", function()
  local context
  support.each(function(...) context = select(2, ...) end)

  it("has libzmq's constants and errors by name", function()
    assert.same({ 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 }, { zmq.PAIR, zmq.PUB, zmq.SUB, zmq.REQ,
      zmq.REP, zmq.DEALER, zmq.ROUTER, zmq.PULL, zmq.PUSH, zmq.XPUB, zmq.XSUB, zmq.STREAM })
    assert.same({ 1, 2, 4 }, { zmq.POLLIN, zmq.POLLOUT, zmq.POLLERR })
    assert.same({ 1, 2, 17, 27 }, { zmq.DONTWAIT, zmq.SNDMORE, zmq.LINGER, zmq.RCVTIMEO })
    assert.equal(11, zmq.EAGAIN)
    assert.equal("Address already in use", zmq.strerror(zmq.EADDRINUSE))
    assert.is_nil(zmq.NO_SUCH_CONSTANT)
  end)

  it("knows its version, and what it was built with", function()
    assert.matches("^%d+%.%d+%.%d+$", zmq.version())
    assert.matches("^%d+%.%d+%.%d+$", require("eddy").version)
    assert.is_true(zmq.has("ipc"))
    assert.is_true(zmq.has("IPC"))
    assert.is_false(zmq.has("no such thing"))
    assert.is_boolean(zmq.has("curve"))
  end)

  it("lists its options", function()
    local names = {}
    for _, name in ipairs(zmq.option_names()) do names[name] = true end
    assert.is_true(names.linger and names.routing_id and names.maxmsgsize and names.last_endpoint)
  end)

  it("has one instance, and a new one after its end", function()
    local text, status = support.script [[
      local zmq = require "eddy.zmq"
      local first = zmq.instance()
      assert(first == zmq.instance() and not first.closed)
      first:term()
      assert(first.closed and zmq.instance() ~= first and not zmq.instance().closed)
      zmq.instance():destroy(0)
      local third = zmq.instance():socket(zmq.PULL)
      third:bind("inproc://x")
      print "fine"
    ]]
    assert.equal("fine\n", text)
    assert.equal(0, status)
  end)

  it("tells sockets from the rest", function()
    assert.is_true(zmq.is_socket(context:socket(zmq.PULL)))
    for _, other in ipairs { 1, "x", {}, context } do assert.is_false(zmq.is_socket(other)) end
    assert.is_false(zmq.is_socket(nil))
  end)

  describe("contexts", function()
    it("share one libzmq context: inproc joins their sockets", function()
      local other, endpoint = zmq.context(), support.inproc()
      local a = context:socket(zmq.PULL, { bind = endpoint })
      local b = other:socket(zmq.PUSH, { connect = endpoint })
      local c = zmq.instance():socket(zmq.PUSH, { connect = endpoint })
      b:send("x")
      assert.equal("x", a:recv())
      c:send("y")
      assert.equal("y", a:recv())
      c:close(0)
      other:destroy(0)
    end)

    it("end alone: the sockets of the others go on", function()
      local other, endpoint = zmq.context(), support.inproc()
      local a = context:socket(zmq.PULL, { bind = endpoint })
      other:socket(zmq.PUSH)
      other:destroy(0)
      context:socket(zmq.PUSH, { connect = endpoint, linger = 0 }):send("x")
      assert.equal("x", a:recv())
    end)

    it("have a libzmq context of their own when asked", function()
      local own, endpoint = zmq.context { io_threads = 2 }, support.inproc()
      assert.equal(2, own:get("io_threads"))
      context:socket(zmq.PULL, { bind = endpoint })
      own:socket(zmq.PULL, { bind = endpoint })
      own:destroy(0)
    end)

    it("refuse a number of threads that is none", function()
      local ok, err = pcall(zmq.context, { io_threads = -1 })
      assert.is_false(ok)
      assert.equal("EINVAL", err.name)
    end)

    it("refuse settings that they do not have", function()
      assert.error_matches(function() zmq.context { io_thread = 2 } end, "context: .*'io_thread'")
      assert.error_matches(function() zmq.context(2) end, "context: expected a table, got number")
    end)

    it("have options, as attributes and by get and set", function()
      local own = zmq.context { io_threads = 1 }
      assert.equal(1, own.io_threads)
      own.max_sockets = 17
      assert.equal(17, own.max_sockets)
      own:set("max_sockets", 18)
      assert.equal(18, own:get(zmq.MAX_SOCKETS))
      own:set(zmq.IPV6, 1)
      assert.equal(1, own.ipv6)
      assert.is_true(own.socket_limit > 0)
      assert.error_matches(function() return own.no_such end, "no_such")
      assert.error_matches(function() own.no_such = 1 end, "no_such")
      assert.error_matches(function() own:get("no_such") end, "no_such")
      assert.error(function() own.max_sockets = "x" end)
      local ok, err = pcall(own.set, own, "max_sockets", -5)
      assert.is_false(ok)
      assert.equal("EINVAL", err.name)
      own:term()
    end)

    it("may have as many sockets as there may be descriptors, unless told otherwise", function()
      local text, status = support.script(
        "print(require('eddy.zmq').context { io_threads = 1 }.max_sockets)",
        ("sh -c 'ulimit -n 300; exec \"$0\" \"$@\"' '%s'"):format(EDDY_HOST))
      assert.same({ "300\n", 0 }, { text, status })
    end)

    it("print as what they are", function()
      assert.equal("context (0 sockets)", tostring(context))
      context:socket(zmq.PULL)
      assert.matches("1 socket", tostring(context))
      local own = zmq.context()
      own:term()
      assert.matches("closed", tostring(own))
    end)

    it("terminate, and are closed, also when done again", function()
      local own = zmq.context()
      assert.is_false(own.closed)
      own:term()
      own:term()
      own:destroy()
      assert.is_true(own.closed)
      local ok, err = pcall(own.socket, own, zmq.PULL)
      assert.is_false(ok)
      assert.equal("ENOTSUP", err.name)
      ok, err = pcall(own.get, own, "io_threads")
      assert.is_false(ok)
      assert.is_table(err)
    end)

    it("refuse to terminate under open sockets, and say how many", function()
      local own = zmq.context()
      local first = own:socket(zmq.PULL)
      own:socket(zmq.PULL)
      local ok, err = pcall(own.term, own)
      assert.is_false(ok)
      assert.equal("EBUSY", err.name)
      assert.matches("2 sockets", tostring(err))
      assert.is_false(own.closed)
      assert.is_false(first.closed)
      own:destroy(0)
      assert.is_true(first.closed)
    end)

    it("are destroyed with their sockets, whoever still knows those", function()
      local own, sockets = zmq.context { io_threads = 1 }, {}
      for i = 1, 65 do
        sockets[i] = own:socket(zmq.DEALER, { connect = "tcp://127.0.0.1:9" })
        sockets[i]:send("x", zmq.DONTWAIT)
        if i % 2 == 0 then sockets[i]:close(0) end
        if i % 3 == 0 then sockets[i] = false end
      end
      collectgarbage()
      collectgarbage()
      own:destroy(0)
      for i = 1, 65 do assert.is_true(not sockets[i] or sockets[i].closed) end
      zmq.context():destroy()
    end)

    it("make and close many sockets", function()
      for _ = 1, 16 do
        local own, sockets = zmq.context(), {}
        for i = 1, 65 do sockets[i] = own:socket(zmq.REP, { linger = 0 }) end
        for i = 1, 65 do sockets[i]:close() end
        own:term()
      end
    end)

    it("keep what is sent before they end, for as long as it lingers", function()
      local socket = context:socket(zmq.PULL)
      local port = socket:bind_to_random_port("tcp://127.0.0.1")
      local own = zmq.context { io_threads = 1 }
      local push = own:socket(zmq.PUSH, { connect = "tcp://127.0.0.1:" .. port })
      for i = 1, 100 do push:send(tostring(i)) end
      push:close(5000)
      own:term()
      for i = 1, 100 do assert.equal(tostring(i), socket:recv()) end
    end)

    it("make sockets with options, subscriptions and endpoints", function()
      local endpoint = support.inproc()
      local other = support.inproc()
      local sub = context:socket(zmq.SUB, { linger = 0, rcvhwm = 7, subscribe = { "a", "b" },
        bind = { endpoint, other } })
      assert.same({ 0, 7, other }, { sub.linger, sub.rcvhwm, sub.last_endpoint })
      local first = context:socket(zmq.PUB, { linger = 0, connect = { endpoint } })
      local second = context:socket(zmq.PUB, { linger = 0, connect = other })
      sub:poll(0) -- its subscriptions go out
      for _, pub in ipairs { first, second } do
        for _, topic in ipairs { "a", "b", "c" } do pub:send(topic) end
      end
      local got = support.receive_all(sub)
      assert.equal(4, select(2, got:gsub("[ab]", "")))
    end)

    it("leave nothing when a socket's settings fail", function()
      for _, settings in ipairs { { bind = "nonsense://x" }, { no_such = 1 }, { linger = "x" } } do
        assert.error(function() context:socket(zmq.PULL, settings) end)
      end
      local ok, err = pcall(context.socket, context, zmq.PULL, { bind = "nonsense://x" })
      assert.is_false(ok)
      assert.matches("nonsense://x", tostring(err), 1, true)
      assert.equal("context (0 sockets)", tostring(context))
    end)

    it("refuse what is no type of socket", function()
      for _, wrong in ipairs { "PULL", {}, true } do
        assert.error_matches(function() context:socket(wrong) end, "socket")
      end
      assert.error(function() context:socket() end)
      local ok, err = pcall(context.socket, context, 999)
      assert.is_false(ok)
      assert.equal("EINVAL", err.name)
    end)
  end)

  describe("options of sockets", function()
    local socket
    before_each(function() socket = context:socket(zmq.DEALER, { linger = 0 }) end)

    it("are numbers, as attributes, by name and by number", function()
      assert.equal(1000, socket.sndhwm)
      socket.sndhwm = 5
      assert.same({ 5, 5, 5, 5 },
        { socket.sndhwm, socket.SNDHWM, socket:get("sndhwm"), socket:get(zmq.SNDHWM) })
      socket:set("SNDHWM", 6)
      socket:set(zmq.LINGER, -1)
      assert.same({ 6, -1, zmq.DEALER }, { socket.sndhwm, socket.linger, socket.type })
      socket.linger = 0
    end)

    it("keep libzmq's defaults", function()
      local fresh = context:socket(zmq.PULL)
      assert.same({ -1, -1, -1, 1000, 0 }, { fresh.linger, fresh.rcvtimeo, fresh.sndtimeo,
        fresh.rcvhwm, fresh.ipv6 })
      fresh:close(0)
    end)

    it("may be 64 bits wide", function()
      assert.equal(-1, socket.maxmsgsize)
      socket.maxmsgsize = 2 ^ 40
      assert.equal(2 ^ 40, socket.maxmsgsize)
      socket.affinity = 3
      assert.equal(3, socket.affinity)
    end)

    it("may be switches", function()
      socket.immediate = true
      assert.equal(1, socket.immediate)
      socket.immediate = false
      assert.equal(0, socket.immediate)
    end)

    it("may be bytes, zeros included", function()
      assert.equal("", socket.routing_id)
      socket.routing_id = "a\0b"
      assert.equal("a\0b", socket.routing_id)
      assert.equal("a\0b", socket.identity)
      socket:set("identity", "x")
      assert.equal("x", socket:get(zmq.ROUTING_ID))
    end)

    it("may be strings", function()
      socket.plain_username = "somebody"
      assert.equal("somebody", socket.plain_username)
      assert.equal("", context:socket(zmq.PULL).last_endpoint)
    end)

    it("are both high-water marks as hwm", function()
      socket.hwm = 3
      assert.same({ 3, 3, 3 }, { socket.sndhwm, socket.rcvhwm, socket.hwm })
    end)

    it("must exist, and be of this kind of socket", function()
      for _, wrong in ipairs { "no_such", "", 99999, {}, true } do
        assert.error_matches(function() socket:get(wrong) end, "option")
        assert.error_matches(function() socket:set(wrong, 1) end, "option")
      end
      assert.error_matches(function() return socket.no_such end, "no_such")
      assert.error_matches(function() socket.no_such = 1 end, "no_such")
      local ok, err = pcall(socket.subscribe, socket, "x")
      assert.is_false(ok)
      assert.equal("EINVAL", err.name)
      assert.matches("SUBSCRIBE", tostring(err))
    end)

    it("must be given what they take", function()
      for _, wrong in ipairs { "5", {}, print } do
        assert.error_matches(function() socket.linger = wrong end, "LINGER.*number")
      end
      assert.error_matches(function() socket.routing_id = 5 end, "ROUTING_ID.*string")
      assert.error_matches(function() socket.linger = nil end, "LINGER.*number")
      for _, wrong in ipairs { 0 / 0, 2 ^ 40, -2 ^ 40 } do
        assert.error(function() socket.sndhwm = wrong end)
      end
      assert.same({ 0, 1000 }, { socket.linger, socket.sndhwm })
    end)

    it("may be for reading alone", function()
      for _, name in ipairs { "events", "fd", "type", "rcvmore", "last_endpoint" } do
        assert.error(function() socket[name] = name == "last_endpoint" and "x" or 1 end)
        assert.is_not_nil(socket[name])
      end
    end)
  end)
end)
