local C, ffi = require "spec.support.room" "stream/stream"
local support = require "spec.core.support"
local errno, names = support.errno, support.names

describe("core/stream/send", function()
  local world
  support.each(function(...) world = ... end)

  local function received(...) return world:heads(...) end

  describe("sending", function()
    it("passes a message on at once, when nothing is queued", function()
      local socket, peer = world:pair("PUSH", "PULL")
      local stream = world:stream(socket)
      assert.equal(0, world:send(stream, "a"))
      assert.equal(0, world:send(stream, { "b", "c" }))
      assert.equal("a b,c", received(peer, 2))
      assert.equal("", names(world:turn()))
    end)

    it("queues what the socket cannot take, and sends it in order later", function()
      local stream, peer, let = world:stuck()
      assert.equal(1, world:send(stream, "a", 1))
      assert.equal(1, world:send(stream, { "b", "c" }, 1))
      assert.equal(1, world:send(stream, "d"))
      assert.equal(3, world:stream_stats(stream).queued)
      assert.equal(4, world:stream_stats(stream).queued_bytes)
      let()
      local sent = world:event("SENT", stream)
      assert.same({ 2, 1 }, { sent.value, sent.reported })
      assert.equal("a b,c d", received(peer, 3))
      assert.equal(0, world:stream_stats(stream).queued)
      local stats = world:stream_stats(stream)
      assert.same({ 3, 4, 1 }, { stats.messages_out, stats.bytes_out, stats.smallest_out })
    end)

    it("reports each message that the sender asked word of, and no other", function()
      local socket = world:pair("PUSH", "PULL")
      local stream = world:stream(socket)
      world:send(stream, "a", 1)
      world:send(stream, "b", 0)
      world:send(stream, "c", 1)
      local events = world:turn()
      assert.equal("SENT", names(events))
      assert.equal(2, events[1].value)
      world:send(stream, "d")
      assert.equal("", names(world:turn()))
    end)

    it("tells successes and failures in the messages' order", function()
      local socket = world:pair("PUSH", "PULL")
      local stream = world:stream(socket)
      world:send(stream, "a", 1)
      world:send(stream, "b", 1)
      C.eddy__fault_plan(C.EDDY__FAULT_MSG_SEND, 0, 2, errno.EHOSTUNREACH)
      assert.equal(0, world:send(stream, "c", 1))
      assert.equal(0, world:send(stream, "d", 0))
      world:send(stream, "e", 1)
      local told = {}
      for i, event in ipairs(world:turn()) do
        told[i] = event.kind .. " " .. event.value .. " " .. event.reported
      end
      local failed = "SEND_FAILED " .. errno.EHOSTUNREACH
      assert.same({ "SENT 2 1", failed .. " 1", failed .. " 0", "SENT 1 1" }, told)
    end)

    it("waits until the socket's state lets it send", function()
      local request, reply = world:pair("REQ", "REP")
      local stream = world:stream(request)
      assert.equal(0, world:send(stream, "1", 1))
      assert.equal(1, world:send(stream, "2", 1))
      assert.same({ "1" }, world:get(reply, 1000))
      assert.equal(1, world:stream_stats(stream).queued)
      world:put(reply, "answer")
      C.eddy_stream_receive(world.loop, stream, 1)
      assert.same({ { "answer" } }, world:messages(stream, 1))
      world:event("SENT", stream)
      assert.same({ "2" }, world:get(reply, 1000))
    end)

    it("answers a request that was read, once, and queues no reply", function()
      local request, reply = world:pair("REQ", "REP")
      local stream = world:stream(reply, true)
      local function refused()
        for report = 0, 2 do
          assert.equal(-errno.EFSM, world:send(stream, { "no", "request" }, report))
        end
      end
      refused()
      for _ = 1, 3 do
        world:put(request, "question")
        world.unread = true
        local inbox = world:event("RECEIVED", stream).inbox
        refused()
        assert.same({ { "question" } }, support.read(inbox))
        assert.equal(0, world:send(stream, "answer", 1))
        refused()
        assert.equal(1, world:event("SENT", stream).value)
        assert.same({ "answer" }, world:get(request, 1000))
      end
      assert.equal(0, world:stream_stats(stream).queued)
      assert.equal(0, world:stream_stats(stream).errors)
    end)

    it("reminds of a request, once, unless it was answered or it is told not to", function()
      local request, reply = world:pair("REQ", "REP")
      local stream = world:stream(reply, true)
      C.eddy_loop_virtual_time(world.loop, 0)
      local function remind(ms) return C.eddy_stream_remind(world.loop, stream, ms) end
      local function overdue_by(ms)
        C.eddy_loop_advance(world.loop, ms)
        local told = names(world:turn(0)) .. names(world:turn(0))
        return told
      end
      world:put(request, "question")
      world:messages(stream, 1)
      local alive = C.eddy_loop_alive(world.loop)
      assert.equal(0, remind(100))
      assert.equal(alive, C.eddy_loop_alive(world.loop))
      assert.equal("", overdue_by(99))
      assert.equal("OVERDUE", overdue_by(2))
      assert.equal("", overdue_by(1000))
      assert.equal(0, remind(100))
      assert.equal(0, remind(-1))
      assert.equal("", overdue_by(1000))
      remind(100)
      world:send(stream, "answer")
      assert.equal("", overdue_by(1000))
      assert.equal(-errno.EINVAL, remind(0 / 0))
      local push = world:stream(world:open("PUSH"))
      assert.equal(-errno.ENOTSUP, C.eddy_stream_remind(world.loop, push, 1))
      remind(100)
      C.eddy_stream_close(world.loop, stream, 0)
      assert.equal("", overdue_by(1000))
      assert.equal(-errno.EBADF, remind(1))
      local sub = world:stream(world:open("SUB"))
      assert.equal(0, C.eddy_stream_remind(world.loop, sub, 100))
      assert.equal("OVERDUE", overdue_by(101))
    end)

    it("refuses what can never be, and changes nothing", function()
      for _, kind in ipairs { "PULL", "SUB" } do
        local stream = world:stream(world:open(kind), true)
        for report = 0, 2 do
          assert.equal(-errno.ENOTSUP, world:send(stream, "x", report))
          assert.equal(-errno.ENOTSUP, world:send(stream, { "x", "y" }, report))
        end
        C.eddy_stream_close(world.loop, stream, 0)
      end
      for _, kind in ipairs { "PUSH", "PUB" } do
        local stream = world:stream(world:open(kind))
        for on = 1, 2 do
          assert.equal(-errno.ENOTSUP, C.eddy_stream_receive(world.loop, stream, on))
        end
        assert.equal(0, C.eddy_stream_receive(world.loop, stream, 0))
      end
      assert.equal(0, C.eddy_loop_alive(world.loop))
      assert.same({}, world:turn(0))
    end)

    it("refuses an empty message and sizes that cannot be", function()
      local stream = world:stuck()
      local part = ffi.new("eddy_part", nil, -1)
      assert.equal(-errno.EINVAL, C.eddy_stream_send_parts(world.loop, stream, part, 0, 0))
      assert.is_true(C.eddy_stream_send_parts(world.loop, stream, part, 1, 0) < 0)
      assert.equal(0, world:stream_stats(stream).queued)
    end)

    it("tells receives before sends", function()
      local stream, peer
      local socket, other = world:pair("DEALER", "DEALER")
      stream, peer = world:stream(socket, true), other
      world:put(peer, "in")
      world:send(stream, "out", 1)
      local events = world:turn_until(function(events) return #events >= 2 end)
      assert.equal("RECEIVED SENT", names(events))
    end)
  end)

  describe("a socket that claims to be ready", function()
    it("does not make the loop spin", function()
      local router = world:open("ROUTER", { ROUTER_MANDATORY = 1, SNDHWM = 1 })
      local full = world:open("DEALER", { ROUTING_ID = "full", RCVHWM = 1 })
      local free = world:open("DEALER", { ROUTING_ID = "free" })
      local endpoint = world:join(router, full)
      assert.equal(0, C.eddy_socket_connect(world.context, free, endpoint))
      local stream = world:stream(router, true)
      for _, peer in ipairs { full, free } do world:put(peer, "hello") end
      world:messages(stream, 2)
      repeat until world:send(stream, { "full", "x" }) == 1

      local before, ending = world:stats().turns, C.eddy_time() + 300
      while C.eddy_time() < ending do world:turn(300) end
      assert.is_true(world:stats().turns - before < 40)

      assert.equal(1, world:send(stream, { "full", "last" }, 1))
      local sent
      for _ = 1, 100 do
        while world:get(full, 0) do sent = true end
        for _, event in ipairs(world:turn(20)) do
          if event.kind == "SENT" then return assert.is_true(sent) end
        end
      end
      error("it was never tried again")
    end)
  end)
end)
