local eddy = require "eddy"
local zmq = require "eddy.zmq"
local support = require "spec.lua.support"

describe("a receiving stream", function()
  local loop, context
  support.each(function(...) loop, context = ... end)

  local function send(socket, ...)
    for _, data in ipairs { ... } do assert(socket:send(data, zmq.DONTWAIT)) end
  end

  it("calls on_recv with a list, also of one frame, and with nothing else", function()
    local stream, push = support.receiver()
    local got = {}
    stream:on_recv(function(...)
      got[#got + 1] = { select("#", ...), ... }
      if #got == 4 then loop:stop() end
    end)
    push:send("one")
    push:send("")
    push:send_multipart { "a", "", "c" }
    push:send_multipart { "", "\0\0x\0" }
    support.run(loop)
    assert.same({ { 1, { "one" } }, { 1, { "" } }, { 1, { "a", "", "c" } },
      { 1, { "", "\0\0x\0" } } }, got)
  end)

  it("calls on_recv_stream with itself and a list", function()
    local stream, push = support.receiver()
    local got
    stream:on_recv_stream(function(...)
      got = { select("#", ...), ... }
      loop:stop()
    end)
    push:send("x")
    support.run(loop)
    assert.equal(2, got[1])
    assert.equal(stream, got[2])
    assert.same({ "x" }, got[3])
  end)

  it("has one handler for many streams", function()
    local first, to_first = support.receiver()
    local second, to_second = support.receiver()
    local got, count = {}, 0
    local function handler(stream, msg)
      got[stream] = msg[1]
      count = count + 1
      if count == 2 then loop:stop() end
    end
    first:on_recv_stream(handler)
    second:on_recv_stream(handler)
    send(to_first, "1")
    send(to_second, "2")
    support.run(loop)
    assert.equal("1", got[first])
    assert.equal("2", got[second])
  end)

  it("reads nothing until somebody listens, and then delivers what waited", function()
    local stream, push = support.receiver()
    send(push, "a", "b")
    support.turns(loop)
    assert.is_false(stream:receiving())
    assert.equal(0, stream:stats().messages_in)
    assert.equal(zmq.POLLIN, stream.socket:poll(0))
    local list, handler = support.collector(2)
    stream:on_recv(handler)
    assert.is_true(stream:receiving())
    support.run(loop)
    assert.equal("a b", support.heads(list))
  end)

  for _, transport in ipairs { "inproc", "tcp" } do
    it("wakes a loop that waits (" .. transport .. ")", function()
      local socket, push = support.pair(zmq.PULL, zmq.PUSH, transport)
      local list, handler = support.collector(3)
      eddy.stream(socket, loop):on_recv(handler)
      local timer
      timer = loop:call_every(3, function()
        push:send("x")
        if #list == 2 then timer:cancel() end
      end)
      support.run(loop)
      assert.equal("x x x", support.heads(list))
    end)
  end

  it("loses nothing when its handler pauses it, and goes on without a new message", function()
    local stream, push = support.receiver()
    local list = {}
    local function handler(msg)
      list[#list + 1] = msg
      if #list == 2 then stream:on_recv(nil) end
      if #list == 5 then loop:stop() end
    end
    stream:on_recv(handler)
    send(push, "1", "2", "3", "4", "5")
    support.turns(loop)
    assert.equal("1 2", support.heads(list))
    assert.is_false(stream:receiving())
    stream:on_recv(handler)
    support.run(loop)
    assert.equal("1 2 3 4 5", support.heads(list))
  end)

  it("loses nothing when another stream's handler pauses it in the same turn", function()
    local streams, got = {}, { {}, {} }
    for i = 1, 2 do
      local stream, push = support.receiver()
      streams[i] = stream
      send(push, "a", "b", "c")
      stream:on_recv(function(msg)
        table.insert(got[i], msg)
        streams[3 - i]:stop_on_recv()
      end)
    end
    support.turns(loop)
    local paused = #got[1] == 0 and 1 or 2
    assert.equal("", support.heads(got[paused]))
    assert.equal("a b c", support.heads(got[3 - paused]))
    local list, handler = support.collector(3)
    streams[paused]:on_recv(handler)
    support.run(loop)
    assert.equal("a b c", support.heads(list))
  end)

  it("delivers in order when it is paused and resumed all the time", function()
    local stream, push = support.receiver()
    local seen = {}
    local function handler(msg)
      seen[#seen + 1] = msg[1]
      stream:on_recv(nil)
      if #seen == 300 then return loop:stop() end
      if #seen % 3 == 0 then return stream:on_recv(handler) end
      if #seen % 3 == 1 then
        return loop:add_callback(function() stream:on_recv(handler) end)
      end
      loop:call_later(0, function() stream:on_recv(handler) end)
    end
    stream:on_recv(handler)
    for i = 1, 300 do send(push, tostring(i)) end
    support.run(loop)
    for i = 1, 300 do assert.equal(tostring(i), seen[i]) end
  end)

  it("goes on with another handler at the next message, none twice and none lost", function()
    local stream, push = support.receiver()
    local first, second, third = {}, {}, {}
    stream:on_recv(function(msg)
      first[#first + 1] = msg
      stream:on_recv_stream(function(_, other)
        second[#second + 1] = other
        if #second < 2 then return end
        stream:stop_on_recv()
        stream:on_recv(function(last)
          third[#third + 1] = last
          loop:stop()
        end)
      end)
    end)
    send(push, "1", "2", "3", "4")
    support.run(loop)
    assert.equal("1", support.heads(first))
    assert.equal("2 3", support.heads(second))
    assert.equal("4", support.heads(third))
  end)

  it("has one place for on_recv and on_recv_stream", function()
    local stream, push = support.receiver()
    local wrong = function() error("paused") end
    stream:on_recv(wrong)
    stream:on_recv_stream(nil)
    assert.is_false(stream:receiving())
    stream:on_recv_stream(wrong)
    stream:on_recv(nil)
    send(push, "x")
    support.turns(loop)
    assert.equal(zmq.POLLIN, stream.socket:poll(0))
  end)

  it("goes on sending while it is paused", function()
    local a, b = support.pair(zmq.PAIR, zmq.PAIR)
    local stream = eddy.stream(a, loop)
    stream:on_recv(error)
    stream:on_recv(nil)
    stream:on_send(function() loop:stop() end)
    stream:send("x")
    support.run(loop)
    assert.equal("x", b:recv())
  end)

  it("takes a table that can be called", function()
    local stream, push = support.receiver()
    local got
    stream:on_recv(setmetatable({}, { __call = function(_, msg)
      got = msg
      loop:stop()
    end }))
    send(push, "x")
    support.run(loop)
    assert.same({ "x" }, got)
  end)

  it("refuses what cannot be called, and changes nothing", function()
    local stream, push = support.receiver()
    local list, handler = support.collector(1)
    stream:on_recv(handler)
    for _, name in ipairs { "on_recv", "on_recv_stream", "on_send", "on_send_stream", "on_err",
        "on_close", "on_full", "on_drain" } do
      for _, wrong in ipairs { 1, "x", {}, true, false } do
        assert.error_matches(function() stream[name](stream, wrong) end,
          name .. ".*function")
      end
    end
    send(push, "x")
    support.run(loop)
    assert.equal("x", support.heads(list))
  end)

  it("takes 64 messages a turn, then the others and the timers have theirs", function()
    local stream, push = support.receiver()
    local a_turn, total, timer_at = {}, 0, nil
    stream:on_recv(function()
      local turn = loop:stats().turns
      a_turn[turn] = (a_turn[turn] or 0) + 1
      total = total + 1
      if total == 1 then loop:call_later(0, function() timer_at = total end) end
      if total == 500 then loop:stop() end
    end)
    for _ = 1, 500 do send(push, "x") end
    support.run(loop)
    for _, count in pairs(a_turn) do assert.is_true(count <= 64) end
    assert.is_true(timer_at <= 128)
  end)

  it("takes as many a turn as set_budget says", function()
    local order = {}
    for i = 1, 2 do
      local stream, push = support.receiver()
      stream:set_budget(1)
      stream:on_recv(function()
        order[#order + 1] = i
        if #order == 40 then loop:stop() end
      end)
      for _ = 1, 20 do send(push, "x") end
    end
    support.run(loop)
    for i = 1, 39, 2 do assert.equal(3, order[i] + order[i + 1]) end
  end)

  -- Three streams of these priorities, with 20 messages each and a budget of 4: the order in which
  -- their messages come.
  local function order_of(priorities)
    local order, pushes = {}, {}
    for i, priority in ipairs(priorities) do
      local stream, push = support.receiver()
      pushes[i] = push
      stream:set_budget(4)
      stream:set_priority(priority)
      stream:on_recv(function()
        order[#order + 1] = i
        if #order == 20 * #priorities then loop:stop() end
      end)
    end
    for _ = 1, 20 do
      for _, push in ipairs(pushes) do send(push, "x") end
    end
    support.run(loop)
    return table.concat(order)
  end

  it("is served before those with a lower priority, and whole", function()
    local function ten(i) return (i):rep(20) end
    assert.equal(ten "2" .. ten "3" .. ten "1", order_of { -1, 10, 0 })
    assert.equal(ten "3" .. ten "2" .. ten "1", order_of { 0, 1, 2 })
  end)

  it("shares the turns with those of its priority", function()
    local order = order_of { 5, 5, 5 }
    assert.is_truthy(order:sub(1, 12):find("1") and order:sub(1, 12):find("2") and
      order:sub(1, 12):find("3"))
    order = order_of { 0, 7, 0 }
    assert.equal(("2"):rep(20), order:sub(1, 20))
    assert.is_nil(order:find(("1"):rep(20), 1, true))
  end)

  it("holds up no timer, and takes a priority back", function()
    local stream, push = support.receiver()
    local low, low_push = support.receiver()
    local timer_at, total = nil, 0
    stream:set_priority(3)
    stream:on_recv(function()
      total = total + 1
      if total == 1 then loop:call_later(0, function() timer_at = total end) end
      if total == 200 then stream:set_priority(0) end
      send(push, "x")
    end)
    low:on_recv(function() loop:stop() end)
    for _ = 1, 100 do send(push, "x") end
    send(low_push, "x")
    support.run(loop)
    assert.is_true(timer_at <= 128)
    assert.is_true(total >= 200)
  end)

  it("refuses a priority that is none", function()
    local stream = support.receiver()
    for _, wrong in ipairs { 1.5, 0 / 0, math.huge, "x", {}, 2 ^ 31 } do
      assert.error_matches(function() stream:set_priority(wrong) end, "set_priority")
    end
    stream:close()
    assert.error_matches(function() stream:set_priority(1) end, "closed")
  end)

  it("refuses a budget that is none", function()
    local stream = support.receiver()
    for _, wrong in ipairs { 0, -1, 1.5, 0 / 0, math.huge, "x", {} } do
      assert.error_matches(function() stream:set_budget(wrong) end, "set_budget")
    end
    assert.error(function() stream:set_budget() end)
  end)

  it("receives messages of more frames than Lua's stack has room for", function()
    local stream, push = support.receiver()
    local frames = {}
    for i = 1, 20000 do frames[i] = i % 3 == 0 and "" or i .. "\0" end
    local list, handler = support.collector(1)
    stream:on_recv(handler)
    push:send_multipart(frames)
    support.run(loop)
    assert.equal(20000, #list[1])
    assert.same(frames, list[1])
  end)

  it("receives a message of 10 MB over tcp, and small ones around it", function()
    local socket, push = support.pair(zmq.PULL, zmq.PUSH, "tcp")
    local stream = eddy.stream(socket, loop)
    local list, handler = support.collector(3)
    stream:on_recv(handler)
    local large = ("0123456789abcdef"):rep(10 * 2 ^ 16)
    send(push, "before", large, "after")
    support.run(loop)
    assert.is_true(list[2][1] == large)
    assert.equal("after", list[3][1])
    assert.equal(#large + 11, stream:stats().bytes_in)
    assert.equal(3, stream:stats().messages_in)
  end)

  it("answers requests, message by message", function()
    local server, client = support.streams(zmq.REP, zmq.REQ)
    server:on_recv(function(msg) server:send_multipart(msg) end)
    local rounds = 0
    client:on_recv(function(msg)
      rounds = rounds + 1
      assert(msg[1] == tostring(rounds))
      if rounds == 200 then return loop:stop() end
      client:send(tostring(rounds + 1))
    end)
    client:send("1")
    support.run(loop)
    assert.equal(200, rounds)
  end)

  it("has its socket's ways to connect, subscribe and set options", function()
    local socket = context:socket(zmq.SUB, { linger = 0 })
    local stream = eddy.stream(socket, loop)
    local port = stream:bind_to_random_port("tcp://127.0.0.1")
    stream:unbind(stream:get("last_endpoint"))
    local endpoint = stream:bind(support.inproc())
    stream:set("rcvhwm", 7)
    assert.equal(7, socket.rcvhwm)
    assert.is_true(port > 0)
    stream:subscribe("a")
    local pub = context:socket(zmq.PUB, { linger = 0, connect = endpoint })
    local got, collect = support.collector(2)
    stream:on_recv(collect)
    local timer = loop:call_every(1, function()
      pub:send("b")
      pub:send("a" .. #got)
    end)
    support.run(loop)
    timer:cancel()
    assert.equal("a0 a1", support.heads(got))
    stream:unsubscribe("a")
    local other = support.inproc()
    stream:connect(other)
    stream:disconnect(other)
    stream:close()
    for _, name in ipairs { "bind", "unbind", "connect", "disconnect", "subscribe", "get" } do
      assert.error_matches(function() stream[name](stream, "x") end, name .. ": the stream")
    end
  end)

  it("knows how long its handler took", function()
    local stream, push = support.receiver()
    assert.equal(0, stream:stats().handler_time)
    stream:on_recv(function()
      support.busy(5)
      loop:stop()
    end)
    push:send("x")
    support.run(loop)
    local took = stream:stats().handler_time
    assert.is_true(took >= 5 and took < 5000)
  end)

  it("has one stream a socket, and a socket at all", function()
    local stream = support.receiver()
    local ok, err = pcall(eddy.stream, stream.socket, loop)
    assert.is_false(ok)
    assert.equal("EEXIST", err.name)
    local socket = tostring(stream.socket)
    assert.matches("stream: the " .. socket .. " has a stream already", tostring(err), 1, true)
    local watched = context:socket(zmq.PULL)
    loop:add_handler(watched, print)
    assert.error_matches(function() eddy.stream(watched, loop) end, "has a handler already")
    loop:remove_handler(watched)
    watched:close()
    for _, wrong in ipairs { 1, "x", {}, stream } do
      assert.error_matches(function() eddy.stream(wrong, loop) end, "expected a socket")
    end
    local closed = context:socket(zmq.PULL)
    closed:close()
    ok, err = pcall(eddy.stream, closed, loop)
    assert.is_false(ok)
    assert.equal("ENOTSOCK", err.name)
  end)

  -- Such frames take too much memory to be sent here: the inbox is one that the core would fill.
  it("has no frame of 2 GiB in a string, and goes on after its message", function()
    local receive = require "eddy.stream.receive"
    for count = 1, 4 do
      for large = 1, count do
        local inbox, got = { head = 0, tail = count + 1, busy = 0, parts = {} }, {}
        for i = 1, count do
          local size = i == large and -1 or 1
          inbox.parts[i - 1] = { data = "x", size = size, more = count - i }
        end
        inbox.parts[count] = { data = "next", size = 4, more = 0 }
        local stream = { loop = {}, _copy = true, _on_recv = function(msg) got[#got + 1] = msg end }
        local ok, err = pcall(receive.drain, stream, inbox)
        assert.is_false(ok)
        assert.message(tostring(err)).equal("EMSGSIZE", err.name)
        receive.drain(stream, inbox)
        assert.same({ { "next" } }, got)
      end
    end
  end)
end)
