local C, ffi = require "spec.support.room" "stream/stream"
local support = require "spec.core.support"
local names = support.names

-- How often a stream that receives asks libzmq, and that it misses nothing by asking less.
describe("core/stream/receive", function()
  local world, stream, peer, socket
  support.each(function(...)
    world = ...
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

  describe("with the loop's pool of inboxes", function()
    local KEPT, POOL = tonumber(C.EDDY__KEPT_PARTS), tonumber(C.EDDY__POOL_PARTS)

    -- The core's stream of a socket.
    local function stream_of(id)
      local owner = ffi.cast("char *", C.eddy__context_find(world.context, id).owner)
      return ffi.cast("eddy__stream *", owner - ffi.offsetof("eddy__stream", "source"))
    end

    local function empty_parts(many)
      local parts = {}
      for i = 1, many do parts[i] = "" end
      return parts
    end

    it("gives back what one huge message took", function()
      local state = stream_of(socket).state
      for _, many in ipairs { KEPT, KEPT + 1, 1 } do
        world:put(peer, empty_parts(many))
        assert.equal(many, #world:messages(stream, 1)[1])
        for _ = 1, 2 do world:turn(0) end
        assert.equal(many == KEPT and KEPT or 64, state.pooled) -- or a new one's room
        if many == KEPT then -- which is the next one's
          world:put(peer, "small")
          world.unread = true
          local event = world:event("RECEIVED", stream)
          assert.equal(0, state.pooled)
          world.unread = false
          support.read(event.inbox)
          world:turn(0)
          assert.equal(KEPT, state.pooled)
        end
      end
    end)

    it("keeps so many, however many streams had one", function()
      local state, peers = stream_of(socket).state, {}
      for i = 1, 600 do
        local a, b = world:pair("PUSH", "PULL")
        peers[i] = a
        world:stream(b, true)
      end
      for _ = 1, 2 do
        for _, each in ipairs(peers) do world:put(each, "x") end
        local got = 0
        world:turn_until(function(events)
          got = 0
          for _, event in ipairs(events) do got = got + #(event.messages or {}) end
          return got == #peers
        end)
        world:turn(0)
        assert.is_true(state.pooled > 0 and state.pooled <= POOL)
        assert.equal(0, state.pooled % 64)
      end
    end)
  end)

  describe("from a socket that conflates, or an XPUB that is manual,", function()
    local function single(kind, other, options)
      local from, to = world:pair(other, kind, nil, options)
      return from, to, world:stream(to, true)
    end

    -- How many messages each turn brought, until there were `most`.
    local function sizes(of, most)
      local list, got = {}, 0
      while got < most do
        local event = world:event("RECEIVED", of)
        list[#list + 1] = #event.messages
        got = got + #event.messages
      end
      return list
    end

    local function subscribe(from, topics)
      for name in topics:gmatch "." do world:put(from, "\1" .. name) end
    end

    it("receives one message a turn, whenever that was said", function()
      local from, to, xpub = single("XPUB", "XSUB", { XPUB_MANUAL = 1 })
      subscribe(from, "abc")
      assert.same({ 1, 1, 1 }, sizes(xpub, 3))
      world:set(to, "XPUB_MANUAL", 0)
      subscribe(from, "def")
      assert.same({ 3 }, sizes(xpub, 3))
      world:set(to, "XPUB_MANUAL", 1)
      subscribe(from, "ghi")
      assert.same({ 1, 1, 1 }, sizes(xpub, 3))
    end)

    it("receives one a turn with XPUB_MANUAL_LAST_VALUE, a draft that libzmq 4.3.4 has", function()
      local from, to, xpub = single("XPUB", "XSUB")
      if C.eddy_socket_set(world.context, to, 98, ffi.new("int[1]", 1), 4) ~= 0 then return end
      subscribe(from, "abc")
      assert.same({ 1, 1, 1 }, sizes(xpub, 3))
    end)

    it("has the last message only when its handler can act on it", function()
      local from, _, pull = single("PULL", "PUSH", { CONFLATE = 1 })
      world:put(from, "1")
      world:put(from, "2")
      local event = world:event("RECEIVED", pull)
      assert.same({ { "2" } }, event.messages)
    end)

    it("pulls one message at a time", function()
      local from, _, xpub = single("XPUB", "XSUB", { XPUB_MANUAL = 1 })
      subscribe(from, "ab")
      for _ = 1, 2 do
        assert.equal(1, #support.read(C.eddy_stream_pull(world.loop, xpub, 64)))
      end
      assert.is_true(C.eddy_stream_pull(world.loop, xpub, 64) == nil)
    end)

    it("refuses a larger budget", function()
      local _, to, xpub = single("XPUB", "XSUB", { XPUB_MANUAL = 1 })
      assert.equal(0, C.eddy_stream_budget(world.loop, xpub, 1))
      assert.equal(-support.errno.ENOTSUP, C.eddy_stream_budget(world.loop, xpub, 2))
      world:set(to, "XPUB_MANUAL", 0)
      assert.equal(0, C.eddy_stream_budget(world.loop, xpub, 2))
    end)
  end)
end)
