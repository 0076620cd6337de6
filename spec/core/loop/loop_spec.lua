local C, ffi = require("eddy.base.libeddy").C, require "ffi"
local support = require "spec.core.support"
local errno, names = support.errno, support.names

describe("core/loop/loop", function()
  local world
  support.each(function(...) world = ... end)

  local function pair(kind, other)
    local a, b = world:pair(kind or "PUSH", other or "PULL")
    return a, b, world:stream(b, true)
  end

  local function timer(due, period)
    local id = C.eddy_timer_open(world.loop, C.eddy_loop_time(world.loop) + due, period or 0)
    assert.is_true(id > 0)
    return id
  end

  local function queued(messages)
    local stream, peer, let = world:stuck()
    for i = 1, messages do assert.equal(1, world:send(stream, tostring(i), 1)) end
    return stream, peer, let
  end

  it("comes back when its time is up, and not before", function()
    local before = C.eddy_time()
    assert.equal("", names(world:turn(25)))
    assert.is_true(C.eddy_time() - before >= 25)
  end)

  it("comes back at once when asked not to wait", function()
    timer(1e6)
    local before = C.eddy_time()
    assert.equal("", names(world:turn(0)))
    assert.is_true(C.eddy_time() - before < 5000)
  end)

  it("waits for a message, across a socket of the net as well", function()
    for _, endpoint in ipairs { "inproc://loop", "tcp://127.0.0.1:*" } do
      local a, b = world:open("PAIR"), world:open("PAIR")
      world:join(a, b, endpoint)
      local stream = world:stream(b, true)
      for i = 1, 50 do
        world:put(a, tostring(i), 0)
        assert.same({ { tostring(i) } }, world:messages(stream, 1))
      end
    end
  end)

  it("tells receives before timers that are due", function()
    local push, _, stream = pair()
    timer(-1)
    world:put(push, "x")
    local events = world:turn(0)
    assert.equal("RECEIVED TIMER", names(events))
    assert.equal(stream, events[1].id)
  end)

  it("blocks no longer than until the next timer", function()
    local id = timer(20)
    assert.equal(id, world:event("TIMER").id)
    timer(10)
    local events = world:turn(-1)
    assert.is_true(#events <= 1)
  end)

  it("counts turns, events and what is open", function()
    local push, _, stream = pair()
    timer(1e6)
    world:put(push, "x")
    world:messages(stream, 1)
    local stats = world:stats()
    assert.is_true(stats.turns >= 1)
    assert.equal(1, stats.events)
    assert.same({ 1, 1, 0 }, { stats.streams, stats.timers, stats.handlers })
    assert.equal(0, stats.missed_wakeups)
    assert.equal(2, C.eddy_loop_alive(world.loop))
  end)

  it("does not spin while a stream has messages to send and nobody to take them", function()
    queued(3)
    local before = world:stats().turns
    local ending = C.eddy_time() + 100
    while C.eddy_time() < ending do world:turn(100) end
    assert.is_true(world:stats().turns - before < 15)
  end)

  it("misses no wake-up while others use the streams' sockets", function()
    local a, b = world:pair("PAIR", "PAIR")
    local left, right = world:stream(a, true), world:stream(b, true)
    local before, last = C.eddy_time(), 0
    world:send(left, "1")
    while last < 500 do
      for _, event in ipairs(world:turn(5000)) do
        last = tonumber(event.messages[1][1])
        assert.equal(last % 2 == 1 and right or left, event.id)
        world:send(event.id, tostring(last + 1))
        for _, socket in ipairs { a, b } do
          C.eddy_socket_poll(world.context, socket, C.EDDY_WRITE, 0)
        end
      end
    end
    assert.is_true(C.eddy_time() - before < 4000)
  end)

  describe("drain", function()
    it("sends what waits, in order, and tells how many are left", function()
      local _, peer, let = queued(1500)
      assert.equal(1500, C.eddy_loop_drain(world.loop, 10))
      let()
      local taken, deadline = 0, C.eddy_time() + 10000
      while C.eddy_loop_drain(world.loop, 5) > 0 or taken < 1500 do
        for message in function() return world:get(peer, 0) end do
          taken = taken + 1
          assert.equal(tostring(taken), message[1])
        end
        assert.is_true(C.eddy_time() < deadline)
      end
    end)

    it("keeps its time", function()
      queued(1)
      local before = C.eddy_time()
      assert.equal(1, C.eddy_loop_drain(world.loop, 40))
      assert.is_true(C.eddy_time() - before >= 40)
      assert.equal(0, C.eddy_timer_close(world.loop, timer(1)))
    end)

    it("brings word of what it sent in the next turn", function()
      local stream, _, let = queued(3)
      let()
      assert.equal(0, C.eddy_loop_drain(world.loop, 5000))
      local events = world:turn(0)
      assert.equal("SENT", names(events))
      assert.same({ stream, 3 }, { events[1].id, events[1].value })
    end)

    it("uses up no readiness of those who receive", function()
      queued(1)
      local push, _, stream = pair()
      local push_watched, watched = world:pair("PUSH", "PULL")
      local watch = C.eddy_watch_socket(world.loop, world.context, watched, C.EDDY_READ)
      world:turn(0)
      world:put(push, "x")
      world:put(push_watched, "y")
      assert.equal(1, C.eddy_loop_drain(world.loop, 20))
      local events = world:turn(100)
      assert.equal(2, #events)
      assert.same({ stream, watch }, { events[1].id, events[2].id })
    end)

    it("does not wait for messages whose socket is gone", function()
      local socket = world:open("PUSH")
      local stream = world:stream(socket)
      assert.equal(1, world:send(stream, "x"))
      C.eddy_socket_close(world.context, socket, 0)
      local before = C.eddy_time()
      assert.equal(1, C.eddy_loop_drain(world.loop, 20000))
      assert.is_true(C.eddy_time() - before < 10000)
    end)
  end)

  it("is told that the kernel failed, and turns again", function()
    local push, _, stream = pair()
    world:put(push, "x")
    C.eddy__fault_plan(C.EDDY__FAULT_EPOLL_WAIT, 0, 1, errno.ENOMEM)
    assert.equal(-errno.ENOMEM, C.eddy_loop_turn(world.loop, 10))
    assert.same({ { "x" } }, world:messages(stream, 1))
  end)

  it("closes everything in it when it is freed", function()
    local other = ffi.new("eddy_loop *[1]")
    assert.equal(0, C.eddy_loop_new(other))
    local sockets = { world:pair("PAIR", "PAIR") }
    assert.is_true(C.eddy_stream_open(other[0], world.context, sockets[1]) > 0)
    assert.is_true(C.eddy_watch_socket(other[0], world.context, sockets[2], 1) > 0)
    assert.is_true(C.eddy_timer_open(other[0], 1e12, 5) > 0)
    assert.is_true(C.eddy_waker_open(other[0]) > 0)
    C.eddy_loop_free(other[0])
    C.eddy_loop_free(nil)
    assert.equal(1, C.eddy_context_sockets(world.context))
    assert.equal(0, C.eddy_watch_close(world.loop,
      C.eddy_watch_socket(world.loop, world.context, sockets[2], 1)))
  end)

  it("lives beside others in one thread", function()
    local push, _, stream = pair()
    local other = support.world()
    world:put(push, "x")
    for _ = 1, 3 do assert.equal("", names(other:turn(1))) end
    assert.same({ { "x" } }, world:messages(stream, 1))
    assert.has_no.errors(function() other:close() end)
  end)
end)
