local eddy = require "eddy"
local c = require "eddy.base.libeddy"
local zmq = require "eddy.zmq"
local support = require "spec.lua.support"

local C = c.C

describe("a timer", function()
  local loop
  support.each(function(...) loop = ... end)

  -- Time that passes only when the loop waits, or by `advance`.
  local function virtual()
    C.eddy_loop_virtual_time(loop._c, 1000)
    return function(by) C.eddy_loop_advance(loop._c, by) end
  end

  it("fires once, after its time, and not before", function()
    local began, fired = C.eddy_time(), {}
    for _, ms in ipairs { 0.3, 1, 2.5, 5 } do
      loop:call_later(ms, function() fired[#fired + 1] = { ms, C.eddy_time() - began } end)
    end
    loop:call_later(15, loop.stop, loop)
    support.run(loop)
    assert.equal(4, #fired)
    for _, each in ipairs(fired) do assert.is_true(each[2] >= each[1]) end
  end)

  it("never fires early, many times over", function()
    local early, count = 0, 0
    for i = 1, 200 do
      local ms = i % 7 + i / 300
      local due = loop:time() + ms
      loop:call_later(ms, function()
        count = count + 1
        if loop:time() < due then early = early + 1 end
        if count == 200 then loop:stop() end
      end)
    end
    support.run(loop)
    assert.equal(0, early)
  end)

  it("is waited for in one go, fractions of a millisecond included", function()
    local turns = loop:stats().turns
    loop:call_later(20.7, loop.stop, loop)
    support.run(loop)
    assert.is_true(loop:stats().turns - turns <= 5)
  end)

  it("fires by deadline, then by age", function()
    virtual()
    local order = {}
    local function add(ms, name) loop:call_later(ms, function() order[#order + 1] = name end) end
    add(5, "c")
    add(3, "a")
    add(5, "d")
    loop:call_at(1005, function() order[#order + 1] = "e" end)
    add(4, "b")
    add(-1, "z")
    loop:call_later(6, loop.stop, loop)
    support.run(loop)
    assert.same({ "z", "a", "b", "c", "d", "e" }, order)
  end)

  it("has its arguments, nil and many included", function()
    local seen = {}
    local function see(...) seen[#seen + 1] = { select("#", ...), ... } end
    loop:call_later(0, see)
    loop:call_later(0, see, nil)
    loop:call_at(0, see, 1, nil)
    loop:call_later(0, see, 1, nil, 3)
    loop:call_later(0, see, nil, 2, nil, nil, 5, nil)
    local every
    every = loop:call_every(1, function(...)
      see(...)
      every:cancel()
      loop:stop()
    end, 1, 2, nil, nil)
    support.run(loop)
    table.sort(seen, function(a, b) return a[1] < b[1] end)
    assert.same({ { 0 }, { 1, nil }, { 2, 1, nil }, { 3, 1, nil, 3 }, { 4, 1, 2, nil, nil },
      { 6, nil, 2, nil, nil, 5, nil } }, seen)
  end)

  it("is at a time of the loop's", function()
    virtual()
    local at
    assert.equal(1000, loop:time())
    loop:call_at(1234.5, function()
      at = loop:time()
      loop:stop()
    end)
    support.run(loop, 10000)
    assert.equal(1234.5, at)
  end)

  it("fires in the next turn when its time is past, not in this one", function()
    local turns = {}
    local function note() turns[#turns + 1] = loop:stats().turns end
    loop:add_callback(function()
      loop:call_later(-5, function()
        note()
        for _, ms in ipairs { 0, -10 } do loop:call_later(ms, note) end
        loop:call_at(loop:time() - 1000, note)
      end)
    end)
    support.turns(loop)
    assert.equal(4, #turns)
    for i = 2, 4 do assert.equal(turns[1] + 1, turns[i]) end
  end)

  it("does not starve the others when it sets itself again and again", function()
    local socket, push = support.pair(zmq.PULL, zmq.PUSH)
    local function again() loop:call_later(0, again) end
    again()
    eddy.stream(socket, loop):on_recv(function() loop:stop() end)
    push:send("x")
    support.run(loop)
  end)

  it("is cancelled, before it is due, twice, and after it fired", function()
    local timer = loop:call_later(0, error)
    timer:cancel()
    timer:cancel()
    assert.is_false(timer:active())
    local count = 0
    local fired = loop:call_later(0, function() count = count + 1 end)
    assert.is_true(fired:active())
    support.turns(loop)
    assert.is_false(fired:active())
    fired:cancel()
    fired:stop()
    support.turns(loop)
    assert.equal(1, count)
  end)

  it("is cancelled by another that is due in the same turn", function()
    virtual()
    local second, third
    loop:call_later(1, function()
      second:cancel()
      third:stop()
      loop:call_later(0, loop.stop, loop) -- in its slot, perhaps
    end)
    second = loop:call_later(1, error)
    third = loop:call_every(1, error)
    support.run(loop)
  end)

  it("is cancelled by a message of the same turn", function()
    local advance = virtual()
    local socket, push = support.pair(zmq.PULL, zmq.PUSH)
    local timer = loop:call_later(10, error)
    eddy.stream(socket, loop):on_recv(function()
      timer:cancel()
      loop:call_later(1, loop.stop, loop)
    end)
    push:send("reply")
    advance(20)
    support.run(loop)
  end)

  it("waits for a reply in hand, though the loop has much to do", function()
    local busy, to_busy = support.pair(zmq.PULL, zmq.PUSH)
    local socket, push = support.pair(zmq.PULL, zmq.PUSH)
    local order, rounds = {}, 0
    local stream = eddy.stream(busy, loop)
    stream:set_budget(1)
    stream:on_recv(function()
      rounds = rounds + 1
      if rounds > 20 then return loop:stop() end
      loop:call_later(0, function() order[#order + 1] = "timeout" end)
      push:send("reply", zmq.DONTWAIT)
    end)
    eddy.stream(socket, loop):on_recv(function() order[#order + 1] = "reply" end)
    for _ = 1, 50 do to_busy:send("x", zmq.DONTWAIT) end
    support.run(loop)
    for i = 1, #order do assert.equal(i % 2 == 1 and "reply" or "timeout", order[i]) end
  end)

  it("is started again: its delay counts from then, and it fires once", function()
    virtual()
    local fired = {}
    local timer = loop:call_later(10, function() fired[#fired + 1] = loop:time() end)
    loop:call_later(5, function() assert(timer:start() == timer) end)
    loop:call_later(50, function() timer:start() end)
    loop:call_later(100, loop.stop, loop)
    support.run(loop)
    assert.same({ 1015, 1060 }, fired)
  end)

  it("is stopped and started, and fires at its new time", function()
    virtual()
    local fired = {}
    local timer = loop:call_every(10, function() fired[#fired + 1] = loop:time() end)
    loop:call_later(25, function() timer:stop() end)
    loop:call_later(47, function() timer:start() end)
    loop:call_later(70, loop.stop, loop)
    support.run(loop)
    assert.same({ 1010, 1020, 1057, 1067 }, fired)
  end)

  it("is one timer when its own callback starts it again", function()
    virtual()
    local fired = {}
    local timer
    timer = loop:call_every(10, function()
      fired[#fired + 1] = loop:time()
      if #fired <= 3 then
        timer:stop()
        timer:start()
        timer:start()
      end
    end)
    loop:call_later(65, loop.stop, loop)
    support.run(loop)
    assert.same({ 1010, 1020, 1030, 1040, 1050, 1060 }, fired)
    local once, count = nil, 0
    once = loop:call_later(1, function()
      count = count + 1
      if count < 5 then once:start() else loop:stop() end
    end)
    support.run(loop)
    assert.equal(5, count)
  end)

  it("is one timer when started twice, or by another due in the same turn", function()
    virtual()
    local count, timer = 0, nil
    loop:call_later(10, function() timer:start() end)
    timer = loop:call_later(10, function() count = count + 1 end)
    timer:start()
    loop:call_later(100, loop.stop, loop)
    support.run(loop)
    assert.equal(1, count)
  end)

  it("stops itself in its callback", function()
    virtual()
    local count, timer = 0, nil
    timer = loop:call_every(10, function()
      count = count + 1
      if count == 3 then timer:cancel() end
    end)
    loop:call_later(100, loop.stop, loop)
    support.run(loop)
    assert.equal(3, count)
    assert.is_false(timer:active())
  end)

  it("stays on its grid, and leaves out what a slow callback missed", function()
    local advance = virtual()
    local fired, slow = {}, { 35, 0, 5, 10, 0 }
    loop:call_every(10, function()
      fired[#fired + 1] = loop:time()
      advance(slow[#fired] or 0)
    end)
    loop:call_later(101, loop.stop, loop)
    support.run(loop)
    assert.same({ 1010, 1050, 1060, 1070, 1090, 1100 }, fired)
  end)

  it("does not burst after a handler that took long", function()
    local times, period = {}, 4
    local timer
    local began = loop:time()
    timer = loop:call_every(period, function()
      times[#times + 1] = loop:time() - began
      if #times == 2 then support.busy(15) end
      if #times == 5 then loop:stop() end
    end)
    support.run(loop)
    timer:cancel()
    local last = 0
    for _, at in ipairs(times) do
      assert.is_true(math.floor(at / period) > last)
      last = math.floor(at / period)
    end
  end)

  it("never bursts when the loop was away", function()
    local advance = virtual()
    local fired = {}
    loop:call_every(10, function() fired[#fired + 1] = loop:time() end)
    loop:call_later(31, loop.stop, loop)
    advance(1000)
    support.run(loop)
    loop:call_at(2031, loop.stop, loop)
    support.run(loop)
    assert.same({ 2000, 2010, 2020, 2030 }, fired)
  end)

  it("is spread by set_jitter, and keeps its average", function()
    virtual()
    local fired = {}
    local timer = loop:call_every(100, function() fired[#fired + 1] = loop:time() end)
    assert.equal(timer, timer:set_jitter(0.5))
    loop:call_later(100000, loop.stop, loop)
    support.run(loop, 1e9)
    local different = false
    for i = 2, #fired do
      local step = fired[i] - fired[i - 1]
      assert.is_true(step >= 75 - 1e-6 and step <= 125 + 1e-6)
      different = different or math.abs(step - 100) > 1
    end
    assert.is_true(different)
    assert.is_true(#fired > 900 and #fired < 1100)
  end)

  it("refuses a jitter that is none", function()
    local timer = loop:call_every(100, error)
    for _, wrong in ipairs { -0.1, 2, "x", {}, 0 / 0 } do
      assert.error_matches(function() timer:set_jitter(wrong) end, "set_jitter")
    end
  end)

  it("goes on after an error, which is logged with its name", function()
    local count = 0
    local timer = loop:call_every(1, function()
      count = count + 1
      if count == 3 then loop:stop() end
      error("on purpose")
    end)
    support.run(loop)
    timer:cancel()
    loop:call_later(0, function() error("once") end)
    support.turns(loop)
    local text = support.take_log()
    assert.matches("timer every 1 ms at .*timer_spec.lua:%d+: .*on purpose", text)
    assert.matches("\ntimer after 0 ms at .*timer_spec.lua:%d+: .*once", text)
    assert.equal(4, loop:stats().errors)
  end)

  it("refuses what is no time, no period or no function", function()
    for _, wrong in ipairs { "x", {}, 0 / 0, false } do
      assert.error_matches(function() loop:call_later(wrong, print) end, "call_later")
      assert.error_matches(function() loop:call_at(wrong, print) end, "call_at")
      assert.error_matches(function() loop:call_every(wrong, print) end, "call_every")
    end
    for _, wrong in ipairs { 0, -1, math.huge, -math.huge } do
      assert.error_matches(function() loop:call_every(wrong, print) end, "call_every.*above 0")
    end
    for _, wrong in ipairs { 1, "x", {}, false } do
      assert.error_matches(function() loop:call_later(1, wrong) end, "function")
      assert.error_matches(function() loop:call_at(1, wrong) end, "function")
      assert.error_matches(function() loop:call_every(1, wrong) end, "function")
    end
    assert.error(function() loop:call_later() end)
    assert.equal(0, loop:stats().timers)
  end)

  it("may be one of thousands, added and cancelled", function()
    local timers, fired = {}, 0
    for i = 1, 5000 do
      timers[i] = loop:call_later(i % 5 / 10, function() fired = fired + 1 end)
    end
    for i = 1, 5000, 2 do timers[i]:cancel() end
    loop:call_later(5, loop.stop, loop)
    support.run(loop)
    assert.equal(2500, fired)
  end)

  it("never fires at the end of time", function()
    local timer = loop:call_later(math.huge, error)
    support.turns(loop)
    loop:call_later(2, loop.stop, loop)
    support.run(loop)
    timer:cancel()
  end)
end)
