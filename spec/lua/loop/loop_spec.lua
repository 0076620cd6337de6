local eddy = require "eddy"
local zmq = require "eddy.zmq"
local support = require "spec.lua.support"

describe("a loop", function()
  local loop, context
  support.each(function(...) loop, context = ... end)

  describe("of several", function()
    it("is a new one each time, and not the default", function()
      local other = eddy.loop.new()
      assert.not_equal(loop, other)
      assert.not_equal(eddy.loop.instance(), other)
      other:close()
    end)

    it("may be the default one, which is always the same", function()
      assert.equal(eddy.loop.instance(), eddy.loop.instance())
      assert.equal(eddy.loop.instance(), eddy.loop.current())
    end)

    it("is the current one while it runs", function()
      local seen
      loop:add_callback(function()
        seen = eddy.loop.current()
        loop:stop()
      end)
      support.run(loop)
      assert.equal(loop, seen)
      assert.equal(eddy.loop.instance(), eddy.loop.current())
    end)

    it("is where a stream is made in a handler", function()
      local stream
      loop:add_callback(function()
        stream = eddy.stream(context:socket(zmq.PULL))
        loop:stop()
      end)
      support.run(loop)
      assert.equal(loop, stream.loop)
    end)

    it("is installed once, and again, but not when another is", function()
      local text, status = support.script [[
        local loop = require("eddy").loop
        local mine = loop.new()
        assert(loop.install(mine) == mine)
        assert(loop.install(mine) == mine and loop.install() == mine and mine:install() == mine)
        assert(loop.instance() == mine and loop.current() == mine)
        local other = loop.new()
        print(pcall(loop.install, other))
        print(pcall(other.install, other))
        assert(loop.instance() == mine)
      ]]
      assert.matches("false.*another loop.*false.*another loop", text)
      assert.equal(0, status)
    end)

    it("is installed after instance() only if it is that", function()
      local text = support.script [[
        local loop = require("eddy").loop
        local first = loop.instance()
        assert(loop.install() == first and loop.install(first) == first)
        print(pcall(loop.install, loop.new()))
      ]]
      assert.matches("false.*another loop", text)
    end)
  end)

  describe("made current", function()
    it("is so while none runs", function()
      local other = eddy.loop.new()
      loop:make_current()
      assert.equal(loop, eddy.loop.current())
      local inside
      other:add_callback(function()
        inside = eddy.loop.current()
        other:stop()
      end)
      support.run(other)
      assert.equal(other, inside)
      assert.equal(loop, eddy.loop.current())
      eddy.loop.make_current(other)
      assert.equal(other, eddy.loop.current())
      other:close()
      assert.equal(eddy.loop.instance(), eddy.loop.current())
      loop:make_current()
      eddy.loop.clear_current()
      eddy.loop.clear_current()
      assert.equal(eddy.loop.instance(), eddy.loop.current())
      assert.error_matches(function() eddy.loop.make_current(1) end, "expected a loop")
    end)

    it("or default is not made by asking for it", function()
      local text, status = support.script [[
        local loop = require("eddy").loop
        assert(not loop.initialized() and loop.current(false) == nil and not loop.initialized())
        local first = loop.instance()
        assert(loop.initialized() and loop.current(false) == first)
        loop.clear_instance()
        assert(not loop.initialized())
        local second = loop.instance()
        assert(second ~= first)
        first:close()
        assert(loop.instance() == second)
        second:close()
        assert(not loop.initialized())
      ]]
      assert.equal("", text)
      assert.equal(0, status)
    end)
  end)

  describe("starts and stops", function()
    it("and starts again", function()
      local count = 0
      for _ = 1, 5 do
        loop:call_later(0, function()
          count = count + 1
          assert(loop:running())
          loop:stop()
        end)
        assert.is_false(loop:running())
        support.run(loop)
      end
      assert.equal(5, count)
      assert.is_false(loop:running())
    end)

    it("before it starts: that start returns at once, the next one runs", function()
      local called = false
      loop:add_callback(function()
        called = true
        loop:stop()
      end)
      loop:stop()
      loop:stop()
      loop:start()
      assert.is_false(called)
      support.run(loop)
      assert.is_true(called)
    end)

    it("in a callback, and does not wait any more", function()
      loop:call_later(60000, error)
      loop:add_callback(loop.stop, loop)
      support.run(loop)
    end)

    it("not while it runs, and not while another one does", function()
      local other, caught = eddy.loop.new(), {}
      loop:add_callback(function()
        for i, each in ipairs { loop, other } do caught[i] = select(2, pcall(each.start, each)) end
        loop:add_callback(loop.stop, loop)
      end)
      support.run(loop)
      assert.matches("already running", caught[1])
      assert.matches("already running", caught[2])
      other:add_callback(other.stop, other)
      support.run(other)
      other:close()
    end)

    it("and keeps the callbacks that were queued, in order", function()
      local order = {}
      for i = 1, 4 do
        loop:add_callback(function()
          order[#order + 1] = i
          if i % 2 == 0 then loop:stop() end
          if i == 1 then loop:add_callback(function() order[#order + 1] = 5 end) end
        end)
      end
      support.run(loop)
      assert.same({ 1, 2 }, order)
      support.run(loop)
      assert.same({ 1, 2, 3, 4 }, order)
      support.turns(loop, 2)
      assert.same({ 1, 2, 3, 4, 5 }, order)
    end)

    it("and keeps the rest of a stream's messages", function()
      local stream, push = support.receiver()
      local got = {}
      stream:on_recv(function(msg)
        got[#got + 1] = msg
        if #got % 2 == 0 then loop:stop() end
      end)
      for i = 1, 6 do push:send(tostring(i), zmq.DONTWAIT) end
      support.run(loop)
      assert.equal("1 2", support.heads(got))
      support.run(loop)
      support.run(loop)
      assert.equal("1 2 3 4 5 6", support.heads(got))
    end)

    it("and keeps what other streams and timers have in the same turn", function()
      local seen = {}
      for i = 1, 3 do
        local stream, push = support.receiver()
        push:send("x", zmq.DONTWAIT)
        stream:on_recv(function()
          seen[#seen + 1] = "stream"
          loop:stop()
        end)
        loop:call_later(-i, function()
          seen[#seen + 1] = "timer"
          loop:stop()
        end)
      end
      for i = 1, 6 do
        loop:start()
        assert.equal(i, #seen)
      end
      assert.same({ "stream", "stream", "stream", "timer", "timer", "timer" }, seen)
    end)

    it("and forgets what is closed or cancelled meanwhile", function()
      local stream, push = support.receiver()
      stream:on_recv(error)
      push:send("x", zmq.DONTWAIT)
      local timer = loop:call_later(-1, error)
      local other, to_other = support.receiver()
      other:set_budget(1)
      other:on_recv(function() loop:stop() end)
      to_other:send("x", zmq.DONTWAIT)
      loop:on_signal("USR1", error)
      loop:add_callback(loop.stop, loop)
      support.run(loop)
      stream:stop_on_recv()
      support.run(loop)
      stream:close()
      timer:cancel()
      support.turns(loop)
    end)

    it("when a worker's handler says so, as programs do", function()
      local commands, to_commands = support.receiver()
      local socket, publisher = support.pair(zmq.SUB, zmq.PUB)
      socket:subscribe("9")
      local topics, got = eddy.stream(socket, loop), {}
      topics:on_recv(function(msg) got[#got + 1] = msg end)
      local seen = 0
      commands:on_recv(function(msg)
        seen = seen + 1
        if msg[1] == "Exit" then loop:stop() end
      end)
      local sent = 0
      local timer = loop:call_every(1, function()
        publisher:send_multipart { sent % 2 == 0 and "8" or "9", "data" }
        to_commands:send(sent == 6 and "Exit" or "Continue")
        sent = sent + 1
      end)
      support.run(loop)
      timer:cancel()
      assert.equal(7, seen)
      assert.equal("9 9 9", support.heads(got))
    end)
  end)

  describe("has callbacks that", function()
    it("run in the order of the calls, with their arguments", function()
      local seen = {}
      for i = 1, 20 do
        loop:add_callback(function(...) seen[i] = { select("#", ...), ... } end, i, nil, "x", nil)
      end
      loop:add_callback(function(...) seen[21] = select("#", ...) end)
      support.turns(loop, 1)
      for i = 1, 20 do assert.same({ 4, i, nil, "x", nil }, seen[i]) end
      assert.equal(0, seen[21])
    end)

    it("run in the next turn when a callback adds them", function()
      local turns, left = {}, 3
      local function again()
        turns[#turns + 1] = loop:stats().turns
        left = left - 1
        if left == 0 then loop:stop() else loop:add_callback(again) end
      end
      loop:add_callback(again)
      support.run(loop)
      assert.equal(turns[1] + 1, turns[2])
      assert.equal(turns[2] + 1, turns[3])
    end)

    it("do not keep timers and streams from their share", function()
      local stream, push = support.receiver()
      local seen, ended = {}, false
      stream:on_recv(function() seen.message = true end)
      loop:call_later(1, function() seen.timer = true end)
      local function again()
        if seen.message and seen.timer then loop:stop() end
        if not ended then loop:add_callback(again) end
      end
      again()
      push:send("x")
      support.run(loop)
      ended = true
      support.turns(loop, 1)
    end)

    it("run though the loop would have waited for its next timer", function()
      local stream, push = support.receiver()
      stream:on_recv(function() loop:add_callback(loop.stop, loop) end)
      push:send("x")
      support.run(loop)
    end)

    it("cost nothing but themselves when they fail", function()
      local ran = 0
      loop:add_callback(function() ran = ran + 1 end)
      loop:add_callback(function() error("on purpose") end)
      loop:add_callback(function() ran = ran + 1 end)
      support.turns(loop, 1)
      assert.equal(2, ran)
      assert.matches("callback %(.*loop_spec.lua:%d+%).*on purpose", support.take_log())
    end)

    it("must be functions", function()
      for _, wrong in ipairs { 1, "x", {} } do
        assert.error_matches(function() loop:add_callback(wrong) end, "add_callback.*function")
      end
      assert.error_matches(function() loop:add_callback() end, "add_callback.*function")
    end)
  end)

  it("tells what it has, and never missed a wake-up", function()
    local stream, push = support.receiver()
    local stats = loop:stats()
    assert.same({ 1, 0, 0, 0, 0 },
      { stats.streams, stats.timers, stats.handlers, stats.errors, stats.missed_wakeups })
    stream:on_recv(function(msg) if msg[1] == "100" then loop:stop() end end)
    for i = 1, 100 do push:send(tostring(i)) end
    local timer = loop:call_every(1000, error)
    assert.equal(1, loop:stats().timers)
    support.run(loop)
    timer:cancel()
    stats = loop:stats()
    assert.is_true(stats.turns >= 2 and stats.events >= 2)
    assert.equal(0, stats.missed_wakeups)
  end)

  it("counts no more what is closed or cancelled", function()
    local timers = { loop:call_later(1, error), loop:call_every(1, error) }
    local stream = support.receiver()
    local watched = context:socket(zmq.PULL)
    loop:add_handler(watched, error)
    local stats = loop:stats()
    assert.same({ 1, 2, 1 }, { stats.streams, stats.timers, stats.handlers })
    for _, timer in ipairs(timers) do timer:cancel() end
    loop:remove_handler(watched)
    stream:close()
    stats = loop:stats()
    assert.same({ 0, 0, 0 }, { stats.streams, stats.timers, stats.handlers })
  end)

  it("misses nothing while its sockets are used from all sides", function()
    local rounds, streams = 0, {}
    for i = 1, 20 do
      local server, client = support.streams(zmq.DEALER, zmq.DEALER, i % 2 == 0 and "tcp" or nil)
      streams[#streams + 1] = server
      server:on_recv(function(msg)
        server:send_multipart(msg)
        streams[rounds % #streams + 1].socket:get("EVENTS")
      end)
      client:on_recv(function()
        rounds = rounds + 1
        if rounds >= 2000 then return loop:stop() end
        client.socket:poll(0)
        client:send("x")
      end)
      client:send("x")
    end
    support.run(loop)
    assert.equal(0, loop:stats().missed_wakeups)
  end)

  it("runs beside others, one after the other", function()
    local other, order = eddy.loop.new(), {}
    loop:call_later(1, function()
      order[#order + 1] = "first"
      loop:stop()
    end)
    other:call_later(0, function()
      order[#order + 1] = "second"
      other:stop()
    end)
    support.run(loop)
    support.run(other)
    other:close()
    assert.same({ "first", "second" }, order)
  end)

  it("has a text for people, as futures and tasks have", function()
    assert.equal("a loop", tostring(loop))
    assert.equal("the default loop", tostring(eddy.loop.instance()))
    local closed = eddy.loop.new()
    closed:close()
    assert.equal("a loop (closed)", tostring(closed))
    local future = eddy.future.new(loop)
    assert.equal("future (pending)", tostring(future))
    future:cancel()
    assert.equal("future (cancelled)", tostring(future))
    local task = loop:spawn(function() end)
    assert.matches("^task %(.*loop_spec%.lua:%d+%) %(pending%)$", tostring(task))
  end)
end)
