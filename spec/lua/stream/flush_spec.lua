local support = require "spec.lua.support"
local zmq = require "eddy.zmq"

describe("a stream's flush", function()
  local loop, context
  support.each(function(...) loop, context = ... end)

  -- A stream on a PAIR socket with `waiting` messages to receive and `queued` to send.
  local function pair(waiting, queued)
    local eddy = require "eddy"
    local endpoint = support.inproc()
    local stream = eddy.stream(context:socket(zmq.PAIR), loop)
    for i = 1, queued or 0 do stream:send("out" .. i) end
    local peer = context:socket(zmq.PAIR, { linger = 0, bind = endpoint })
    stream.socket:connect(endpoint)
    for i = 1, waiting or 0 do peer:send("in" .. i) end
    return stream, peer
  end

  local function collect(stream)
    local got = {}
    stream:on_recv(function(msg) got[#got + 1] = msg[1] end)
    return got
  end

  it("handles what is pending both ways, and counts it", function()
    local stream, peer = pair(3, 2)
    local got = collect(stream)
    assert.equal(5, stream:flush())
    assert.same({ "in1", "in2", "in3" }, got)
    assert.equal("out1", peer:recv(zmq.DONTWAIT))
    assert.equal("out2", peer:recv(zmq.DONTWAIT))
    assert.equal(0, stream:flush())
  end)

  it("handles one direction when told", function()
    local stream, peer = pair(2, 2)
    local got = collect(stream)
    assert.equal(2, stream:flush(zmq.POLLIN))
    assert.equal(2, #got)
    assert.is_nil((peer:recv(zmq.DONTWAIT)))
    peer:send("in3")
    assert.equal(2, stream:flush(zmq.POLLOUT))
    assert.equal(2, #got)
  end)

  it("keeps to its limit exactly; 0 is nothing", function()
    local stream = pair(3, 3)
    local got = collect(stream)
    assert.equal(0, stream:flush(nil, 0))
    assert.equal(2, stream:flush(nil, 2))
    assert.equal(2, #got)
    assert.equal(2, stream:flush(nil, 2))
    assert.equal(3, #got)
    assert.equal(2, stream:flush())
    assert.equal(0, stream:flush())
    for _, wrong in ipairs { -1, "x", 0 / 0 } do
      assert.error_matches(function() stream:flush(nil, wrong) end, "flush: expected a limit")
    end
  end)

  it("sends the replies that are made meanwhile", function()
    local stream, peer = pair(2, 1)
    stream:on_recv(function(msg) stream:send("re " .. msg[1]) end)
    stream:flush()
    for _, expected in ipairs { "out1", "re in1", "re in2" } do
      assert.equal(expected, peer:recv(zmq.DONTWAIT))
    end
  end)

  it("receives nothing while the stream is paused: all of it comes later", function()
    for _, pause in ipairs {
      function() end,
      function(stream)
        stream:on_recv(error)
        stream:on_recv(nil)
      end,
    } do
      local stream, peer = pair(3, 2)
      pause(stream)
      assert.equal(0, stream:flush(zmq.POLLIN))
      assert.equal(2, stream:flush())
      assert.equal(0, stream:stats().messages_in)
      assert.equal("out1 out2", support.receive_all(peer))
      local got = collect(stream)
      assert.equal(3, stream:flush())
      assert.same({ "in1", "in2", "in3" }, got)
    end
  end)

  it("receives nothing of what a pause left in the turn", function()
    local stream = pair(3)
    local got = {}
    stream:on_recv(function(msg)
      got[#got + 1] = msg[1]
      stream:on_recv(nil)
      assert.equal(0, stream:flush())
    end)
    support.turns(loop)
    assert.same({ "in1" }, got)
    stream:flush()
    stream:on_recv(function(msg) got[#got + 1] = msg[1] end)
    support.turns(loop)
    assert.same({ "in1", "in2", "in3" }, got)
  end)

  it("receives nothing while the stream's handler waits", function()
    local stream = pair(3)
    local got, inside = {}, 0
    stream:on_recv(function(msg)
      inside = inside + 1
      assert.equal(1, inside)
      support.suspend(loop, 2)
      inside = inside - 1
      got[#got + 1] = msg[1]
      if #got == 3 then loop:stop() end
    end)
    loop:call_every(1, function()
      if inside > 0 then assert.equal(0, stream:flush()) end
    end)
    support.run(loop)
    assert.same({ "in1", "in2", "in3" }, got)
  end)

  it("receives as soon as on_send listens", function()
    local stream = pair(2, 1)
    local got
    stream:on_send(function() got = collect(stream) end)
    assert.equal(3, stream:flush())
    assert.same({ "in1", "in2" }, got)
  end)

  it("stops at a pause, and loses nothing", function()
    local stream = pair(3)
    local got = {}
    stream:on_recv(function(msg)
      got[#got + 1] = msg[1]
      stream:on_recv(nil)
    end)
    assert.equal(1, stream:flush())
    stream:on_recv(function(msg)
      got[#got + 1] = msg[1]
      if #got == 3 then loop:stop() end
    end)
    support.run(loop)
    assert.same({ "in1", "in2", "in3" }, got)
  end)

  it("stops when its handler closes the stream, and raises on a closed one", function()
    local stream = pair(3)
    stream:on_recv(function() stream:close(0) end)
    assert.equal(1, stream:flush())
    local ok, err = pcall(stream.flush, stream)
    assert.is_false(ok)
    assert.equal("ENOTSOCK", err.name)
  end)

  describe("tells on_send at once", function()
    local told, tell
    before_each(function()
      told = {}
      tell = function(msg, err) told[#told + 1] = msg[1] .. (err and " " .. err.name or "") end
    end)

    it("of what it sent, and of what had left before", function()
      local stream = pair(1, 2)
      stream:on_send(tell)
      stream:on_recv(function() stream:send("reply") end)
      assert.equal(4, stream:flush())
      assert.same({ "out1", "out2", "reply" }, told)
      stream:send("at once", { callback = function(msg) tell { "callback of " .. msg[1] } end })
      assert.equal(0, stream:flush(zmq.POLLIN))
      assert.equal(3, #told)
      assert.equal(1, stream:flush(zmq.POLLOUT))
      assert.equal("callback of at once", told[4])
      support.turns(loop)
      assert.equal(4, #told)
    end)

    it("in order, though the turn has older word, also from on_send itself", function()
      local stream = pair()
      stream:on_send(function(msg)
        tell(msg)
        if msg[1] == "1" then
          stream:send("4")
          stream:flush()
          tell { "flushed" }
          loop:stop()
        end
      end)
      for i = 1, 3 do stream:send(tostring(i)) end
      support.run(loop)
      assert.same({ "1", "2", "3", "4", "flushed" }, told)
      support.turns(loop)
      assert.equal(5, #told)
    end)

    it("in order, with what a stop left, and with what failed", function()
      local eddy = require "eddy"
      local router = context:socket(zmq.ROUTER, { linger = 0, router_mandatory = 1 })
      local stream = eddy.stream(router, loop)
      local failed = 0
      stream:on_err(function(err)
        assert(err.name == "EHOSTUNREACH")
        failed = failed + 1
        stream:flush()
      end)
      stream:on_send(function(msg, err)
        tell(msg, err)
        loop:stop()
      end)
      for i = 1, 3 do stream:send_multipart { tostring(i), "x" } end
      support.run(loop)
      stream:send_multipart { "4", "x" }
      stream:flush()
      stream:send_multipart { "5", "x" }
      loop:start() -- ends at once: on_send stopped it
      loop:start()
      local all = {}
      for i = 1, 5 do all[i] = i .. " EHOSTUNREACH" end
      table.sort(told)
      assert.same(all, told)
      assert.equal(5, failed)
    end)

    it("until that closes the stream", function()
      local stream = pair(0, 3)
      stream:on_send(function(msg)
        tell(msg)
        stream:close()
      end)
      assert.equal(3, stream:flush())
      assert.same({ "out1" }, told)
    end)
  end)

  it("goes before others: a handler flushes another stream first", function()
    local first, second = pair(2), pair(2)
    local order = {}
    first:on_recv(function(msg)
      second:flush()
      order[#order + 1] = "first " .. msg[1]
    end)
    second:on_recv(function(msg)
      order[#order + 1] = "second " .. msg[1]
    end)
    support.wait(loop, function() return #order == 4 end)
    local position = {}
    for i, what in ipairs(order) do position[what] = i end
    assert.is_true(position["second in2"] < position["first in2"])
  end)

  it("isolates errors in the handler, and goes on", function()
    local stream = pair(2)
    local count = 0
    stream:on_recv(function()
      count = count + 1
      error("on purpose")
    end)
    assert.equal(2, stream:flush())
    assert.equal(2, count)
    assert.matches("on purpose", support.take_log())
  end)

  it("returns at once when nothing can be sent", function()
    local eddy = require "eddy"
    local stream = eddy.stream(context:socket(zmq.PUSH, { linger = 0 }), loop)
    stream:send("x")
    assert.equal(0, stream:flush(zmq.POLLOUT))
    stream:close()
    support.take_log()
  end)

  it("gives memory back while it flushes very many", function()
    local stream, peer = pair()
    local count = 0
    stream:on_recv(function()
      count = count + 1
      if count < 5000 then peer:send("again") end
    end)
    peer:send("once")
    assert.equal(5000, stream:flush())
  end)

  it("counts what it received and what was sent since the turn began, to the limit", function()
    local stream, peer = support.streams(zmq.PAIR, zmq.PAIR)
    for _ = 1, 3 do peer:send("waiting") end
    stream:send("1")
    stream:send("2")
    stream:on_recv(function() end)
    assert.equal(5, stream:flush())
    assert.equal(0, stream:flush())
    stream:send("3")
    assert.equal(0, stream:flush(zmq.POLLIN))
    support.turns(loop, 2) -- the turn told of it
    assert.equal(0, stream:flush())

    stream:on_recv(function(msg) stream:send_multipart(msg) end)
    for _ = 1, 4 do peer:send("question") end
    assert.equal(2, stream:flush(nil, 2))
    assert.equal(3, stream:flush(nil, 3))
    assert.equal(3, stream:flush())
    assert.equal(0, stream:flush())
    assert.error_matches(function() stream:flush(nil, 1.5) end, "whole number")
  end)
end)

describe("closing a stream with a drain", function()
  local eddy = require "eddy"
  local loop, context
  support.each(function(...) loop, context = ... end)

  it("sends what is queued first", function()
    local endpoint = support.inproc()
    local stream = eddy.stream(context:socket(zmq.PUSH), loop)
    for i = 1, 3 do stream:send(tostring(i)) end
    local peer = context:socket(zmq.PULL, { linger = 0, bind = endpoint })
    stream.socket:connect(endpoint)
    assert.equal(0, stream:close { drain = 5000 })
    for i = 1, 3 do assert.equal(tostring(i), peer:recv()) end
  end)

  it("waits no longer than it may, and says what is lost", function()
    local stream = eddy.stream(context:socket(zmq.PUSH, { linger = 0 }), loop)
    stream:send("a")
    stream:send("b")
    local now = require("eddy.base.libeddy").C.eddy_time
    local began = now()
    assert.equal(2, stream:close { drain = 30, linger = 0 })
    assert.is_true(now() - began >= 30)
    assert.matches("2 messages not sent", support.take_log())
  end)

  it("holds up neither the loop nor other streams, in a task and in a handler", function()
    for _, where in ipairs { "task", "handler" } do
      local stream, endpoint = support.lonely(zmq.PUSH)
      stream = eddy.stream(stream, loop)
      for i = 1, 3 do stream:send(tostring(i)) end
      local lost, ticks, heard = nil, 0, 0
      stream:on_close(function() heard = heard + 1 end)
      local peer
      local timer = loop:call_every(1, function()
        ticks = ticks + 1
        if ticks ~= 6 then return end
        assert.is_nil(lost)
        peer = context:socket(zmq.PULL, { linger = 0, connect = endpoint })
      end)
      local function close()
        lost = stream:close { drain = 5000 }
        loop:stop()
      end
      if where == "task" then loop:spawn(close) else loop:add_callback(close) end
      support.run(loop)
      timer:cancel()
      assert.equal(0, lost)
      assert.equal(1, heard)
      assert.is_true(stream:closed())
      for i = 1, 3 do assert.equal(tostring(i), peer:recv()) end
    end
  end)

  it("sends all in a handler, also when room in a full queue is being told", function()
    local stream = eddy.stream(context:socket(zmq.PUSH, { linger = 0, sndhwm = 10,
      bind = "inproc://drained-in-a-handler" }), loop)
    local peer = context:socket(zmq.PULL, { linger = 0, rcvhwm = 10,
      connect = "inproc://drained-in-a-handler" })
    stream:set_send_limit { messages = 20 }
    local sent, got, lost = 0, 0, nil
    while stream:send("x") do sent = sent + 1 end
    stream:on_drain(function() end)
    local closing = false
    stream:on_send(function()
      if closing or stream:stats().queued > 10 then return end
      closing = true
      lost = stream:close { drain = 5000 }
    end)
    local timer = loop:call_every(1, function()
      for _ = 1, 8 do got = got + (peer:recv(zmq.DONTWAIT) and 1 or 0) end
      if got == sent or lost then loop:stop() end
    end)
    support.run(loop)
    support.turns(loop)
    timer:cancel()
    assert.equal(0, lost)
    while peer:recv(zmq.DONTWAIT) do got = got + 1 end
    assert.equal(sent, got)
  end)

  it("ends in a task when the time is up, or somebody closes the stream", function()
    local stream = eddy.stream(context:socket(zmq.PUSH, { linger = 0 }), loop)
    stream:send("a")
    stream:send("b")
    local closing = loop:spawn(function() return stream:close { drain = 10, linger = 0 } end)
    assert.equal(2, loop:run_sync(function() return closing:await() end, 5000))
    assert.matches("2 messages not sent", support.take_log())

    stream = eddy.stream(context:socket(zmq.PUSH, { linger = 0 }), loop)
    stream:send("a")
    closing = loop:spawn(function() return stream:close { drain = 5000 } end)
    loop:call_later(1, function()
      local sent, err = stream:send("late")
      assert.is_nil(sent)
      assert.matches("is being closed.*ENOTSOCK", tostring(err))
      stream:close(0)
    end)
    assert.equal(0, loop:run_sync(function() return closing:await() end, 4000))
    assert.matches("1 message not sent", support.take_log())
    assert.equal(0, loop:stats().timers)
  end)
end)

describe("send_json", function()
  before_each(support.open)
  after_each(support.close)

  it("sends an object's text, in turn, and refuses what has none", function()
    local stream, peer = support.streams(zmq.PUSH, zmq.PULL)
    assert.is_true(stream:send_json { a = 1 })
    assert.error_matches(function() stream:send_json(print) end, "no JSON for this")
    local got
    peer:on_recv(function(msg)
      got = msg
      peer.loop:stop()
    end)
    support.run(peer.loop)
    assert.same({ '{"a":1}' }, got)
  end)

  it("loses nothing when on_send pauses it", function()
    local a, b = support.streams(zmq.PAIR, zmq.PAIR)
    local got = {}
    local function take(msg) got[#got + 1] = msg[1] end
    b:on_recv(take)
    b:on_send(function()
      b:stop_on_recv()
      a:send("while it is paused")
    end)
    a:send("first")
    b:send("x")
    b:flush()
    assert.same({ "first" }, got)
    b:on_recv(take)
    b:flush()
    assert.same({ "first", "while it is paused" }, got)
  end)
end)
