local C, ffi = require "spec.support.room" "stream/outbox"
local errors = require "eddy.base.errors"
local support = require "spec.core.support"

local ENOMEM = errors.numbers.ENOMEM

-- What a stream has only once it sends.
describe("core/stream/outbox", function()
  local world, stream, peer
  support.each(function(...)
    world = ...
    local socket
    peer, socket = world:pair("DEALER", "DEALER")
    stream = world:stream(socket, true)
    world:turn(0)
  end)

  local function count(call)
    C.eddy__fault_plan(C.EDDY__FAULT_ALLOC, 0, 0, 0)
    call()
    return C.eddy__fault_count(C.EDDY__FAULT_ALLOC)
  end

  local function send() world:send(stream, "x") end

  it("takes memory with the first message, and none with the next", function()
    assert.is_true(count(send) > 0)
    assert.equal(0, count(send))
  end)

  it("takes none for what a stream that only receives does", function()
    assert.equal(0, count(function()
      C.eddy_stream_push(world.loop, stream, 10)
      C.eddy_stream_drain(world.loop, stream, 0)
      C.eddy_stream_await_drain(world.loop, stream, 1)
      C.eddy_stream_lost_peer(world.loop, stream, ffi.new("char[?]", C.EDDY_PEER_BYTES))
      C.eddy_stream_word(world.loop, stream, ffi.new("eddy_event"))
      C.eddy_stream_close(world.loop, stream, 0)
    end))
  end)

  it("is asked for again when there was no memory", function()
    local function limit() return C.eddy_stream_limit(world.loop, stream, 1, -1, 0) end
    local function finish() return C.eddy_stream_finish(world.loop, stream) end
    local function try() return C.eddy_stream_send(world.loop, stream, "x", 1, 0) end
    for _, call in ipairs { limit, finish, try } do
      C.eddy__fault_plan(C.EDDY__FAULT_ALLOC, 0, 1, ENOMEM)
      assert.equal(-ENOMEM, call())
    end
    assert.equal(0, try())
    assert.same({ "x" }, world:get(peer))
  end)
end)
