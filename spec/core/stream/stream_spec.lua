local C, ffi = require "spec.support.room" "stream/stream"
local support = require "spec.core.support"
local errno, names = support.errno, support.names

describe("core/stream/stream", function()
  local world
  support.each(function(...) world = ... end)

  -- A stream whose peer is plain: messages from the peer come to the stream.
  local function receiver(options)
    local peer, socket = world:pair("PUSH", "PULL")
    local stream = world:stream(socket, true)
    if options and options.budget then
      assert.equal(0, C.eddy_stream_budget(world.loop, stream, options.budget))
    end
    return stream, peer, socket
  end

  describe("receiving", function()
    it("hands out whole messages, in order, of any number of parts", function()
      local stream, peer = receiver()
      local many = {}
      for i = 1, 300 do many[i] = "part " .. i end
      local sent = { { "a" }, { "b", "", "c" }, many, { "" } }
      for _, message in ipairs(sent) do assert.equal(0, world:put(peer, message)) end
      assert.same(sent, world:messages(stream, #sent))
      local stats = world:stream_stats(stream)
      assert.equal(4, stats.messages_in)
      assert.equal(#table.concat(many) + 3, stats.bytes_in)
    end)

    it("receives nothing until it is told to", function()
      local stream, peer = receiver()
      C.eddy_stream_receive(world.loop, stream, 0)
      world:put(peer, "early")
      for _ = 1, 5 do assert.equal("", names(world:turn(5))) end
      assert.equal(0, world:stream_stats(stream).messages_in)
      C.eddy_stream_receive(world.loop, stream, 1)
      assert.same({ { "early" } }, world:messages(stream, 1))
    end)

    it("receives without counting as alive, when that is asked for", function()
      local stream, peer = receiver()
      assert.equal(1, C.eddy_loop_alive(world.loop))
      C.eddy_stream_receive(world.loop, stream, C.EDDY_RECEIVE_IDLY)
      assert.equal(0, C.eddy_loop_alive(world.loop))
      world:put(peer, "heard all the same")
      assert.same({ { "heard all the same" } }, world:messages(stream, 1))
      C.eddy_stream_receive(world.loop, stream, C.EDDY_RECEIVE)
      assert.equal(1, C.eddy_loop_alive(world.loop))
    end)

    it("keeps its budget exactly, and goes on without a new message", function()
      local stream, peer = receiver { budget = 3 }
      for i = 1, 8 do world:put(peer, tostring(i)) end
      local sizes, count = {}, 0
      while count < 8 do
        local messages = world:event("RECEIVED", stream).messages
        count = count + #messages
        sizes[#sizes + 1] = #messages
      end
      assert.same({ 3, 3, 2 }, sizes)
    end)

    it("refuses a budget below one", function()
      local stream = receiver()
      assert.equal(-errno.EINVAL, C.eddy_stream_budget(world.loop, stream, 0))
      assert.equal(-errno.EINVAL, C.eddy_stream_budget(world.loop, stream, -1))
    end)

    it("gives other streams their turn while one is flooded", function()
      local flooded, flood = receiver { budget = 2 }
      local other, peer = receiver()
      for i = 1, 1500 do world:put(flood, tostring(i)) end
      world:event("RECEIVED", flooded)
      world:put(peer, "me too")
      world:event("RECEIVED", other)
      assert.is_true(world:stream_stats(flooded).messages_in < 1500)
    end)

    it("loses nothing when it is paused with messages unread", function()
      local stream, peer = receiver()
      for i = 1, 6 do world:put(peer, tostring(i)) end
      world.unread = true
      local event = world:event("RECEIVED", stream)
      assert.same({ { "1" }, { "2" } }, support.read(event.inbox, 2))
      C.eddy_stream_receive(world.loop, stream, 0)
      for _ = 1, 3 do assert.equal("", names(world:turn(1))) end
      world:put(peer, "7")
      C.eddy_stream_receive(world.loop, stream, 1)
      world.unread = false
      local rest = world:messages(stream, 5)
      assert.same({ { "3" }, { "4" }, { "5" }, { "6" }, { "7" } }, rest)
    end)

    it("brings what was not read again in the next turn", function()
      local stream, peer = receiver()
      world:put(peer, "one")
      world.unread = true
      world:event("RECEIVED", stream)
      assert.equal("RECEIVED", names(world:turn()))
      assert.equal("RECEIVED", names(world:turn()))
      world.unread = false
      assert.same({ { "one" } }, world:messages(stream, 1))
      assert.equal("", names(world:turn()))
    end)

    it("notices a message that a plain send on its socket uncovered", function()
      local socket, peer = world:pair("DEALER", "DEALER")
      local stream = world:stream(socket, true)
      for i = 1, 200 do
        world:put(peer, "in " .. i)
        world:put(socket, "out " .. i)
        assert.equal(0, world:send(stream, "out too"))
        assert.same({ { "in " .. i } }, world:messages(stream, 1))
      end
    end)

    it("tells of a failed receive, and goes on", function()
      local stream, peer = receiver()
      C.eddy__fault_plan(C.EDDY__FAULT_MSG_RECV, 1, 1, errno.EHOSTUNREACH)
      world:put(peer, "a")
      world:put(peer, "b")
      local events = world:turn_until(function(events) return #events > 0 end)
      assert.equal("RECEIVED RECEIVE_FAILED", names(events))
      assert.same({ { "a" } }, events[1].messages)
      assert.equal(errno.EHOSTUNREACH, events[2].value)
      assert.same({ { "b" } }, world:messages(stream, 1))
      assert.equal(1, world:stream_stats(stream).errors)
    end)
  end)

  it("receives without a new message what there was no memory for", function()
    local stream, peer = receiver()
    world:turn(0)
    world:put(peer, "a")
    C.eddy__fault_plan(C.EDDY__FAULT_ALLOC, 0, 1, errno.ENOMEM)
    assert.equal(errno.ENOMEM, world:event("RECEIVE_FAILED", stream).value)
    assert.equal("RECEIVED", names(world:turn(100)))
  end)

  it("is not there for stale ids", function()
    local stream = world:stuck()
    assert.equal(0, C.eddy_stream_close(world.loop, stream, 0))
    for _ = 1, 2 do
      for _, id in ipairs { stream, 0, stream + 1, 2 ^ 32 - 1 } do
        assert.equal(-errno.EBADF, C.eddy_stream_close(world.loop, id, 0))
        assert.equal(-errno.EBADF, C.eddy_stream_receive(world.loop, id, 1))
        assert.equal(-errno.EBADF, C.eddy_stream_budget(world.loop, id, 1))
        assert.equal(-errno.EBADF, C.eddy_stream_limit(world.loop, id, 1, 1, 0))
        assert.equal(-errno.EBADF, world:send(id, "x"))
        local stats = ffi.new("eddy_stream_stats")
        assert.equal(-errno.EBADF, C.eddy_stream_stats_get(world.loop, id, stats))
      end
      world:turn()
    end
    assert.equal(-errno.EBADF, C.eddy_stream_open(world.loop, world.context, 12345))
  end)

  it("owns its socket alone", function()
    local socket = world:open("PUSH")
    local stream = world:stream(socket)
    assert.equal(-errno.EEXIST, C.eddy_stream_open(world.loop, world.context, socket))
    assert.equal(-errno.EEXIST, C.eddy_watch_socket(world.loop, world.context, socket, 1))
    C.eddy_stream_close(world.loop, stream, 0)
    assert.equal(0, C.eddy_context_sockets(world.context))
  end)
end)
