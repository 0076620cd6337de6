local eddy = require "eddy"
local zmq = require "eddy.zmq"
local ports = require "spec.support.ports"
local supervised = require "spec.support.supervised"
local support = require "spec.lua.support"

local QUICK, BAD = supervised.QUICK, supervised.BAD
local server, client = supervised.server, supervised.client
local wait, wait_for = supervised.wait, supervised.wait_for
local break_and_recover = supervised.break_and_recover

describe("a supervised stream", function()
  local loop, context
  before_each(function() loop, context = supervised.open() end)
  after_each(supervised.close)

  it("is connected again to a server that broke the protocol, and says so", function()
    local push = server()
    local stream, events = client(QUICK)
    local got, on_recv = support.collector(1)
    stream:on_recv(on_recv)
    stream.name = "the client"
    stream:connect(push.last_endpoint)
    wait_for(events, "HANDSHAKE_SUCCEEDED", 1)
    break_and_recover(push, events)
    assert.same({ event = zmq.EVENT_ENDPOINT_RESET, name = "ENDPOINT_RESET", value = 100,
      endpoint = push.last_endpoint }, events.ENDPOINT_RESET[1])
    assert.equal("the client: libzmq gave up " .. push.last_endpoint ..
      " over an error of the protocol; connected anew after 100 ms", support.take_log())
    push:send("good")
    support.run(loop)
    assert.equal("good", support.heads(got))
    break_and_recover(push, events)
  end)

  it("is connected to a server of the right type, once it is there", function()
    local wrong = server(nil, zmq.PUB)
    local stream, events = client(QUICK)
    stream:connect(wrong.last_endpoint)
    wait_for(events, "ENDPOINT_RESET", 2)
    supervised.replace(wrong, zmq.PUSH)
    wait_for(events, "HANDSHAKE_SUCCEEDED", 1)
  end)

  it("notices when it was connected to itself", function()
    local port = ports.free(1)
    local stream, events = client(QUICK)
    local endpoint = ("tcp://127.0.0.1:%d;127.0.0.1:%d"):format(port, port)
    stream:connect(endpoint)
    wait_for(events, "ENDPOINT_RESET", 1)
    assert.equal(endpoint, events.ENDPOINT_RESET[1].endpoint)
  end)

  for what, of in pairs {
    ["a number"] = function(port) return "tcp://127.0.0.1:" .. port end,
    ["a name"] = function(port) return "tcp://localhost:" .. port end,
  } do
    it("leaves to libzmq what libzmq does, and then does the rest: " .. what, function()
      local push = server()
      local endpoint, name = push.last_endpoint, of(push.last_endpoint:match ":(%d+)$")
      local stream, events = client(QUICK)
      stream:on_recv(function() end)
      stream:connect(name)
      for i = 1, 2 do
        wait_for(events, "HANDSHAKE_SUCCEEDED", i)
        push:close()
        wait_for(events, "CONNECT_RETRIED", 3 * i) -- longer than the delay
        push = server(endpoint)
      end
      wait_for(events, "HANDSHAKE_SUCCEEDED", 3)
      assert.same({}, events.ENDPOINT_RESET)
      assert.equal(2, #events.DISCONNECTED)
      for i = 1, 2 do
        break_and_recover(push, events)
        assert.equal(name, events.ENDPOINT_RESET[i].endpoint)
      end
    end)
  end

  it("works with ipc", function()
    local folder = support.temp_dir()
    local push = server("ipc://" .. folder .. "/socket")
    local stream, events = client(QUICK)
    stream:connect(push.last_endpoint)
    wait_for(events, "HANDSHAKE_SUCCEEDED", 1)
    break_and_recover(push, events)
    push:close()
    os.remove(folder .. "/socket")
    os.remove(folder)
  end)

  it("waits longer each time, for each endpoint by itself, until a connection lasts", function()
    local wrong, push, untouched = server(nil, zmq.PUB), server(), server()
    local stream, events = client { first = 100, longest = 300 }
    local function values(endpoint)
      local list = {}
      for _, event in ipairs(events.ENDPOINT_RESET) do
        if event.endpoint == endpoint then list[#list + 1] = event.value end
      end
      return list
    end
    stream:on_recv(function() end)
    stream:connect(untouched.last_endpoint)
    stream:connect(wrong.last_endpoint)
    local broken = wrong.last_endpoint
    wait(function() return #values(broken) == 4 end)
    assert.same({ 100, 200, 300, 300 }, values(broken))
    stream:disconnect(broken)

    local endpoint = push.last_endpoint
    local handshakes = #events.HANDSHAKE_SUCCEEDED
    stream:connect(endpoint)
    wait_for(events, "HANDSHAKE_SUCCEEDED", handshakes + 1)
    break_and_recover(push, events)
    break_and_recover(push, events)
    local began = loop:time()
    wait(function() return loop:time() - began > 300 end)
    break_and_recover(push, events)
    assert.same({ 100, 200, 100 }, values(endpoint))
    assert.same({}, values(untouched.last_endpoint))
  end)

  it("waits a second at first, unless told otherwise", function()
    local wrong = server(nil, zmq.PUB)
    local stream, events = client {}
    stream:connect(wrong.last_endpoint)
    wait_for(events, "ENDPOINT_RESET", 1)
    assert.equal(1000, events.ENDPOINT_RESET[1].value)
  end)

  it("tells names apart that have the same port, or begins anew with all of them", function()
    -- These are names, not numbers: the system finds 127.0.0.2 and 127.0.0.3 for them.
    local port = ports.free(1)
    local first = server("tcp://127.0.0.2:" .. port)
    local second = server("tcp://127.0.0.3:" .. port)
    local stream, events = client(QUICK)
    local heads = {}
    stream:on_recv(function(msg) heads[msg[1]] = true end)
    stream:connect("tcp://127.2:" .. port)
    stream:connect("tcp://127.3:" .. port)
    wait_for(events, "HANDSHAKE_SUCCEEDED", 2)
    first:close()
    second:send(BAD)
    wait_for(events, "CONNECT_RETRIED", 1)
    first = server("tcp://127.0.0.2:" .. port)
    wait(function()
      first:send("first", zmq.DONTWAIT)
      second:send("second", zmq.DONTWAIT)
      return heads.first and heads.second
    end)
    assert.is_true(#events.ENDPOINT_RESET >= 1)
  end)

  it("has as many connections to an endpoint as before", function()
    local pull = eddy.stream(server(nil, zmq.PULL), loop)
    local accepted = 0
    pull:on_event(function() accepted = accepted + 1 end, zmq.EVENT_HANDSHAKE_SUCCEEDED)
    local stream, events = client(QUICK, zmq.PUSH)
    for _ = 1, 2 do stream:connect(pull.socket.last_endpoint) end
    wait_for(events, "HANDSHAKE_SUCCEEDED", 2)
    -- What libzmq would say when it gave up one of them.
    local listener = require("eddy.zmq.monitor").listener(stream, "supervise")
    listener:hear { name = "DISCONNECTED", endpoint = pull.socket.last_endpoint }
    wait_for(events, "ENDPOINT_RESET", 1)
    wait(function() return accepted == 4 end)
    assert.equal(1, #events.ENDPOINT_RESET)
    assert.equal(2, stream.socket._connects[pull.socket.last_endpoint])
  end)

  it("loses nothing that waits in its send queue", function()
    local router = server(nil, zmq.ROUTER)
    local stream, events = client(QUICK, zmq.DEALER)
    stream:connect(router.last_endpoint)
    stream:send("hello")
    assert.equal(zmq.POLLIN, router:poll(5000))
    local peer = router:recv_multipart()[1]
    router:send_multipart { peer, BAD }
    wait_for(events, "DISCONNECTED", 1)
    -- libzmq tells of it before it lets go of the connection's pipe.
    wait(function() return stream.socket:poll(0, zmq.POLLOUT) == 0 end)
    for i = 1, 1000 do stream:send(tostring(i)) end
    assert.is_true(stream:sending())
    local count = 0
    wait(function()
      local msg = router:recv_multipart(zmq.DONTWAIT)
      while msg do
        count = count + 1
        assert.equal(tostring(count), msg[2])
        msg = router:recv_multipart(zmq.DONTWAIT)
      end
      return count == 1000
    end)
    assert.equal(1, #events.ENDPOINT_RESET)
  end)

  it("takes first what libzmq has received, also when it is paused", function()
    local push = server()
    local stream, events = client { first = 100, longest = 60000 }
    stream:connect(push.last_endpoint)
    wait_for(events, "HANDSHAKE_SUCCEEDED", 1)
    for i = 1, 500 do push:send(tostring(i)) end
    push:send(BAD)
    wait_for(events, "DISCONNECTED", 1)
    local began = loop:time()
    wait(function() return loop:time() - began > 250 end)
    assert.same({}, events.ENDPOINT_RESET)
    local got, on_recv = support.collector(500)
    stream:on_recv(on_recv)
    support.run(loop)
    assert.equal("500", got[500][1])
    wait_for(events, "ENDPOINT_RESET", 1)
  end)

  it("has a PAIR wait for that as long as it takes, as it would refuse the connection", function()
    local peer = eddy.stream(server(nil, zmq.PAIR), loop)
    peer:on_recv(function() loop:stop() end)
    local stream, events = client(QUICK, zmq.PAIR)
    stream:connect(peer.socket.last_endpoint)
    for i = 1, 2 do
      wait_for(events, "HANDSHAKE_SUCCEEDED", i)
      local got, on_recv = support.collector(1)
      peer:send("first this")
      peer:send(BAD)
      wait_for(events, "DISCONNECTED", i)
      local began = loop:time()
      wait(function() return loop:time() - began > 250 end)
      assert.equal(i - 1, #events.ENDPOINT_RESET)
      stream:on_recv(on_recv)
      support.run(loop)
      assert.equal("first this", got[1][1])
      stream:stop_on_recv()
      stream:send("goes on")
      support.run(loop)
    end
    assert.equal(2, #events.ENDPOINT_RESET)
  end)

  it("does not wait for that longer than its longest delay", function()
    local push = server()
    local stream, events = client(QUICK)
    stream:connect(push.last_endpoint)
    wait_for(events, "HANDSHAKE_SUCCEEDED", 1)
    push:send("never taken")
    push:send(BAD)
    wait_for(events, "ENDPOINT_RESET", 1)
    wait_for(events, "HANDSHAKE_SUCCEEDED", 2)
  end)

  -- A stream whose connection has just ended for good.
  local function broken(settings)
    local push = server()
    local stream, events = client(settings or QUICK)
    stream:on_recv(function() end)
    stream:connect(push.last_endpoint)
    wait_for(events, "HANDSHAKE_SUCCEEDED", 1)
    push:send(BAD)
    wait_for(events, "DISCONNECTED", 1)
    return stream, events, push
  end

  it("connects nothing again that the script disconnected", function()
    local stream, events, push = broken()
    assert.equal(1, loop:stats().timers)
    stream:disconnect(push.last_endpoint)
    wait(function() return loop:stats().timers == 2 end) -- those of this wait
    assert.equal(0, push:poll(20, zmq.POLLOUT))
    assert.same({}, events.ENDPOINT_RESET)
  end)

  it("leaves a connection alone that the script made meanwhile", function()
    local stream, events, push = broken()
    stream:disconnect(push.last_endpoint)
    stream:connect(push.last_endpoint)
    wait_for(events, "HANDSHAKE_SUCCEEDED", 2)
    assert.equal(0, loop:stats().timers)
    assert.same({}, events.ENDPOINT_RESET)
  end)

  it("connects nothing again where reconnect_ivl says so", function()
    local push = server()
    local stream, events = client(QUICK)
    stream.socket.reconnect_ivl = -1
    stream:on_recv(function() end)
    stream:connect(push.last_endpoint)
    wait_for(events, "HANDSHAKE_SUCCEEDED", 1)
    push:send(BAD)
    wait_for(events, "DISCONNECTED", 1)
    assert.equal(0, loop:stats().timers)
  end)

  it("says nothing of connections that it accepted", function()
    local stream, events = client(QUICK)
    stream:bind("tcp://127.0.0.1:*")
    local push = context:socket(zmq.PUSH, { linger = 0, connect = stream.socket.last_endpoint })
    push:send(BAD)
    wait_for(events, "DISCONNECTED", 1)
    assert.equal(0, loop:stats().timers)
  end)

  it("leaves nothing behind when it is closed, ends, or the loop is closed", function()
    local stream = broken()
    stream:close()
    assert.same({ 0, 0 }, { loop:stats().timers, loop:stats().streams })
    stream = broken()
    stream:supervise(false)
    assert.same({ 0, 2 }, { loop:stats().timers, loop:stats().streams })
    stream:on_event(nil)
    assert.same({ 0, 1 }, { loop:stats().timers, loop:stats().streams })
    stream:supervise(false)
    stream:close()
    broken()
    loop:close()
  end)

  it("goes on with other settings", function()
    local stream, events = broken { first = 60000, longest = 60000 }
    stream:supervise(QUICK)
    stream:disconnect(events.DISCONNECTED[1].endpoint)
    stream:connect(events.DISCONNECTED[1].endpoint)
    wait_for(events, "HANDSHAKE_SUCCEEDED", 2)
  end)

  describe("that has on_event", function()
    it("shares the monitor with it, whichever came first and ends first", function()
      local push = server()
      local stream = eddy.stream(context:socket(zmq.PULL, { linger = 0, maxmsgsize = 1000 }), loop)
      stream:supervise(QUICK)
      stream:connect(push.last_endpoint)
      local resets, others = 0, 0
      local function on_event(event)
        if event.name == "ENDPOINT_RESET" then resets = resets + 1 else others = others + 1 end
      end
      local function break_once(expected)
        wait(function() return push:poll(0, zmq.POLLOUT) ~= 0 end)
        push:send(BAD)
        wait(function() return support.take_log() ~= "" end)
        assert.equal(expected, resets)
      end
      break_once(0)
      stream:on_event(on_event, zmq.EVENT_ENDPOINT_RESET)
      break_once(1)
      assert.equal(0, others)
      stream:on_event(on_event, zmq.EVENT_ALL)
      break_once(1)
      assert.is_true(others > 0)
      stream:on_event(nil)
      break_once(1)
      stream:on_event(on_event)
      stream:supervise(false)
      others = 0
      push:send("x")
      push:close()
      wait(function() return others > 0 end)
      stream:on_event(nil)
      assert.equal(1, loop:stats().streams)
    end)

    it("goes on beside a function that raises", function()
      local stream, events, push = broken()
      stream:on_event(function(event)
        events.last = event
        error "boom"
      end)
      wait(function() return events.last and events.last.name == "HANDSHAKE_SUCCEEDED" end)
      assert.matches("monitor of .-boom", support.take_log())
      assert.equal(zmq.POLLOUT, push:poll(5000, zmq.POLLOUT))
    end)

    it("waits with it while its function waits", function()
      local push = server()
      local endpoint = push.last_endpoint
      local stream, events = client(QUICK)
      local waits = false
      stream:on_event(function(event)
        table.insert(events[event.name], event)
        if event.name ~= "DISCONNECTED" then return end
        waits = true
        support.suspend(loop, 400)
        waits = false
      end)
      stream:connect(endpoint)
      wait_for(events, "HANDSHAKE_SUCCEEDED", 1)
      push:close() -- libzmq tries again, and nobody hears of it
      wait(function() return waits end)
      wait(function() return not waits end)
      push = server(endpoint)
      wait_for(events, "HANDSHAKE_SUCCEEDED", 2)
      assert.same({}, events.ENDPOINT_RESET)
      break_and_recover(push, events)
    end)

    it("may be closed by its function, and may end there", function()
      local stream = broken()
      stream:on_event(function(event)
        if event.name == "ENDPOINT_RESET" then stream:close() end
      end)
      wait(function() return stream:closed() end)
      assert.equal(0, loop:stats().streams)
      local other = broken()
      local ended = false
      other:on_event(function(event)
        if event.name ~= "ENDPOINT_RESET" then return end
        other:supervise(false)
        other:on_event(nil)
        ended = true
      end)
      wait(function() return ended end)
      assert.equal(1, loop:stats().streams)
    end)
  end)

  it("says when the script ends its monitor", function()
    local stream = eddy.stream(context:socket(zmq.PULL, { linger = 0 }), loop)
    stream:supervise()
    stream.socket:disable_monitor()
    wait(function() return loop:stats().streams == 1 end)
    assert.matches("its socket's monitor was ended, and supervision", support.take_log())
    stream:supervise()
    assert.equal(2, loop:stats().streams)
  end)

  it("raises for what cannot be", function()
    local stream = eddy.stream(context:socket(zmq.PULL, { linger = 0 }), loop)
    for text, settings in pairs {
      ["expected a table"] = 7, ["no such option: 'last'"] = { last = 1 },
      ["first: expected a number of ms above 0, got x"] = { first = "x" },
      ["longest: expected a number of ms above 0, got 0"] = { longest = 0 },
      ["expected first to be at most longest, got 2 and 1"] = { first = 2, longest = 1 },
    } do
      assert.error_matches(function() stream:supervise(settings) end, text, 1, true)
    end
    local reader = stream.socket:get_monitor_socket()
    assert.error_matches(function() stream:supervise() end, "has a monitor already")
    reader:close()
    stream:supervise { first = 100000 }
    stream:close()
    assert.error_matches(function() stream:supervise() end, "is closed")
  end)

  it("does not keep a program running", function()
    local text, code = support.script [[
      local eddy, zmq = require "eddy", require "eddy.zmq"
      local context = zmq.instance()
      local wrong = context:socket(zmq.PUB, { bind = "tcp://127.0.0.1:*" })
      local stream = eddy.stream(context:socket(zmq.PULL))
      stream:on_event(function(event)
        if event.name ~= "DISCONNECTED" then return end
        stream:on_event(nil)
        io.write("ends")
      end)
      stream:supervise { first = 60000 }
      stream:connect(wrong.last_endpoint)]]
    assert.same({ "ends", 0 }, { text, code })
  end)
end)
