local C, ffi = require "spec.support.room" "stream/inbox"
require "spec.support.room" "zmq/context"
local support = require "spec.core.support"

local BATCH_BYTES, ENOMEM = tonumber(C.EDDY_BATCH_BYTES), support.errno.ENOMEM

describe("core/stream/inbox", function()
  local world, inbox, peer, socket, messages, bytes

  before_each(function()
    world = support.world()
    local id
    peer, id = world:pair("PUSH", "PULL", { SNDHWM = 0 }, { RCVHWM = 0 })
    socket = C.eddy__context_find(world.context, id)
    inbox = C.eddy__inbox_new()
    messages, bytes = ffi.new("double[1]"), ffi.new("double[1]")
  end)

  after_each(function()
    C.eddy__inbox_free(inbox)
    world:close()
  end)

  local function put(message) assert.equal(0, world:put(peer, message)) end

  local function receive(budget)
    assert.equal(1, C.eddy_socket_poll(world.context, socket.id, 1, 5000))
    return C.eddy__inbox_receive(inbox, socket, budget or 64, messages, bytes)
  end

  local function read(most) return support.read(inbox.view, most) end

  it("tells with each part how many of its message follow", function()
    put { "a", "b", "c" }
    put "d"
    assert.equal(0, receive())
    local follow = {}
    for i = 0, 3 do follow[i + 1] = inbox.view.parts[i].more end
    assert.same({ 2, 1, 0, 0 }, follow)
  end)

  it("tells when the socket is empty", function()
    assert.equal(0, C.eddy__inbox_receive(inbox, socket, 1, messages, bytes))
    assert.equal(0, inbox.fill)
    put "a"
    assert.equal(0, receive())
    assert.same({ { "a" } }, read())
  end)

  it("receives as many messages as its budget, whatever their parts", function()
    for i = 1, 5 do put { tostring(i), "x", "y" } end
    assert.equal(1, receive(2))
    assert.same({ { "1", "x", "y" }, { "2", "x", "y" } }, read())
    assert.equal(1, C.eddy__inbox_release(inbox))
    assert.equal(1, receive(3))
    assert.equal(0, C.eddy__inbox_receive(inbox, socket, 1, messages, bytes))
    assert.same({ 5, 15 }, { messages[0], bytes[0] })
  end)

  it("stops at the batch's bytes", function()
    local quarter = ("x"):rep(BATCH_BYTES / 4)
    for _ = 1, 6 do put(quarter) end
    assert.equal(1, receive())
    assert.equal(4, messages[0])
    read()
    C.eddy__inbox_release(inbox)
    assert.equal(0, receive())
    assert.equal(6, messages[0])
  end)

  it("weighs parts that have no bytes", function()
    local most, many = BATCH_BYTES / ffi.sizeof("zmq_msg_t"), {}
    for i = 1, most / 4 do many[i] = "" end
    for _ = 1, 6 do put(many) end
    for i = 1, 5 do put { ("x"):rep(BATCH_BYTES / 4 - 128), "", tostring(i) } end
    for _, count in ipairs { 4, 8, 11 } do
      assert.equal(count < 11 and 1 or 0, receive())
      assert.equal(count, messages[0])
      read()
      C.eddy__inbox_release(inbox)
    end
  end)

  it("finishes the message that it has begun, whatever its bytes", function()
    local half = ("x"):rep(BATCH_BYTES / 2)
    put "first"
    put { half, half, half, "end" }
    put "next"
    assert.equal(1, receive())
    assert.same({ { "first" }, { half, half, half, "end" } }, read())
    assert.equal(1, C.eddy__inbox_release(inbox))
    assert.equal(0, receive())
    assert.same({ { "next" } }, read())
  end)

  it("keeps the bytes of small and large parts right while it grows", function()
    local sent = {}
    for i = 1, 150 do
      sent[i] = { "small " .. i, ("large " .. i .. " "):rep(10), "", "end " .. i }
      put(sent[i])
    end
    assert.equal(0, receive(1000))
    assert.is_true(inbox.capacity >= 600)
    assert.same(sent, read())
  end)

  it("keeps them right for a single message of many parts, again and again", function()
    for round = 1, 3 do
      local sent = {}
      for i = 1, 1000 do sent[i] = round .. ":" .. i .. (i % 3 == 0 and ("."):rep(50) or "") end
      put(sent)
      assert.equal(0, receive())
      assert.same({ sent }, read())
      assert.equal(1, C.eddy__inbox_release(inbox))
    end
  end)

  it("is not given back while something is unread", function()
    for i = 1, 3 do put(tostring(i)) end
    receive()
    read(2)
    assert.equal(0, C.eddy__inbox_release(inbox))
    assert.same({ { "3" } }, read())
    assert.equal(1, C.eddy__inbox_release(inbox))
    assert.same({ 0, 0, 0 }, { inbox.fill, inbox.view.head, inbox.view.tail })
  end)

  it("does not pile up what was read while each batch ends inside a message", function()
    local large = ("x"):rep(BATCH_BYTES)
    local taken, most = 0, 0
    for _ = 1, 20 do put { "head", large, "end" } end
    while taken < 20 do
      assert.is_true(receive() >= 0)
      most = math.max(most, inbox.fill)
      for _, message in ipairs(read()) do
        assert.same({ "head", #large, "end" }, { message[1], #message[2], message[3] })
        taken = taken + 1
      end
      C.eddy__inbox_release(inbox)
    end
    assert.is_true(most <= 12)
  end)

  it("leaves a message unfinished when there is no memory, and finishes it later", function()
    local sent = {}
    for i = 1, 200 do sent[i] = "part " .. i end
    put "before"
    put(sent)
    C.eddy__fault_plan(C.EDDY__FAULT_ALLOC, 0, 1, ENOMEM)
    assert.equal(-ENOMEM, receive())
    assert.same({ { "before" } }, read())
    C.eddy__fault_plan(C.EDDY__FAULT_ALLOC, 1, 1, ENOMEM)
    assert.equal(-ENOMEM, receive())
    assert.same({}, read())
    assert.equal(0, receive())
    assert.same({ sent }, read())
  end)

  it("keeps what came before a failed receive", function()
    put "a"
    put "b"
    C.eddy__fault_plan(C.EDDY__FAULT_MSG_RECV, 1, 1, support.errno.ENOTSOCK)
    assert.equal(-support.errno.ENOTSOCK, receive())
    assert.same({ { "a" } }, read())
    C.eddy__inbox_release(inbox)
    assert.equal(0, receive())
    assert.same({ { "b" } }, read())
  end)

  it("receives through a few interruptions", function()
    put "a"
    C.eddy__fault_plan(C.EDDY__FAULT_MSG_RECV, 0, 5, support.errno.EINTR)
    assert.equal(0, receive())
    assert.same({ { "a" } }, read())
  end)

  it("is not made without memory", function()
    for skip = 0, 2 do
      C.eddy__fault_plan(C.EDDY__FAULT_ALLOC, skip, 1, ENOMEM)
      assert.is_true(C.eddy__inbox_new() == nil)
    end
  end)
end)
