local C, ffi = require "spec.support.room" "stream/stream"
local support = require "spec.core.support"

describe("core/stream/place", function()
  local world
  support.each(function(...)
    world = ...
    world.unread = true
  end)

  -- A stream with its socket's peer.
  local function open(kind, peer)
    local socket, other = world:pair(kind, peer)
    return world:stream(socket, kind ~= "PUSH"), other
  end

  local function label(stream, name, endpoint)
    assert.equal(0, C.eddy_stream_label(world.loop, stream, name, endpoint))
  end

  -- Name and endpoint, of either record.
  local function texts(stream)
    local record, kind = world:page_record(stream)
    if kind == "stream" then
      local full = ffi.cast("eddy_page_stream *", record)
      return { ffi.string(full.name), ffi.string(full.endpoint) }
    end
    local idle = ffi.cast("eddy_page_idle *", record)
    local name = ffi.string(idle.texts)
    return { name, ffi.string(idle.texts + #name + 1) }
  end

  it("is short until it counts something, and then in its place", function()
    local stream, peer = open("PULL", "PUSH")
    label(stream, nil, "tcp://127.0.0.1:5555")
    local before, kind = world:page_record(stream)
    assert.equal("idle", kind)
    assert.is_true(before.size <= 96, tonumber(before.size))
    local number = before.number
    local idle = ffi.cast("eddy_page_idle *", before)
    local opened, type = idle.opened, idle.type
    assert.equal(1, idle.receiving)
    assert.equal(0, world:put(peer, "hello"))
    world:event("RECEIVED", stream)
    local record
    record, kind = world:page_record(stream)
    assert.equal("stream", kind)
    local full = ffi.cast("eddy_page_stream *", record)
    assert.same({ number, opened, type, 1, 1, 5 }, { record.number, full.opened, full.type,
      full.receiving, full.stats.messages_in, full.stats.bytes_in })
    assert.same({ "", "tcp://127.0.0.1:5555" }, texts(stream))
  end)

  it("is long with what is sent, queued, dropped or refused", function()
    local sender = open("PUSH", "PULL")
    local _, kind = world:page_record(sender)
    assert.equal("idle", kind)
    assert.equal(0, world:send(sender, "x"))
    assert.equal("stream", select(2, world:page_record(sender)))
    for policy, counted in pairs { [C.EDDY_DROP_NONE] = "no_room",
      [C.EDDY_DROP_NEWEST] = "dropped_newest" } do
      local stuck = world:stuck(0, nil, policy)
      world:send(stuck, "x")
      local record
      record, kind = world:page_record(stuck)
      assert.equal("stream", kind)
      assert.equal(1, ffi.cast("eddy_page_stream *", record)[counted])
    end
    local queued = world:stuck(10)
    world:send(queued, "x")
    local record = ffi.cast("eddy_page_stream *", (world:page_record(queued)))
    assert.equal(1, record.stats.queued)
  end)

  it("has the stream's name and endpoint, whatever their size, before and after", function()
    local stream, peer = open("PULL", "PUSH")
    local number = world:page_record(stream).number
    label(stream, "jobs", "ipc://a")
    label(stream, nil, ("e"):rep(40))
    assert.same({ "jobs", ("e"):rep(40) }, texts(stream))
    label(stream, ("n"):rep(200), nil)
    assert.same({ ("n"):rep(95), ("e"):rep(40) }, texts(stream))
    label(stream, "n", "e")
    assert.same({ "n", "e" }, texts(stream))
    assert.equal(number, world:page_record(stream).number)
    world:put(peer, "hello")
    world:event("RECEIVED", stream)
    assert.same({ "n", "e" }, texts(stream))
    label(stream, nil, "other")
    assert.same({ "n", "other" }, texts(stream))
  end)

  it("is given back", function()
    local function used() return tonumber(C.eddy_page_get().size) end
    local function once()
      local stream, peer = open("PULL", "PUSH")
      label(stream, "some name", ("endpoint"):rep(5))
      C.eddy_stream_receive(world.loop, stream, 0)
      assert.equal(0, ffi.cast("eddy_page_idle *", (world:page_record(stream))).receiving)
      C.eddy_stream_receive(world.loop, stream, 1)
      world:put(peer, "hello")
      world:event("RECEIVED", stream)
      C.eddy_stream_close(world.loop, stream, 0)
      assert.is_nil(world:page_record(stream))
    end
    once()
    local before = used()
    for _ = 1, 20 do once() end
    assert.equal(before, used())
  end)
end)
