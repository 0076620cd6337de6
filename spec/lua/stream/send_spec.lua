local eddy = require "eddy"
local zmq = require "eddy.zmq"
local support = require "spec.lua.support"

describe("a sending stream", function()
  local loop, context
  support.each(function(...) loop, context = ... end)

  local function pair()
    local a, b = support.pair(zmq.PAIR, zmq.PAIR)
    return eddy.stream(a, loop), b
  end

  local function lonely(number)
    local socket, endpoint = support.lonely(number or zmq.PUSH)
    return eddy.stream(socket, loop), endpoint
  end

  local drain = support.drain

  it("sends, and tells on_send from the loop: the list, and no error", function()
    local stream, peer = pair()
    local told = {}
    stream:on_send(function(...)
      told[#told + 1] = { select("#", ...), ... }
      if #told == 2 then loop:stop() end
    end)
    assert.is_true(stream:send("one"))
    assert.is_true(stream:send_multipart { "a", "", "c\0" })
    assert.same({}, told)
    support.run(loop)
    assert.same({ "one" }, told[1][2])
    assert.same({ "a", "", "c\0" }, told[2][2])
    assert.is_nil(told[1][3])
    assert.is_nil(told[2][3])
    assert.same({ "one" }, peer:recv_multipart())
    assert.same({ "a", "", "c\0" }, peer:recv_multipart())
  end)

  it("tells on_send_stream: itself, the list, and no error", function()
    local stream = pair()
    local told
    stream:on_send_stream(function(...)
      told = { ... }
      loop:stop()
    end)
    stream:send("x")
    support.run(loop)
    assert.equal(stream, told[1])
    assert.same({ "x" }, told[2])
    assert.is_nil(told[3])
  end)

  it("keeps the order, through the queue and by it", function()
    local socket, endpoint = support.lonely(zmq.PUSH)
    socket.sndhwm = 5
    local stream = eddy.stream(socket, loop)
    local told, got = {}, {}
    stream:on_send(function(msg) told[#told + 1] = msg[1] end)
    local peer = context:socket(zmq.PULL, { linger = 0, rcvhwm = 5 })
    local receiver = eddy.stream(peer, loop)
    receiver:on_recv(function(msg)
      got[#got + 1] = msg[1]
      if #got == 1000 then loop:add_callback(loop.stop, loop) end
    end)
    local function send(i)
      if i % 2 == 0 then return stream:send(tostring(i)) end
      return stream:send_multipart { tostring(i), "more" }
    end
    for i = 1, 500 do assert(send(i)) end
    peer:connect(endpoint)
    for i = 501, 900 do assert(send(i)) end
    loop:call_later(1, function() for i = 901, 1000 do send(i) end end)
    support.run(loop)
    support.turns(loop)
    for i = 1, 1000 do
      assert.equal(tostring(i), got[i])
      assert.equal(tostring(i), told[i])
    end
  end)

  it("never waits for a peer, and says so", function()
    local stream, endpoint = lonely()
    assert.is_false(stream:sending())
    for i = 1, 10 do assert.is_true(stream:send(tostring(i))) end
    assert.is_true(stream:sending())
    assert.equal(10, stream:stats().queued)
    assert.equal(11, stream:stats().queued_bytes)
    local peer = drain(stream, endpoint)
    assert.equal("1 2 3 4 5 6 7 8 9 10", (support.receive_all(peer)))
    assert.equal(0, stream:stats().queued)
    assert.equal(10, stream:stats().messages_out)
    assert.equal(11, stream:stats().bytes_out)
  end)

  it("has a callback for one message alone, in place of on_send", function()
    local stream = pair()
    local told = {}
    local function teller(name)
      return function(msg, err)
        told[#told + 1] = name .. msg[1]
        assert(err == nil)
      end
    end
    stream:on_send(teller "stream:")
    stream:send("1")
    stream:send("2", { callback = teller "own:" })
    stream:send("3")
    stream:send_multipart({ "4", "x" }, { callback = teller "own:" })
    stream:send("5", {})
    support.turns(loop)
    assert.same({ "stream:1", "own:2", "stream:3", "own:4", "stream:5" }, told)
  end)

  it("has a callback for one message also without on_send, and after stop_on_send", function()
    local stream, endpoint = lonely()
    local told = {}
    stream:send("1")
    stream:send("2", { callback = function(msg) told[#told + 1] = msg[1] end })
    stream:send("3")
    stream:stop_on_send()
    drain(stream, endpoint)
    assert.same({ "2" }, told)
  end)

  it("tells of a message after it left the queue", function()
    local stream, endpoint = lonely()
    local sending = {}
    stream:on_send(function() sending[#sending + 1] = stream:sending() end)
    stream:send("1")
    stream:send("2")
    drain(stream, endpoint)
    assert.same({ false, false }, sending)
  end)

  it("sends what is queued after stop_on_send, and tells no more", function()
    local stream, endpoint = lonely()
    stream:on_send(error)
    stream:send("1")
    stream:send("2")
    stream:stop_on_send()
    local peer = drain(stream, endpoint)
    assert.equal("1 2", (support.receive_all(peer)))
  end)

  it("tells the on_send that is set when the message goes", function()
    local stream, endpoint = lonely()
    local told = {}
    stream:on_send(error)
    stream:send("1")
    stream:on_send(function(msg) told[#told + 1] = msg[1] end)
    drain(stream, endpoint)
    assert.same({ "1" }, told)
  end)

  describe("whose first on_send is set late", function()
    local told, tell
    before_each(function()
      told = {}
      tell = function(msg, err) told[#told + 1] = msg[1] .. (err and " " .. err.name or "") end
    end)

    it("tells it of what was sent before the loop ran", function()
      local stream, peer = pair()
      stream:send("1")
      stream:send("own", { callback = function(msg) tell { "callback of " .. msg[1] } end })
      stream:send_multipart { "2", "x" }
      stream:on_send(tell)
      stream:send("3")
      support.turns(loop)
      assert.same({ "1", "callback of own", "2", "3" }, told)
      assert.equal("1 own 2 3", (support.receive_all(peer)))
    end)

    it("tells it of what was sent in the same turn, and of what waits", function()
      local stream, endpoint = lonely()
      loop:add_callback(function()
        stream:send("1")
        stream:on_send_stream(function(on, msg) tell { tostring(on == stream) .. msg[1] } end)
        loop:stop()
      end)
      support.run(loop)
      assert.same({}, told)
      drain(stream, endpoint)
      assert.same({ "true1" }, told)
    end)

    it("tells it of what failed", function()
      local router = context:socket(zmq.ROUTER, { linger = 0, router_mandatory = 1 })
      local stream = eddy.stream(router, loop)
      stream:send_multipart { "nobody", "x" }
      stream:on_send(tell)
      support.turns(loop)
      assert.same({ "nobody EHOSTUNREACH" }, told)
      assert.matches("EHOSTUNREACH", support.take_log())
    end)

    it("tells it of no more once the loop came round, or of more than a few", function()
      local stream, peer = pair()
      stream:send("1")
      support.turns(loop)
      stream:send("2")
      stream:on_send(tell)
      support.turns(loop)
      assert.same({}, told)
      local other, endpoint = lonely()
      for i = 1, 100 do other:send(tostring(i)) end
      other:on_send(tell)
      local receiver = drain(other, endpoint)
      assert.equal(32, #told)
      assert.equal("32", told[32])
      receiver:close()
      peer:close()
    end)

    it("keeps the loop alive for it only when it is set", function()
      local stream = lonely()
      stream:send("1")
      loop:_run_until_idle()
      stream:on_send(tell)
      local ended = false
      loop:call_later(30, function()
        ended = true
        loop:stop()
      end)
      loop:_run_until_idle()
      assert.is_true(ended)
      stream:close()
      support.take_log()
    end)
  end)

  it("stops telling when a stop is asked for, and tells the rest at the next start", function()
    local stream = pair()
    local told = {}
    stream:on_send(function(msg)
      told[#told + 1] = msg[1]
      loop:stop()
    end)
    for i = 1, 3 do stream:send(tostring(i)) end
    for i = 1, 3 do
      support.run(loop)
      assert.equal(i, #told)
    end
    assert.same({ "1", "2", "3" }, told)
  end)

  it("goes on sending from on_send", function()
    local stream, peer = pair()
    local count = 0
    stream:on_send(function()
      count = count + 1
      if count == 50 then return loop:stop() end
      stream:send(tostring(count))
    end)
    stream:send("0")
    support.run(loop)
    local _, messages = support.receive_all(peer)
    assert.equal(50, #messages)
  end)

  it("waits when a REQ socket has no reply yet", function()
    local server, client = support.streams(zmq.REP, zmq.REQ)
    server:on_recv(function(msg) server:send("re:" .. msg[1]) end)
    local list, handler = support.collector(3)
    client:on_recv(handler)
    for i = 1, 3 do assert.is_true(client:send(tostring(i))) end
    support.run(loop)
    assert.equal("re:1 re:2 re:3", support.heads(list))
  end)

  it("waits over tcp too", function()
    local server, client = support.streams(zmq.REP, zmq.REQ, "tcp")
    server:on_recv(function(msg) server:send("re:" .. msg[1]) end)
    local list, handler = support.collector(5)
    client:on_recv(handler)
    for i = 1, 5 do client:send(tostring(i)) end
    support.run(loop)
    assert.equal("re:1 re:2 re:3 re:4 re:5", support.heads(list))
  end)

  it("refuses what is no message, and queues nothing", function()
    local stream = lonely()
    local called = false
    stream:on_send(function() called = true end)
    for _, wrong in ipairs { 1, true, {}, { "x" }, print } do
      assert.error_matches(function() stream:send(wrong) end, "send: expected a string")
    end
    assert.error_matches(function() stream:send(nil) end, "send: expected a string")
    for _, wrong in ipairs { 1, "x", {}, { "a", 5 }, { 5 }, { "a", {} }, { "a", false } } do
      assert.error_matches(function() stream:send_multipart(wrong) end, "send_multipart: ")
    end
    assert.error_matches(function() stream:send_multipart { "a", 5, "c" } end, "frame 2")
    for _, wrong in ipairs { 1, "x", {}, false } do
      if wrong then
        assert.error(function() stream:send("x", { callback = wrong }) end)
        assert.error(function() stream:send_multipart({ "x" }, { callback = wrong }) end)
      end
    end
    assert.error(function() stream:send("x", 5) end)
    assert.equal(0, stream:stats().queued)
    support.turns(loop)
    assert.is_false(called)
  end)

  it("copies the frames at the call", function()
    local stream, endpoint = lonely()
    local told
    local parts = { "a", "b" }
    stream:send_multipart(parts, { callback = function(msg) told = msg end })
    parts[1], parts[3] = "changed", 5
    local peer = drain(stream, endpoint)
    assert.same({ "a", "b" }, peer:recv_multipart())
    assert.same({ "a", "b" }, told)
    parts[1], parts[2], parts[3] = "next", nil, nil
    stream:send_multipart(parts)
    parts[1] = "changed"
    assert.same({ "next" }, peer:recv_multipart())
  end)

  it("sends messages of more frames than Lua's stack has room for", function()
    local stream, endpoint = lonely()
    local frames, told = {}, nil
    for i = 1, 20000 do frames[i] = tostring(i) end
    stream:send_multipart(frames)
    stream:on_send(function(msg) told = msg end)
    assert.is_true(stream:send_multipart(frames))
    local peer = drain(stream, endpoint)
    for _ = 1, 2 do assert.same(frames, peer:recv_multipart()) end
    assert.same(frames, told)
  end)

  it("sends empty frames, binary zeros and 10 MB", function()
    local a, b = support.pair(zmq.PUSH, zmq.PULL, "tcp")
    local stream = eddy.stream(a, loop)
    local large = ("\0\255"):rep(5 * 2 ^ 20)
    stream:send("")
    stream:send_multipart { "", "\0", "" }
    stream:send(large)
    local list, handler = support.collector(3)
    eddy.stream(b, loop):on_recv(handler)
    support.run(loop)
    assert.same({ "" }, list[1])
    assert.same({ "", "\0", "" }, list[2])
    assert.is_true(list[3][1] == large)
  end)

  it("tells on_err of a message that libzmq refuses, and on_send the same", function()
    local router = context:socket(zmq.ROUTER, { linger = 0, router_mandatory = 1,
      bind = support.inproc() })
    local stream = eddy.stream(router, loop)
    local errs, told = {}, {}
    stream:on_err(function(err) errs[#errs + 1] = err end)
    stream:on_send(function(msg, err) told[#told + 1] = { msg, err } end)
    assert.is_true(stream:send_multipart { "nobody", "x" })
    support.turns(loop)
    assert.equal(1, #errs)
    assert.equal("EHOSTUNREACH", errs[1].name)
    assert.equal(zmq.EHOSTUNREACH, errs[1].code)
    assert.matches(router.last_endpoint, tostring(errs[1]), 1, true)
    assert.same({ "nobody", "x" }, told[1][1])
    assert.equal("EHOSTUNREACH", told[1][2].name)
    assert.equal(1, stream:stats().errors)
    assert.equal(0, stream:stats().messages_out)
  end)

  it("logs such a failure when nobody listens", function()
    local router = context:socket(zmq.ROUTER, { linger = 0, router_mandatory = 1 })
    local stream = eddy.stream(router, loop)
    stream.name = "the router"
    stream:send_multipart { "nobody", "x" }
    support.turns(loop)
    local text = support.take_log()
    assert.matches("EHOSTUNREACH", text)
    assert.matches("the router", text)
    assert.is_false(stream:closed())
  end)
end)
