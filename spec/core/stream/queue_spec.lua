local C = require "spec.support.room" "stream/stream"
local support = require "spec.core.support"
local errno, names = support.errno, support.names

describe("core/stream/queue's queue and end", function()
  local world
  support.each(function(...) world = ... end)

  local function received(...) return world:heads(...) end

  it("refuses the message above the limit of messages, and tells so", function()
    local stream, peer, let = world:stuck(2, -1)
    assert.equal(1, world:send(stream, "a"))
    assert.equal(1, world:send(stream, "b"))
    assert.equal(-errno.ENOBUFS, world:send(stream, "c", 1))
    assert.equal("FULL", names(world:turn()))
    assert.equal("", names(world:turn()))
    let()
    world:event("DRAINED", stream)
    assert.equal("a b", received(peer, 2))
    assert.equal(0, world:stream_stats(stream).dropped)
  end)

  it("keeps to the limit of bytes exactly, empty frames included", function()
    local stream, peer, let = world:stuck(-1, 10)
    assert.equal(1, world:send(stream, { "1234", "", "56" }))
    assert.equal(-errno.ENOBUFS, world:send(stream, "78901"))
    assert.equal(1, world:send(stream, { "7890", "" }))
    assert.equal(1, world:send(stream, { "", "" }))
    assert.equal(-errno.ENOBUFS, world:send(stream, "x"))
    assert.equal(10, world:stream_stats(stream).queued_bytes)
    let()
    world:event("DRAINED", stream)
    assert.equal("1234,,56 7890, ,", received(peer, 3))
  end)

  it("drops the newest message when it is to", function()
    local stream, peer, let = world:stuck(2, -1, C.EDDY_DROP_NEWEST)
    world:send(stream, "a", 1)
    world:send(stream, "b", 1)
    assert.equal(2, world:send(stream, "c", 1))
    assert.equal(1, world:stream_stats(stream).dropped)
    let()
    assert.equal(2, world:event("SENT", stream).value)
    assert.equal("a b", received(peer, 2))
  end)

  it("drops the oldest messages when it is to, and says which were awaited", function()
    local stream, peer, let = world:stuck(-1, 4, C.EDDY_DROP_OLDEST)
    world:send(stream, "a", 1)
    world:send(stream, "b", 0)
    world:send(stream, "c", 1)
    assert.equal(1, world:send(stream, "def", 1))
    local events = world:turn()
    assert.equal("SEND_FAILED FULL", names(events))
    assert.same({ errno.ENOBUFS, 1 }, { events[1].value, events[1].reported })
    assert.equal(2, world:stream_stats(stream).dropped)
    let()
    assert.equal(2, world:event("SENT", stream).value)
    assert.equal("c def", received(peer, 2))
  end)

  it("does not drop what it has for a message that can never fit", function()
    local stream, peer, let = world:stuck(-1, 4, C.EDDY_DROP_OLDEST)
    world:send(stream, "a")
    world:send(stream, "b")
    assert.equal(2, world:send(stream, "larger"))
    assert.equal(2, world:stream_stats(stream).queued)
    assert.equal("", names(world:turn()))
    let()
    world:turn_until(function() return world:stream_stats(stream).queued == 0 end)
    assert.equal("a b", received(peer, 2))
  end)

  it("tells DRAINED at half its limits, and not before", function()
    local router = world:open("ROUTER", { ROUTER_MANDATORY = 1, SNDHWM = 1 })
    local peer = world:open("DEALER", { ROUTING_ID = "peer", RCVHWM = 1 })
    world:join(router, peer)
    local stream = world:stream(router, true)
    world:put(peer, "hello")
    world:messages(stream, 1)
    C.eddy_stream_limit(world.loop, stream, 4, -1, 0)
    repeat until world:send(stream, { "peer", "x" }) == -errno.ENOBUFS
    assert.equal("FULL", names(world:turn()))
    local kinds = {}
    world:turn_until(function(events)
      kinds = names(events)
      if world:stream_stats(stream).queued > 2 then assert.equal("", kinds) end
      world:get(peer, 0)
      return kinds ~= ""
    end)
    assert.equal("DRAINED", kinds)
    assert.is_true(world:stream_stats(stream).queued <= 2)
  end)

  it("refuses what is larger than all of it, and is not full for that", function()
    local stream = world:stuck(-1, 4)
    assert.equal(-errno.EMSGSIZE, world:send(stream, "larger"))
    assert.equal("", names(world:turn()))
  end)

  it("that holds nothing tells DRAINED when the socket can take something", function()
    local stream, _, let = world:stuck(0, -1)
    assert.equal(-errno.ENOBUFS, world:send(stream, "x"))
    assert.equal("FULL", names(world:turn()))
    assert.equal("", names(world:turn()))
    let()
    world:event("DRAINED", stream)
    assert.equal(0, world:send(stream, "x"))
  end)

  it("tells FULL when it reaches a limit, before it refuses, and once until DRAINED", function()
    for _, limits in ipairs { { 2, -1 }, { -1, 2 }, { 3, 2 } } do
      local stream, _, let = world:stuck(limits[1], limits[2])
      world:send(stream, "a")
      assert.equal("", names(world:turn()))
      world:send(stream, "b")
      assert.equal("FULL", names(world:turn()))
      assert.equal(-errno.ENOBUFS, world:send(stream, "c"))
      assert.equal("", names(world:turn()))
      let()
      world:event("DRAINED", stream)
      C.eddy_stream_close(world.loop, stream, 0)
    end
  end)

  it("is full of bytes when another message like the last one would not fit", function()
    local stream = world:stuck(-1, 10)
    world:send(stream, "12")
    world:send(stream, "1234")
    assert.equal("", names(world:turn()))
    world:send(stream, "123")
    assert.equal("FULL", names(world:turn()))
    assert.equal(1, world:send(stream, "4"))
    assert.equal(-errno.ENOBUFS, world:send(stream, "5"))
  end)

  it("is full of parts, and drained of them, although they have no bytes", function()
    local most = tonumber(C.EDDY_SEND_LIMIT) / 64
    local stream, peer, let = world:stuck(-1, -1)
    local parts, half = {}, most / 2
    for i = 1, half do parts[i] = "" end
    C.eddy_stream_limit(world.loop, stream, -1, C.EDDY_SEND_LIMIT, 0)
    assert.equal(1, world:send(stream, parts))
    assert.equal("", names(world:turn()))
    assert.equal(1, world:send(stream, parts))
    assert.equal("FULL", names(world:turn()))
    assert.equal(-errno.ENOBUFS, world:send(stream, ""))
    let()
    world:event("DRAINED", stream)
    assert.equal(half, #world:get(peer))
  end)

  it("does not tell of a drain after which it was filled again before it was told", function()
    local stream, _, let, socket = world:stuck(1, -1)
    world:set(socket, "SNDHWM", 1)
    world:send(stream, "a")
    assert.equal("FULL", names(world:turn()))
    C.eddy_stream_limit(world.loop, stream, 2, -1, 0)
    world:send(stream, "b")
    assert.equal("", names(world:turn()))
    assert.equal(-errno.ENOBUFS, world:send(stream, "c"))
    let()
    world:event("DRAINED", stream)
  end)

  it("is full, or has drained, by new limits", function()
    local stream = world:stuck(-1, -1)
    for _ = 1, 4 do world:send(stream, "x") end
    local function set(messages)
      C.eddy_stream_limit(world.loop, stream, messages, -1, 0)
      return names(world:turn())
    end
    assert.same({ "FULL", "", "", "DRAINED", "", "FULL", "DRAINED" },
      { set(4), set(5), set(7), set(8), set(5), set(0), set(-1) })
  end)

  it("knows the most that ever waited", function()
    local stream, peer, let = world:stuck(3, -1)
    local function high()
      local stats = world:stream_stats(stream)
      return { stats.high_water, stats.high_water_bytes }
    end
    assert.same({ 0, 0 }, high())
    for _, each in ipairs { "12", "345", "6", "refused" } do world:send(stream, each) end
    assert.same({ 3, 6 }, high())
    let()
    world:event("DRAINED", stream)
    assert.equal("12 345 6", received(peer, 3))
    assert.same({ 3, 6 }, high())
    world:send(stream, "goes out at once")
    assert.same({ 3, 6 }, high())
  end)

  it("refuses limits that are none", function()
    local stream = world:stuck(1, 1)
    for _, limit in ipairs { { 0 / 0, 1, 0 }, { 1, 0 / 0, 0 }, { 1, 1, 3 }, { 1, 1, -1 } } do
      assert.equal(-errno.EINVAL,
        C.eddy_stream_limit(world.loop, stream, limit[1], limit[2], limit[3]))
    end
  end)

  it("says how many messages are lost when it is closed, and brings no event after", function()
    local stream, peer, let = world:stuck(2, -1)
    for _ = 1, 3 do world:send(stream, "x", 1) end
    assert.equal(2, C.eddy_stream_close(world.loop, stream, 0))
    assert.equal("", names(world:turn()))
    assert.equal(0, C.eddy_loop_alive(world.loop))
    assert.has_error(let)
    assert.is_nil(world:get(peer, 0))
  end)

  it("is told when its socket is closed under it, after what it has received", function()
    local peer, socket = world:pair("PUSH", "PULL")
    local stream = world:stream(socket, true)
    C.eddy_stream_budget(world.loop, stream, 2)
    for i = 1, 5 do world:put(peer, tostring(i)) end
    world.unread = true
    local event = world:event("RECEIVED", stream)
    support.read(event.inbox, 1)
    assert.equal(0, C.eddy_socket_close(world.context, socket, 0))
    world.unread = false
    local events = world:turn()
    assert.equal("RECEIVED CLOSED", names(events))
    assert.same({ { "2" } }, events[1].messages)
    assert.equal(errno.ENOTSOCK, events[2].value)
    assert.equal("", names(world:turn()))
    assert.equal(-errno.ENOTSOCK, world:send(stream, "x"))
    assert.equal(0, C.eddy_loop_alive(world.loop))
    assert.equal(0, C.eddy_stream_close(world.loop, stream, 0))
  end)

  it("ends with its context", function()
    local _, socket = world:pair("PUSH", "PULL")
    local stream = world:stream(socket, true)
    C.eddy__fault_plan(C.EDDY__FAULT_ZMQ_GET, 0, 1, errno.ETERM)
    C.eddy__fault_plan(C.EDDY__FAULT_MSG_RECV, 0, 1, errno.ETERM)
    local event = world:event("CLOSED", stream)
    assert.equal(errno.ETERM, event.value)
    assert.equal(0, C.eddy_loop_alive(world.loop))
    assert.equal(0, C.eddy_stream_close(world.loop, stream, 0))
  end)

  it("keeps what it lent until the next turn, also when it is closed", function()
    local peer, socket = world:pair("PUSH", "PULL")
    local stream = world:stream(socket, true)
    world:put(peer, { ("x"):rep(100), "small" })
    world.unread = true
    local event = world:event("RECEIVED", stream)
    C.eddy_stream_close(world.loop, stream, 0)
    assert.same({ { ("x"):rep(100), "small" } }, support.read(event.inbox))
  end)

  it("is alive while it receives, or while word of a message is awaited", function()
    local other = world:stream(world:open("PULL"), true)
    assert.equal(1, C.eddy_loop_alive(world.loop))
    C.eddy_stream_receive(world.loop, other, 0)
    local stream, _, let = world:stuck(-1, -1)
    assert.equal(0, C.eddy_loop_alive(world.loop))
    world:send(stream, "a")
    assert.equal(0, C.eddy_loop_alive(world.loop))
    world:send(stream, "b", 1)
    assert.equal(1, C.eddy_loop_alive(world.loop))
    let()
    world:event("SENT", stream)
    assert.equal(0, C.eddy_loop_alive(world.loop))
  end)

  it("sends a long queue in several turns, in order", function()
    local stream, peer, let = world:stuck(-1, -1)
    for i = 1, 2500 do assert.equal(1, world:send(stream, tostring(i))) end
    let()
    local turns, expected = 0, 1
    while expected <= 2500 do
      world:turn(10)
      turns = turns + 1
      for message in function() return world:get(peer, 0) end do
        assert.equal(tostring(expected), message[1])
        expected = expected + 1
      end
      assert.is_true(turns < 1000)
    end
    assert.is_true(turns >= 3)
    assert.equal(0, world:stream_stats(stream).queued)
  end)
end)
