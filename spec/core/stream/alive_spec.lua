local C = require "spec.support.room" "stream/stream"
local support = require "spec.core.support"
local errno, names = support.errno, support.names

describe("core/stream counts as alive", function()
  local world

  before_each(function() world = support.world() end)
  after_each(function() world:close() end)

  local function alive() return C.eddy_loop_alive(world.loop) end

  local function await_drain(stream, on) C.eddy_stream_await_drain(world.loop, stream, on) end
  local function await_word(stream, on) C.eddy_stream_await_word(world.loop, stream, on) end

  -- A stream whose queue is full, which was told.
  local function full_stream()
    local stream, _, let = world:stuck(1, -1)
    assert.equal(1, world:send(stream, "a"))
    assert.equal("FULL", names(world:turn()))
    return stream, let
  end

  it("while its queue is full and a drain is awaited, whichever comes first", function()
    local stream, let = full_stream()
    assert.equal(0, alive())
    await_drain(stream, 1)
    assert.equal(1, alive())
    await_drain(stream, 0)
    assert.equal(0, alive())
    local other = world:stuck(1, -1)
    await_drain(other, 1)
    assert.equal(0, alive())
    world:send(other, "a")
    world:turn()
    assert.equal(1, alive())
    await_drain(other, 0)
    await_drain(stream, 1)
    let()
    world:event("DRAINED", stream)
    assert.equal(0, alive())
  end)

  it("until a drain that has come is told", function()
    local stream, let = full_stream()
    let()
    await_drain(stream, 1)
    assert.equal(0, C.eddy_stream_drain(world.loop, stream, 5000))
    assert.equal(1, alive())
    assert.equal("DRAINED", names(world:turn()))
    assert.equal(0, alive())
  end)

  it("until it is told that its queue is full", function()
    local stream = world:stuck(1, -1)
    world:send(stream, "a")
    assert.equal(1, alive())
    world:turn()
    assert.equal(0, alive())
  end)

  it("until a failed receive is told", function()
    local peer, socket = world:pair("PUSH", "PULL")
    local stream = world:stream(socket, true)
    world:put(peer, "x")
    C.eddy__fault_plan(C.EDDY__FAULT_MSG_RECV, 0, 1, errno.EHOSTUNREACH)
    world:event("RECEIVE_FAILED", stream)
    C.eddy_stream_receive(world.loop, stream, 0)
    assert.equal(0, alive())
  end)

  it("while idle word is awaited, whichever comes first, and while any other is", function()
    local stream, _, let = world:stuck(-1, -1)
    await_word(stream, 1)
    assert.equal(0, alive())
    world:send(stream, "a", C.EDDY_REPORT_IDLY)
    assert.equal(1, alive())
    await_word(stream, 0)
    assert.equal(0, alive())
    await_word(stream, 1)
    assert.equal(1, alive())
    await_word(stream, 0)
    world:send(stream, "b", C.EDDY_REPORT)
    assert.equal(1, alive())
    let()
    world:event("SENT", stream)
    assert.equal(0, alive())
  end)

  it("no more when what it is counted for is dropped", function()
    local stream = world:stuck(1, -1, C.EDDY_DROP_OLDEST)
    world:send(stream, "a", C.EDDY_REPORT)
    assert.equal(1, alive())
    world:send(stream, "b")
    assert.equal("SEND_FAILED FULL", names(world:turn()))
    assert.equal(0, alive())
  end)

  it("no more when larger limits have made room, once that is told", function()
    local stream = full_stream()
    await_drain(stream, 1)
    C.eddy_stream_limit(world.loop, stream, 2, -1, 0)
    assert.equal(1, alive())
    assert.equal("DRAINED", names(world:turn()))
    assert.equal(0, alive())
  end)

  it("no more when it is closed, whatever it was counted for", function()
    local stream = full_stream()
    await_drain(stream, 1)
    world:send(stream, "x", C.EDDY_REPORT)
    C.eddy_stream_receive(world.loop, stream, C.EDDY_RECEIVE)
    assert.equal(1, alive())
    C.eddy_stream_close(world.loop, stream, 0)
    assert.equal(0, alive())
    assert.equal(-errno.EBADF, C.eddy_stream_await_drain(world.loop, stream, 1))
    assert.equal(0, alive())
  end)
end)
