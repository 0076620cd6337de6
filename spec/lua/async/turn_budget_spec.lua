local eddy = require "eddy"
local green = require "eddy.green"
local zmq = require "eddy.zmq"
local support = require "spec.lua.support"

describe("a socket whose calls wait", function()
  local loop, context, own
  support.each(function(...) loop, context, own = ... end, green)

  local function empty_parts(count)
    local parts = {}
    for i = 1, count do parts[i] = "" end
    return parts
  end

  -- The most messages that a coroutine received in one turn, and how many in all.
  local function receive(socket, count)
    local most, here, turn = 0, 0, -1
    support.task(loop, function()
      for _ = 1, count do
        assert(socket:recv_multipart())
        local now = loop:stats().turns
        here = now == turn and here + 1 or 1
        most, turn = math.max(most, here), now
      end
    end)
    return most
  end

  it("receives so many messages in a turn, or as many as their bytes or parts allow", function()
    local push, pull = support.join(context, zmq.PUSH, own, zmq.PULL)
    push.sndhwm, pull.rcvhwm = 0, 0
    local function most_of(message, count)
      for _ = 1, count do push:send_multipart(message) end
      return receive(pull, count)
    end
    assert.is_true(most_of({ "small" }, 200) <= 64)
    local quarter = 2 ^ 18
    assert.is_true(most_of({ ("x"):rep(quarter) }, 20) <= 4)
    assert.is_true(most_of({ "a", ("x"):rep(quarter) }, 20) <= 4)
    assert.is_true(most_of({ "a", "b", ("x"):rep(quarter) }, 20) <= 4)
    assert.is_true(most_of(empty_parts(quarter / 64), 20) <= 4)
  end)

  it("serves those who wait as many", function()
    local push, pull = support.join(context, zmq.PUSH, own, zmq.PULL)
    local parts, turns = empty_parts(2 ^ 18 / 64), {}
    for _ = 1, 20 do
      loop:spawn(function()
        assert.equal(#parts, #pull:recv_multipart())
        local turn = loop:stats().turns
        turns[turn] = (turns[turn] or 0) + 1
        turns.all = (turns.all or 0) + 1
        if turns.all == 20 then loop:stop() end
      end)
    end
    support.turns(loop, 3)
    for _ = 1, 20 do push:send_multipart(parts) end
    support.run(loop)
    turns.all = nil
    for _, count in pairs(turns) do assert.is_true(count <= 4) end
  end)

  it("sends as many bytes in a turn", function()
    local pull, push = support.join(context, zmq.PULL, own, zmq.PUSH)
    local most, here, turn = 0, 0, -1
    support.task(loop, function()
      for i = 1, 20 do
        local data = ("x"):rep(2 ^ 18)
        assert(push:send(i % 2 == 0 and zmq.frame(data) or data))
        local now = loop:stats().turns
        here = now == turn and here + 1 or 1
        most, turn = math.max(most, here), now
      end
    end)
    assert.is_true(most <= 5)
    assert.equal(20, #select(2, support.receive_all(pull)))
  end)

  it("that is an XPUB with manual subscriptions serves one who waits a turn", function()
    local xpub = own:socket(zmq.XPUB, { linger = 0, xpub_manual = 1, bind = support.inproc() })
    local subscribers, served = {}, 0
    for _ = 1, 3 do
      loop:spawn(function()
        local topic = xpub:recv():sub(2)
        xpub:set("subscribe", topic)
        served = served + 1
        if served == 3 then loop:stop() end
      end)
    end
    support.turns(loop, 3) -- all wait
    for i = 1, 3 do
      subscribers[i] = context:socket(zmq.SUB, { linger = 0, connect = xpub.last_endpoint,
        subscribe = tostring(i) })
    end
    support.run(loop)
    for i = 1, 3 do assert.is_true(xpub:send(tostring(i), zmq.DONTWAIT)) end
    for i, each in ipairs(subscribers) do
      assert.equal(tostring(i), support.receive_all(each))
    end
  end)

  it("lets timers fire between messages of very many parts", function()
    local push, pull = support.join(context, zmq.PUSH, own, zmq.PULL)
    local parts, ticks = empty_parts(20000), 0
    local timer = loop:call_every(0.001, function() ticks = ticks + 1 end)
    for _ = 1, 10 do push:send_multipart(parts) end
    support.task(loop, function()
      for _ = 1, 10 do eddy.await(loop:spawn(pull.recv_multipart, pull)) end
    end)
    timer:cancel()
    assert.is_true(ticks >= 8)
  end)
end)
