local ffi = require "ffi"
local eddy = require "eddy"
local zmq = require "eddy.zmq"
local support = require "spec.lua.support"

describe("a socket monitor", function()
  local loop, context
  support.each(function(...) loop, context = ... end)

  local function rep() return context:socket(zmq.REP, { linger = 0 }) end

  local function peer(endpoint)
    return context:socket(zmq.REQ, { linger = 0, connect = endpoint })
  end

  -- The next event, waiting for it; fails when none comes.
  local function next_event(reader)
    assert.equal(zmq.POLLIN, reader:poll(5000))
    return zmq.recv_monitor_message(reader)
  end

  local function wait_for(reader, name)
    local event
    repeat event = next_event(reader) until event.name == name
    return event
  end

  local function open_files()
    local pipe = io.popen("ls /proc/$PPID/fd | wc -l")
    local count = tonumber(pipe:read("*a"))
    pipe:close()
    return count
  end

  describe("as a plain socket", function()
    it("tells a PAIR socket of what it was asked for", function()
      local socket, reader, endpoint = rep(), context:socket(zmq.PAIR), support.inproc()
      socket:monitor(endpoint, zmq.EVENT_CONNECTED + zmq.EVENT_LISTENING)
      reader:connect(endpoint)
      socket:bind("tcp://127.0.0.1:*")
      local event = next_event(reader)
      assert.same({ zmq.EVENT_LISTENING, "LISTENING", socket.last_endpoint },
        { event.event, event.name, event.endpoint })
      peer(socket.last_endpoint)
      assert.equal(0, reader:poll(20))
    end)

    it("tells of a connection and its end, and at last that it stopped", function()
      local server, client = rep(), context:socket(zmq.REQ, { linger = 0 })
      server:bind("tcp://127.0.0.1:*")
      local reader = client:get_monitor_socket()
      client:connect(server.last_endpoint)
      local event = wait_for(reader, "CONNECTED")
      assert.equal(server.last_endpoint, event.endpoint)
      assert.is_true(event.value > 0)
      wait_for(reader, "HANDSHAKE_SUCCEEDED")
      server:close()
      wait_for(reader, "DISCONNECTED")
      client:disable_monitor()
      wait_for(reader, "MONITOR_STOPPED")
      assert.is_false(reader.closed)
      assert.is_nil((zmq.recv_monitor_message(reader, zmq.DONTWAIT)))
    end)

    it("is the same socket as long as it is open, then a new one", function()
      local socket = rep()
      local reader = socket:get_monitor_socket()
      assert.matches("^inproc://monitor%.s%-" .. socket.fd, reader.last_endpoint)
      assert.equal(reader, socket:get_monitor_socket(zmq.EVENT_CLOSED))
      reader:close()
      local again = socket:get_monitor_socket()
      assert.not_equal(reader, again)
      assert.is_false(again.closed)
      socket:bind("tcp://127.0.0.1:*")
      wait_for(again, "LISTENING")
    end)

    it("has the same kind of options at an endpoint of the script's", function()
      local socket, endpoint = rep(), support.inproc()
      local reader = socket:get_monitor_socket(zmq.EVENT_LISTENING, endpoint)
      assert.equal(endpoint, reader.last_endpoint)
      assert.equal(0, reader.rcvhwm)
      socket:bind("tcp://127.0.0.1:*")
      assert.equal("LISTENING", next_event(reader).name)
    end)

    it("can be ended and begun again at the same endpoint at once", function()
      local socket, endpoint = rep(), support.inproc()
      for _ = 1, 5 do
        local reader = socket:get_monitor_socket(zmq.EVENT_ALL, endpoint)
        socket:monitor(nil)
        wait_for(reader, "MONITOR_STOPPED")
        reader:close()
      end
    end)

    it("is a new socket after the monitor was moved or ended", function()
      local socket = rep()
      local reader = socket:get_monitor_socket()
      socket:disable_monitor()
      local second = socket:get_monitor_socket()
      assert.not_equal(reader, second)
      socket:monitor(nil)
      assert.not_equal(second, socket:get_monitor_socket())
    end)

    it("can be moved while it runs", function()
      local socket = rep()
      local first, second = context:socket(zmq.PAIR), context:socket(zmq.PAIR)
      local ends = { support.inproc(), support.inproc() }
      socket:monitor(ends[1])
      first:connect(ends[1])
      socket:monitor(ends[2])
      second:connect(ends[2])
      wait_for(first, "MONITOR_STOPPED")
      socket:bind("tcp://127.0.0.1:*")
      wait_for(second, "LISTENING")
    end)

    it("ends when nobody ever came to read it", function()
      local socket = rep()
      socket:monitor(support.inproc())
      socket:disable_monitor()
      socket:monitor(support.inproc())
      socket:close()
    end)

    it("ends in any order of closing, and leaves no descriptor", function()
      local orders = {
        function(socket, reader) reader:close() socket:close() end,
        function(socket) socket:close() end,
        function(socket, reader) socket:close() reader:close() end,
        function(socket, reader) socket:disable_monitor() reader:close() socket:close() end,
        function(socket, reader) reader:close() socket:disable_monitor() socket:close() end,
        function(socket, reader) reader:disconnect(reader.last_endpoint) socket:close() end,
        function(socket, reader) reader:close() socket:connect("tcp://127.0.0.1:1") end,
        function() end,
      }
      local function round()
        for _, order in ipairs(orders) do
          for _, kind in ipairs { "given", "own", "early" } do
            local inner = zmq.context { io_threads = 1 }
            local socket = inner:socket(zmq.REP, { linger = 0 })
            local reader, endpoint
            if kind == "given" then
              reader = socket:get_monitor_socket()
            else
              reader, endpoint = inner:socket(zmq.PAIR), support.inproc()
              if kind == "early" then reader:connect(endpoint) end
              socket:monitor(endpoint)
              if kind == "own" then reader:connect(endpoint) end
            end
            socket:bind("tcp://127.0.0.1:*")
            local client = inner:socket(zmq.REQ, { linger = 0, connect = socket.last_endpoint })
            wait_for(reader, "ACCEPTED")
            order(socket, reader)
            client:close()
            inner:destroy(0) -- ends only when all of libzmq's threads do
          end
        end
      end
      round()
      local before = open_files()
      round()
      -- Sockets of the tests before may still be on their way out.
      local left
      for _ = 1, 100 do
        left = open_files()
        if left <= before then break end
      end
      assert.is_true(left <= before)
    end)

    it("has a PAIR to itself that reads it", function()
      local first, second = context:socket(zmq.PULL), context:socket(zmq.PULL)
      local reader = context:socket(zmq.PAIR, { linger = 0 })
      first:monitor("inproc://first-monitor")
      second:monitor("inproc://second-monitor")
      reader:connect("inproc://first-monitor")
      assert.error_matches(function() reader:connect("inproc://second-monitor") end, "EISCONN")
      first:bind("tcp://127.0.0.1:*")
      assert.equal("LISTENING", zmq.recv_monitor_message(reader).name)
    end)

    it("raises for what cannot be, and leaves nothing open", function()
      local socket = rep()
      local sockets = tostring(context)
      local function fails(name, ...)
        local ok, err = pcall(...)
        assert.is_false(ok)
        if name then assert.equal(name, err.name) end
        assert.equal(sockets, tostring(context))
      end
      fails("EPROTONOSUPPORT", socket.monitor, socket, "tcp://127.0.0.1:1")
      fails("EINVAL", socket.monitor, socket, "nonsense")
      fails("EINVAL", socket.monitor, socket, support.inproc(), 2 ^ 31)
      fails("EINVAL", socket.monitor, socket, support.inproc(), 2 ^ 40)
      fails(nil, socket.monitor, socket, 7)
      fails(nil, socket.monitor, socket, support.inproc(), "CONNECTED")
      fails("EPROTONOSUPPORT", socket.get_monitor_socket, socket, nil, "tcp://127.0.0.1:1")
      local taken = support.inproc()
      context:socket(zmq.PAIR, { bind = taken })
      sockets = tostring(context)
      fails("EADDRINUSE", socket.monitor, socket, taken)
      socket:close()
      sockets = tostring(context)
      fails("ENOTSOCK", socket.monitor, socket, support.inproc())
      fails("ENOTSOCK", socket.get_monitor_socket, socket)
      fails("ENOTSOCK", socket.disable_monitor, socket)
    end)

    local readers = {
      ["one that was given"] = function(server) return server:get_monitor_socket() end,
      ["one that came first"] = function(server)
        local reader, endpoint = context:socket(zmq.PAIR), support.inproc()
        reader:connect(endpoint)
        server:monitor(endpoint)
        return reader
      end,
      ["one that came later"] = function(server)
        local reader, endpoint = context:socket(zmq.PAIR), support.inproc()
        server:monitor(endpoint)
        reader:connect(endpoint)
        return reader
      end,
    }

    for name, new_reader in pairs(readers) do
      it("never holds libzmq up when nobody reads: " .. name, function()
        local server = context:socket(zmq.ROUTER, { linger = 0, bind = "tcp://127.0.0.1:*" })
        local endpoint = server.last_endpoint
        local reader = new_reader(server)
        local count = 1000 -- with three events each, more than any limit of libzmq's
        for i = 1, count do
          local client = context:socket(zmq.DEALER, { linger = 1000, connect = endpoint })
          client:send(tostring(i))
          assert.is_truthy(server:recv_multipart())
          client:close()
        end
        local extra = support.inproc()
        server:bind(extra)
        server:unbind(extra)
        local accepted, disconnected = 0, 0
        repeat
          local event = next_event(reader)
          if event.name == "ACCEPTED" then accepted = accepted + 1 end
          if event.name == "DISCONNECTED" then disconnected = disconnected + 1 end
        until accepted == count and disconnected == count
      end)
    end
  end)

  describe("'s message", function()
    local function message(event, value)
      local head = ffi.new("struct { uint16_t event; uint16_t low, high; }", event,
        value % 2 ^ 16, math.floor(value / 2 ^ 16) % 2 ^ 16)
      return { ffi.string(head, 6), "tcp://x" }
    end

    it("is an event without a sign and a value with one", function()
      local event = zmq.parse_monitor_message(message(0x8000, -2))
      assert.same({ 0x8000, -2, "tcp://x" }, { event.event, event.value, event.endpoint })
      event = zmq.parse_monitor_message(message(zmq.EVENT_CONNECTED, 70000))
      assert.same({ event = zmq.EVENT_CONNECTED, name = "CONNECTED", value = 70000,
        endpoint = "tcp://x" }, event)
    end)

    it("may be in frames", function()
      local strings = message(zmq.EVENT_CLOSED, 1)
      local frames = { zmq.frame(strings[1]), zmq.frame(strings[2]) }
      assert.equal("CLOSED", zmq.parse_monitor_message(frames).name)
    end)

    it("is nothing else", function()
      for _, bad in ipairs { {}, { ("x"):rep(6) }, { "short", "x" }, { ("x"):rep(7), "x" },
        { ("x"):rep(6), "x", "y" } } do
        local ok, err = pcall(zmq.parse_monitor_message, bad)
        assert.is_false(ok)
        assert.equal("EINVAL", err.name)
      end
      assert.has_error(function() zmq.parse_monitor_message("x") end)
    end)
  end)

  describe("of a stream", function()
    -- A stream, and a list of the names of its events; the loop stops at the one named.
    local function watched(last, events)
      local stream, seen = eddy.stream(rep(), loop), {}
      stream:on_event(function(event)
        seen[#seen + 1] = event.name
        if event.name == last then loop:stop() end
      end, events)
      stream.socket:bind("tcp://127.0.0.1:*")
      return stream, seen
    end

    it("tells of a connection's life", function()
      local stream, seen = watched "DISCONNECTED"
      local client = peer(stream.socket.last_endpoint)
      client:send("x")
      stream:on_recv(function() client:close() end)
      support.run(loop)
      assert.equal("LISTENING ACCEPTED HANDSHAKE_SUCCEEDED DISCONNECTED",
        table.concat(seen, " "))
      stream:close()
      assert.equal(0, loop:stats().streams)
    end)

    it("tells of what was asked for alone, and of something else when asked again", function()
      local stream, seen = watched("ACCEPTED", zmq.EVENT_ACCEPTED)
      peer(stream.socket.last_endpoint)
      support.run(loop)
      assert.same({ "ACCEPTED" }, seen)
      local other = {}
      stream:on_event(function(event)
        other[#other + 1] = event.name
        loop:stop()
      end, zmq.EVENT_LISTENING)
      stream.socket:bind("tcp://127.0.0.1:*")
      support.run(loop)
      assert.same({ "LISTENING" }, other)
      assert.equal(2, loop:stats().streams)
    end)

    it("tells nothing more after nil, from its own function too", function()
      local stream, count = eddy.stream(rep(), loop), 0
      stream:on_event(function()
        count = count + 1
        stream:on_event(nil)
      end)
      for _ = 1, 3 do stream.socket:bind("tcp://127.0.0.1:*") end
      support.turns(loop, 20)
      assert.equal(1, count)
      assert.equal(1, loop:stats().streams)
      stream:on_event(nil)
    end)

    it("ends with the stream, also when its function closes it", function()
      local stream, count = eddy.stream(rep(), loop), 0
      stream:on_event(function()
        count = count + 1
        stream:close()
      end)
      for _ = 1, 3 do stream.socket:bind("tcp://127.0.0.1:*") end
      support.turns(loop, 20)
      assert.equal(1, count)
      assert.equal(0, loop:stats().streams)
      assert.equal("context (0 sockets)", tostring(context))
      assert.has_error(function() stream:on_event(print) end)
    end)

    it("ends with the stream's socket, which others close, and with the loop", function()
      local stream = watched()
      stream.socket:close()
      assert.matches("its socket was closed", support.take_log())
      assert.equal(0, loop:stats().streams)
      watched()
      loop:close()
      assert.equal("context (0 sockets)", tostring(context))
    end)

    it("says that it stopped when the socket's monitor is disabled, and can begin anew", function()
      local stream, seen = watched("MONITOR_STOPPED", zmq.EVENT_MONITOR_STOPPED)
      stream.socket:disable_monitor()
      support.run(loop)
      assert.same({ "MONITOR_STOPPED" }, seen)
      assert.equal(1, loop:stats().streams)
      stream:on_event(function() loop:stop() end)
      stream.socket:bind("tcp://127.0.0.1:*")
      support.run(loop)
    end)

    it("goes on after an error in its function, which names the stream", function()
      local stream, count = eddy.stream(rep(), loop), 0
      stream.name = "the one"
      stream:on_event(function()
        count = count + 1
        if count == 2 then loop:stop() end
        error("boom")
      end)
      for _ = 1, 2 do stream.socket:bind("tcp://127.0.0.1:*") end
      support.run(loop)
      assert.matches("monitor of the one: .-boom", support.take_log())
    end)

    it("is one slot, which a plain monitor may have", function()
      local stream = eddy.stream(rep(), loop)
      local reader = stream.socket:get_monitor_socket()
      local ok, err = pcall(stream.on_event, stream, print)
      assert.is_false(ok)
      assert.matches("has a monitor already", err)
      reader:close()
      stream:on_event(print)
      assert.has_error(function() stream:on_event("print") end)
    end)

    it("never holds libzmq up when the script is slow", function()
      local stream, seen = eddy.stream(context:socket(zmq.ROUTER, { linger = 0 }), loop), {}
      stream.socket:bind("tcp://127.0.0.1:*")
      local endpoint, gone = stream.socket.last_endpoint, 0
      stream:on_event(function(event)
        seen[event.name] = (seen[event.name] or 0) + 1
        if event.name == "DISCONNECTED" then
          gone = gone + 1
          if gone == 500 then loop:stop() end
        end
      end)
      for _ = 1, 500 do
        local client = context:socket(zmq.DEALER, { linger = 0, connect = endpoint })
        client:send("x")
        stream.socket:recv_multipart()
        client:close()
      end
      support.run(loop)
      assert.equal(500, seen.ACCEPTED)
    end)
  end)

  it("of a script that ends without closing anything lets it end", function()
    local text, code = support.script [[
      local zmq = require "eddy.zmq"
      local gap = zmq.instance():socket(zmq.PAIR)
      local socket = zmq.instance():socket(zmq.REP)
      gap:close() -- the reader comes before the socket
      local reader = socket:get_monitor_socket()
      socket:bind("tcp://127.0.0.1:*")
      socket:monitor("inproc://unread", zmq.EVENT_MONITOR_STOPPED)
      print("end")]]
    assert.equal("end\n", text)
    assert.equal(0, code)
  end)
end)
