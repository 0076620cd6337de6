local eddy = require "eddy"
local zmq = require "eddy.zmq"
local support = require "spec.lua.support"

describe("a stream's send queue", function()
  local loop, context, stream, endpoint
  support.each(function(...)
    loop, context = ...
    local socket
    socket, endpoint = support.lonely(zmq.PUSH)
    stream = eddy.stream(socket, loop)
  end)

  local function drain() return (support.receive_all(support.drain(stream, endpoint))) end

  local function send(first, last)
    local results = {}
    for i = first, last do results[#results + 1] = stream:send(tostring(i)) or false end
    return results
  end

  it("holds 64 MiB unless told otherwise, and then says so", function()
    local data = ("x"):rep(2 ^ 20)
    for _ = 1, 64 do assert.is_true(stream:send(data)) end
    local ok, err = stream:send("x")
    assert.is_nil(ok)
    assert.equal("ENOBUFS", err.name)
    assert.equal(zmq.ENOBUFS, err.code)
    assert.matches(endpoint, tostring(err), 1, true)
    assert.equal(2 ^ 26, stream:stats().queued_bytes)
    stream:close(0)
    support.take_log()
  end)

  it("refuses what is too much, and keeps what it has", function()
    local called = false
    stream:set_send_limit { messages = 2 }
    stream:on_send(function(msg) called = called or msg[1] == "3" end)
    assert.same({ true, true, false }, send(1, 3))
    local ok, err = stream:send("3", { callback = error })
    assert.is_nil(ok)
    assert.equal("ENOBUFS", err.name)
    assert.equal("1 2", drain())
    assert.is_false(called)
    assert.is_true(stream:send("4"))
  end)

  it("counts the bytes of all frames", function()
    stream:set_send_limit { bytes = 10 }
    assert.is_true(stream:send_multipart { "aaaa", "", "bbbb" })
    assert.is_nil((stream:send_multipart { "a", "b", "c" }))
    assert.is_true(stream:send("cc"))
    assert.is_nil((stream:send("d")))
    assert.equal("aaaa cc", drain())
  end)

  it("drops the newest, counts them, and takes them for sent", function()
    stream:set_send_limit { messages = 2, policy = "drop_newest" }
    assert.same({ true, true, true, true, true }, send(1, 5))
    assert.equal(3, stream:stats().dropped)
    assert.equal("1 2", drain())
  end)

  it("drops the oldest, counts them, and tells their callbacks", function()
    stream:set_send_limit { messages = 2, policy = "drop_oldest" }
    local told = {}
    stream:on_send(function(msg, err) told[#told + 1] = msg[1] .. (err and err.name or "") end)
    assert.same({ true, true, true, true, true }, send(1, 5))
    assert.equal(3, stream:stats().dropped)
    assert.equal(2, stream:stats().queued)
    assert.same({}, told)
    stream:on_err(function() end)
    assert.equal("4 5", drain())
    assert.same({ "1ENOBUFS", "2ENOBUFS", "3ENOBUFS", "4", "5" }, told)
  end)

  it("drops as many old ones as a large one needs, by bytes", function()
    stream:set_send_limit { bytes = 4, policy = "drop_oldest" }
    send(1, 4)
    stream:send("abc")
    assert.equal("4 abc", drain())
  end)

  it("tells on_full from the loop, and on_drain when half of it has gone", function()
    local told = {}
    stream:set_send_limit { messages = 10 }
    stream:on_full(function(full)
      told[#told + 1] = "full"
      assert(full == stream)
    end)
    stream:on_drain(function(drained)
      told[#told + 1] = "drain"
      assert(drained == stream)
      assert(stream:stats().queued <= 5)
    end)
    send(1, 9)
    support.turns(loop)
    assert.same({}, told)
    send(10, 10)
    assert.same({}, told)
    support.turns(loop)
    assert.same({ "full" }, told)
    send(11, 13)
    support.turns(loop)
    assert.same({ "full" }, told)
    drain()
    assert.same({ "full", "drain" }, told)
    send(14, 15)
    support.turns(loop)
    assert.same({ "full", "drain" }, told)
  end)

  it("tells an on_full that is set late, once, and none after a drain", function()
    local told = {}
    local function on_full(name) stream:on_full(function() told[#told + 1] = name end) end
    stream:set_send_limit { messages = 2 }
    send(1, 2)
    support.turns(loop)
    on_full "late"
    assert.same({}, told)
    support.turns(loop)
    assert.same({ "late" }, told)
    on_full "second"
    support.turns(loop)
    drain()
    on_full "third"
    support.turns(loop)
    assert.same({ "late" }, told)
  end)

  it("knows the most that ever waited", function()
    send(1, 12)
    drain()
    local stats = stream:stats()
    assert.same({ 0, 12, 15 }, { stats.queued, stats.high_water, stats.high_water_bytes })
  end)

  it("tells on_full and on_drain with every policy", function()
    for _, policy in ipairs { "drop_newest", "drop_oldest" } do
      local told = {}
      local socket
      socket, endpoint = support.lonely(zmq.PUSH)
      stream = eddy.stream(socket, loop)
      stream:set_send_limit { messages = 2, policy = policy }
      stream:on_full(function() told[#told + 1] = "full" end)
      stream:on_drain(function() told[#told + 1] = "drain" end)
      send(1, 4)
      drain()
      assert.same({ "full", "drain" }, told)
    end
  end)

  it("can be kept moving by on_full and on_drain alone", function()
    local socket = stream.socket
    socket.sndhwm = 2
    local peer = context:socket(zmq.PULL, { linger = 0, rcvhwm = 2 })
    local next_one, got = 1, {}
    stream:set_send_limit { messages = 4 }
    local function fill()
      while next_one <= 200 and stream:send(tostring(next_one)) do next_one = next_one + 1 end
    end
    stream:on_drain(fill)
    eddy.stream(peer, loop):on_recv(function(msg)
      got[#got + 1] = msg
      if #got == 200 then loop:stop() end
    end)
    fill()
    peer:connect(endpoint)
    support.run(loop)
    for i = 1, 200 do assert.equal(tostring(i), got[i][1]) end
  end)

  it("refuses a message that is larger than all of it, and is not full for that", function()
    stream:set_send_limit { bytes = 4 }
    stream:on_full(error)
    stream:on_drain(error)
    local sent, err = stream:send("too large")
    assert.is_nil(sent)
    assert.equal("EMSGSIZE", err.name)
    support.turns(loop)
    context:socket(zmq.PULL, { linger = 0, connect = endpoint })
    support.turns(loop)
  end)

  it("that may hold nothing tells on_drain when the socket can take something", function()
    stream:set_send_limit { messages = 0 }
    stream:on_drain(function() loop:stop() end)
    local sent, err = stream:send("x")
    assert.is_nil(sent)
    assert.equal("ENOBUFS", err.name)
    context:socket(zmq.PULL, { linger = 0, connect = endpoint })
    support.run(loop)
    assert.is_true(stream:send("x"))
  end)

  it("keeps to new limits, and not to old ones", function()
    stream:set_send_limit { messages = 1 }
    assert.same({ true, false }, send(1, 2))
    stream:set_send_limit {}
    assert.same({ true, true }, send(3, 4))
    stream:set_send_limit { messages = 1 }
    assert.same({ false }, send(5, 5))
    assert.equal("1 3 4", drain())
  end)

  it("sends at once what the socket takes, whatever the limit", function()
    stream:set_send_limit { messages = 0, bytes = 0 }
    local peer = context:socket(zmq.PULL, { linger = 0, connect = endpoint })
    assert.equal(zmq.POLLOUT, stream.socket:poll(1000, zmq.POLLOUT))
    assert.is_true(stream:send("xyz"))
    assert.equal("xyz", peer:recv())
  end)

  it("has a coroutine of the script's wait for room, and a handler not", function()
    stream:set_send_limit { messages = 1 }
    local inside = {}
    loop:add_callback(function()
      inside[1], inside[2] = stream:send("1"), (stream:send("refused"))
    end)
    local sender = loop:spawn(function()
      for i = 2, 5 do assert(stream:send(tostring(i))) end
      assert(stream:send_multipart { "6" })
    end)
    support.turns(loop)
    assert.same({ true, nil }, inside)
    assert.is_false(sender:done())
    assert.equal(1, stream:stats().queued)
    local peer = context:socket(zmq.PULL, { linger = 0, connect = endpoint })
    sender:await()
    local got = {}
    for i = 1, 6 do got[i] = peer:recv() end
    assert.equal("1 2 3 4 5 6", table.concat(got, " "))
  end)

  it("sends what waited for room as it was at the call", function()
    stream:set_send_limit { messages = 1 }
    local parts = { "as it was" }
    local sender = loop:spawn(function()
      stream:send("1")
      assert(stream:send_multipart(parts))
    end)
    support.turns(loop)
    assert.is_false(sender:done())
    parts[1] = "changed"
    local peer = context:socket(zmq.PULL, { linger = 0, connect = endpoint })
    sender:await()
    assert.same({ "1", "as it was" }, { peer:recv(), peer:recv() })
  end)

  it("ends the wait for room when the stream is closed, or the task cancelled", function()
    stream:set_send_limit { messages = 1 }
    stream:send("1")
    local cancelled = loop:spawn(function() return stream:send("2") end)
    local closed = loop:spawn(function() return stream:send("3") end)
    support.turns(loop)
    assert.is_true(cancelled:cancel())
    stream:close(0)
    support.take_log()
    assert.error_matches(function() closed:await() end, "closed")
  end)

  it("has room for a coroutine that waits as soon as larger limits make some", function()
    stream:set_send_limit { messages = 1 }
    local sender = loop:spawn(function() return stream:send("1") and stream:send("2") end)
    support.turns(loop)
    assert.is_false(sender:done())
    stream:set_send_limit { messages = 2 }
    support.turns(loop, 3)
    assert.is_true(sender:result())
    assert.equal("1 2", drain())
  end)

  it("has room later for others than the task that was cancelled", function()
    local socket, where = support.lonely(zmq.PUSH)
    local other = eddy.stream(socket, loop)
    other:set_send_limit { messages = 1 }
    other:send("1")
    local cancelled = loop:spawn(function() return other:send("never") end)
    support.turns(loop)
    cancelled:cancel()
    local sender = loop:spawn(function() return other:send("2") end)
    support.turns(loop)
    local peer = context:socket(zmq.PULL, { linger = 0, connect = where })
    assert.is_true(sender:await())
    assert.same({ "1", "2" }, { peer:recv(), peer:recv() })
  end)

  it("refuses limits that are none, and changes nothing", function()
    stream:set_send_limit { messages = 1 }
    for _, wrong in ipairs { 5, "x", { messages = -1 }, { messages = "x" }, { bytes = 0 / 0 },
        { bytes = {} }, { policy = "drop" }, { policy = 5 }, { messages = 9, policy = "x" },
        { messages = 9, mesages = 9 } } do
      assert.error_matches(function() stream:set_send_limit(wrong) end, "set_send_limit")
    end
    assert.error_matches(function() stream:set_send_limit() end, "set_send_limit")
    assert.error_matches(function() stream:set_send_limit { mesages = 9 } end, "'mesages'")
    assert.same({ true, false }, send(1, 2))
    assert.equal("1", drain())
  end)
end)
