local C = require "spec.support.room" "stream/stream"
local support = require "spec.core.support"
local names = support.names

-- How often a stream that receives asks libzmq, and that it misses nothing by asking less.
describe("core/stream/receive", function()
  local world, stream, peer
  support.each(function(...)
    world = ...
    local socket
    peer, socket = world:pair("PUSH", "PULL")
    stream = world:stream(socket, true)
    world:turn(0)
  end)

  local function count(call)
    return C.eddy__fault_count(call), C.eddy__fault_plan(call, 0, 0, 0)
  end

  -- So many messages come at once; how many turns brought them, and how many each.
  local function burst(messages)
    for i = 1, messages do assert.equal(0, world:put(peer, tostring(i))) end
    local sizes, received = {}, 0
    while received < messages do
      local event = world:event("RECEIVED", stream)
      sizes[#sizes + 1] = #event.messages
      received = received + #event.messages
    end
    return sizes
  end

  -- Bursts of that size until the stream has asked, again, whether there is one message more.
  local function settle(size)
    for _ = 1, 10 do burst(size) end
    repeat
      count(C.EDDY__FAULT_MSG_RECV)
      burst(size)
    until count(C.EDDY__FAULT_MSG_RECV) == size + 1
  end

  it("is not looked at again after it was emptied", function()
    world:put(peer, "x")
    assert.same({ "x" }, world:event("RECEIVED", stream).messages[1])
    count(C.EDDY__FAULT_ZMQ_GET)
    assert.equal("", names(world:turn(5)))
    assert.equal(0, (count(C.EDDY__FAULT_ZMQ_GET)))
    assert.same({ 1 }, burst(1))
  end)

  it("is looked at again after it was emptied, when it is to send too", function()
    local pair, other = world:pair("PAIR", "PAIR", { SNDHWM = 1 }, { RCVHWM = 1 })
    local both = world:stream(pair, true)
    repeat world:send(both, "x") until world:stream_stats(both).queued > 0
    world:turn(0)
    while world:get(other, 0) do end
    C.eddy_stream_pull(world.loop, both, 1) -- uses up the word that there is room again
    world:turn_until(function() return world:stream_stats(both).queued == 0 end)
  end)

  it("receives as many as came before and does not ask for one more", function()
    for size = 1, 3 do
      settle(size)
      for _ = 1, 8 do
        count(C.EDDY__FAULT_MSG_RECV)
        assert.same({ size }, burst(size))
        assert.equal(size, (count(C.EDDY__FAULT_MSG_RECV)))
      end
    end
  end)

  it("finds what came beyond that in the next turn, without another message", function()
    settle(2)
    assert.same({ 2, 2, 1 }, burst(5))
    settle(1)
    local sizes = burst(100)
    assert.same({ 1, 1, 64 }, { sizes[1], sizes[8], sizes[9] })
  end)

  it("takes all there is before a timer that is due", function()
    settle(1)
    for i = 1, 3 do world:put(peer, tostring(i)) end
    C.eddy_timer_open(world.loop, 0, 0)
    local events = world:turn(1000)
    assert.equal("RECEIVED TIMER", names(events))
    assert.equal(3, #events[1].messages)
  end)

  it("never takes more than its budget", function()
    settle(3)
    assert.equal(0, C.eddy_stream_budget(world.loop, stream, 2))
    assert.same({ 2, 1 }, burst(3))
  end)
end)
