local support = require "spec.lua.support"
local zmq = require "eddy.zmq"

describe("a stream's handler that waits", function()
  local loop
  support.each(function(...) loop = ... end)

  local function suspend(ms) support.suspend(loop, ms) end

  it("suspends itself, and neither the loop nor other streams", function()
    local slow, to_slow = support.streams(zmq.PULL, zmq.PUSH)
    local quick, to_quick = support.streams(zmq.PULL, zmq.PUSH)
    local order, ticks = {}, 0
    local timer = loop:call_every(1, function() ticks = ticks + 1 end)
    slow:on_recv(function(msg)
      repeat suspend(1) until #order == 1 and ticks > 5
      order[#order + 1] = msg[1]
      loop:stop()
    end)
    quick:on_recv(function(msg) order[#order + 1] = msg[1] end)
    to_slow:send("slow")
    loop:call_later(5, function() to_quick:send("quick") end)
    support.run(loop)
    timer:cancel()
    assert.same({ "quick", "slow" }, order)
  end)

  it("has the next message wait for it, and loses none", function()
    local stream, sender = support.streams(zmq.PULL, zmq.PUSH)
    local order, inside = {}, 0
    stream:on_recv(function(msg)
      inside = inside + 1
      assert.equal(1, inside)
      if tonumber(msg[1]) % 7 == 0 then suspend(1) end
      inside = inside - 1
      order[#order + 1] = tonumber(msg[1])
      if #order == 200 then loop:stop() end
    end)
    for i = 1, 200 do sender:send(tostring(i)) end
    support.run(loop)
    for i = 1, 200 do assert.equal(i, order[i]) end
  end)

  it("overlaps with the next messages, up to as many as set_concurrency says", function()
    for _, limit in ipairs { 3, math.huge } do
      local stream, sender = support.streams(zmq.PULL, zmq.PUSH)
      local inside, most, count = 0, 0, 0
      stream:set_concurrency(limit)
      stream:on_recv(function()
        inside = inside + 1
        most = math.max(most, inside)
        suspend(5)
        inside, count = inside - 1, count + 1
        if count == 10 then loop:stop() end
      end)
      for i = 1, 10 do sender:send(tostring(i)) end
      support.run(loop)
      assert.equal(math.min(limit, 10), most)
      assert.error_matches(function() stream:set_concurrency(0) end, "at least 1")
    end
  end)

  it("as on_send's does holds up no word of other messages", function()
    local stream = support.streams(zmq.PUSH, zmq.PULL)
    local begun, ended = {}, {}
    stream:on_send(function(msg)
      begun[#begun + 1] = msg[1]
      suspend(2)
      ended[#ended + 1] = msg[1]
      if #ended == 4 then loop:stop() end
    end)
    for i = 1, 4 do stream:send(tostring(i)) end
    support.run(loop)
    assert.same({ "1", "2", "3", "4" }, begun)
    assert.same(begun, ended)
  end)

  it("as on_send's does may have flushed first, and each message is told of once", function()
    local stream = support.streams(zmq.PUSH, zmq.PULL)
    local begun = {}
    stream:on_send(function(msg)
      begun[#begun + 1] = msg[1]
      if msg[1] == "2" then stream:flush() end
      suspend(2)
    end)
    for i = 1, 4 do stream:send(tostring(i)) end
    support.wait(loop, function() return #begun >= 4 end)
    support.turns(loop)
    assert.same({ "1", "2", "3", "4" }, begun)
  end)

  it("ends the flush that called it, which takes nothing of another stream's", function()
    local one, to_one = support.streams(zmq.PULL, zmq.PUSH)
    local other, to_other = support.streams(zmq.PULL, zmq.PUSH)
    local got, kept = {}, {}
    local task = loop:spawn(function()
      one:on_recv(function(msg)
        got[#got + 1] = msg[1]
        if msg[1] == "1" then suspend(20) end
      end)
      return one:flush(zmq.POLLIN)
    end)
    other:on_recv(function(msg)
      kept[#kept + 1] = msg[1]
      if #kept == 3 then other:stop_on_recv() end
    end)
    for i = 1, 3 do to_one:send(tostring(i)) end
    loop:call_later(5, function()
      for i = 1, 6 do to_other:send("other " .. i) end
    end)
    assert.equal(1, task:await())
    assert.same({ "1", "2", "3" }, got)
    assert.same({ "other 1", "other 2", "other 3" }, kept)
  end)

  it("fails alone, with its name, after it waited", function()
    local stream, sender = support.streams(zmq.PULL, zmq.PUSH)
    local count = 0
    stream.name = "the waiting one"
    stream:on_recv(function()
      count = count + 1
      suspend(1)
      if count == 1 then error("on purpose") end
      loop:stop()
    end)
    sender:send("a")
    sender:send("b")
    support.run(loop)
    assert.equal(2, count)
    local log = support.take_log()
    assert.matches("the waiting one: .*on purpose", log)
    assert.matches("stream/wait_spec%.lua", log)
  end)

  it("may be paused, resumed, replaced and closed meanwhile", function()
    for _, act in ipairs {
      function(stream) stream:on_recv(nil) end,
      function(stream) stream:close(0) end,
    } do
      local stream, sender = support.streams(zmq.PULL, zmq.PUSH)
      local count, went_on = 0, false
      stream:on_recv(function()
        count = count + 1
        suspend(10)
        went_on = true
        loop:call_later(5, loop.stop, loop)
      end)
      sender:send("a")
      sender:send("b")
      loop:call_later(3, act, stream)
      support.run(loop)
      assert.is_true(went_on)
      assert.equal(1, count)
    end
    local stream, sender = support.streams(zmq.PULL, zmq.PUSH)
    local got = {}
    stream:on_recv(function(msg)
      got[#got + 1] = "first " .. msg[1]
      stream:on_recv(nil)
      stream:on_recv(function(next)
        got[#got + 1] = "second " .. next[1]
        loop:stop()
      end)
      suspend(5)
    end)
    sender:send("a")
    sender:send("b")
    support.run(loop)
    assert.same({ "first a", "second b" }, got)
  end)

  it("goes on when the loop runs again after a stop", function()
    local stream, sender = support.streams(zmq.PULL, zmq.PUSH)
    local got = {}
    stream:on_recv(function(msg)
      loop:call_later(0, loop.stop, loop)
      suspend(10)
      got[#got + 1] = msg[1]
      if #got == 2 then loop:stop() end
    end)
    sender:send("a")
    sender:send("b")
    support.run(loop)
    assert.same({}, got)
    repeat support.run(loop) until #got == 2
    assert.same({ "a", "b" }, got)
  end)

  it("may wait in callbacks and timers, too; a periodic one does not overtake itself", function()
    local order, inside = {}, 0
    loop:add_callback(function()
      suspend(5)
      order[#order + 1] = "callback"
    end)
    local timer
    timer = loop:call_every(1, function()
      inside = inside + 1
      assert.equal(1, inside)
      suspend(4)
      inside = inside - 1
      order[#order + 1] = "tick"
      if #order >= 4 then
        timer:stop()
        loop:stop()
      end
    end)
    support.run(loop)
    local text = table.concat(order, " ")
    assert.matches("callback", text)
    assert.matches("tick", text)
  end)
end)
