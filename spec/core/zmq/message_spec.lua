local C, ffi = require "spec.support.room" "zmq/message"
require "spec.support.room" "zmq/context"
local support = require "spec.core.support"
local errno = support.errno

describe("core/zmq/message", function()
  local world
  support.each(function(...) world = ... end)

  local function make(strings)
    local msgs, parts = ffi.new("zmq_msg_t[?]", #strings), support.parts_of(strings)
    assert.equal(0, C.eddy__message_copy(msgs, parts, #strings))
    return msgs, #strings, parts
  end

  local function send(id, strings, is_made_again)
    local msgs, count, parts = make(strings)
    local socket = C.eddy__context_find(world.context, id)
    local result = is_made_again and C.eddy__message_send_parts(socket, msgs, parts, count) or
      C.eddy__message_send(socket, msgs, count)
    local left = {}
    if result ~= 0 then
      for i = 0, count - 1 do
        left[i + 1] = ffi.string(C.zmq_msg_data(msgs + i), C.zmq_msg_size(msgs + i))
      end
      C.eddy__message_close(msgs, count)
    end
    return result, left
  end

  describe("room", function()
    it("is the caller's for a few parts, and allocated for more", function()
      local few = ffi.new("zmq_msg_t[?]", C.EDDY__FEW_PARTS)
      assert.is_true(C.eddy__message_room(few, C.EDDY__FEW_PARTS) == few)
      C.eddy__message_leave(few, few)
      local many = C.eddy__message_room(few, tonumber(C.EDDY__FEW_PARTS) + 1)
      assert.is_true(many ~= nil and many ~= few)
      C.eddy__message_leave(many, few)
      C.eddy__fault_plan(C.EDDY__FAULT_ALLOC, 0, 1, errno.ENOMEM)
      assert.is_true(C.eddy__message_room(few, tonumber(C.EDDY__FEW_PARTS) + 1) == nil)
    end)
  end)

  it("copies all parts, or none when there is no memory", function()
    local strings = { "a", ("x"):rep(5000), "" }
    local msgs = ffi.new("zmq_msg_t[3]")
    for skip = 0, 2 do
      C.eddy__fault_plan(C.EDDY__FAULT_MSG_INIT, skip, 1, errno.ENOMEM)
      assert.equal(-errno.ENOMEM, C.eddy__message_copy(msgs, support.parts_of(strings)))
    end
    C.eddy__message_close(make(strings), 3)
  end)

  it("sends one part or many, whole", function()
    local push, pull = world:pair("PUSH", "PULL")
    local many = {}
    for i = 1, 500 do many[i] = tostring(i) end
    for _, message in ipairs { { "one" }, { "a", "", "b" }, many } do
      assert.equal(0, (send(push, message)))
      assert.same(message, world:get(pull))
    end
  end)

  it("closes all parts that it sent but the last, which libzmq took", function()
    local push, pull = world:pair("PUSH", "PULL")
    local message = { ("x"):rep(1000), "", ("y"):rep(1000) }
    local msgs, count = make(message)
    local socket = C.eddy__context_find(world.context, push)
    assert.equal(0, C.eddy__message_send(socket, msgs, count))
    for i = 0, count - 2 do assert.equal(-1, C.zmq_msg_close(msgs + i)) end -- it is closed
    assert.equal(0, C.zmq_msg_close(msgs + count - 1))
    assert.same(message, world:get(pull))
  end)

  it("leaves the parts as they were when nobody can take them", function()
    local push = world:open("PUSH")
    for _, message in ipairs { { "one" }, { "a", ("x"):rep(1000), "b" } } do
      local result, left = send(push, message)
      assert.equal(-errno.EAGAIN, result)
      assert.same(message, left)
    end
  end)

  it("leaves them when the socket refuses them, too", function()
    local router = world:open("ROUTER", { ROUTER_MANDATORY = 1 })
    local result, left = send(router, { "nobody", "x" })
    assert.equal(-errno.EHOSTUNREACH, result)
    assert.same({ "nobody", "x" }, left)
    local pull = world:open("PULL")
    assert.equal(-errno.ENOTSUP, (send(pull, { "x" })))
  end)

  it("sends again when a throttled socket only seemed full", function()
    local push, pull = world:pair("PUSH", "PULL")
    C.eddy__fault_plan(C.EDDY__FAULT_MSG_SEND, 0, 1, errno.EAGAIN)
    assert.equal(0, (send(push, { "a", "b" })))
    assert.same({ "a", "b" }, world:get(pull))
    assert.is_nil(world:get(pull, 0))
  end)

  it("stays refused when it is full indeed", function()
    local push, pull = world:pair("PUSH", "PULL")
    C.eddy__fault_plan(C.EDDY__FAULT_MSG_SEND, 0, 2, errno.EAGAIN)
    local result, left = send(push, { "a", "b" })
    assert.equal(-errno.EAGAIN, result)
    assert.same({ "a", "b" }, left)
    assert.is_nil(world:get(pull, 0))
  end)

  it("repeats a call that a signal interrupted, but not for ever", function()
    local push, pull = world:pair("PUSH", "PULL")
    C.eddy__fault_plan(C.EDDY__FAULT_MSG_SEND, 0, 20, errno.EINTR)
    assert.equal(0, (send(push, { "a", "b" })))
    assert.same({ "a", "b" }, world:get(pull))
    C.eddy__fault_plan(C.EDDY__FAULT_MSG_SEND, 0, 2 ^ 20, errno.EINTR)
    assert.equal(-errno.EINTR, (send(push, { "c" })))
  end)

  it("sends the next message whole after one that failed half-way", function()
    for _, kind in ipairs { "PUSH", "DEALER" } do
      local socket, peer = world:pair(kind, kind == "PUSH" and "PULL" or "DEALER")
      C.eddy__fault_plan(C.EDDY__FAULT_MSG_SEND, 2, 1, errno.EAGAIN)
      assert.equal(0, (send(socket, { "a", "b", "c", "d" })))
      support.forget_faults()
      assert.equal(0, (send(socket, { "next", "one" })))
      local last
      for message in function() return world:get(peer, 0) end do last = message end
      assert.same({ "next", "one" }, last)
    end
  end)

  it("has all parts of one that failed half-way, or failed for want of memory", function()
    local text = { "a", ("x"):rep(1000), "c", "d" }
    for _, is_made_again in ipairs { false, true } do
      for taken = 0, 3 do
        local socket = world:pair("PUSH", "PULL")
        C.eddy__fault_plan(C.EDDY__FAULT_MSG_SEND, taken, 1, errno.EHOSTUNREACH)
        local result, left = send(socket, text, is_made_again)
        assert.equal(-errno.EHOSTUNREACH, result)
        assert.same(text, left)
        support.forget_faults()
      end
    end
    local socket, peer = world:pair("DEALER", "DEALER")
    C.eddy__fault_plan(C.EDDY__FAULT_MSG_SEND, 2, 1, errno.EAGAIN)
    assert.equal(0, (send(socket, text, true)))
    local last
    for message in function() return world:get(peer, 0) end do last = message end
    assert.same(text, last)
    C.eddy__fault_plan(C.EDDY__FAULT_MSG_SEND, 2, 1, errno.EAGAIN)
    C.eddy__fault_plan(C.EDDY__FAULT_MSG_INIT, 5, 1, errno.ENOMEM)
    assert.equal(-errno.ENOMEM, (send(socket, text, true)))
    assert.equal(0, (send(socket, { "next", "one" }, true)))
    for message in function() return world:get(peer, 0) end do last = message end
    assert.same({ "next", "one" }, last)
  end)

  -- A peer that goes away while a message is written ends it half-way: neither its rest nor a
  -- start without the rest may reach the peer that stays.
  local function churn(sending)
    local parts, count = { "start" }, 3000
    for i = 2, count do parts[i] = "middle" end
    parts[count] = "end"
    local socket, stays = world:open("PUSH"), world:open("PULL")
    local endpoint = world:join(socket, stays)
    local taken, settled = 0, support.descriptors()
    local function take()
      for message in function() return world:get(stays, 0) end do
        assert.same({ "start", count, "end" }, { message[1], #message, message[#message] })
        taken = taken + 1
      end
    end
    for _ = 1, 100 do
      local leaves = world:open("PULL")
      assert.equal(0, C.eddy_socket_connect(world.context, leaves, endpoint))
      for _ = 1, 2 do sending(socket, parts) end
      C.eddy_socket_close(world.context, leaves, 0)
      for _ = 1, 3 do sending(socket, parts) end
      take()
      -- One at a time: while two leave, libzmq itself may change peers inside a message.
      local deadline = C.eddy_time() + 10000
      repeat
        C.eddy_socket_poll(world.context, socket, C.EDDY_WRITE, 0)
        assert.is_true(C.eddy_time() < deadline)
      until support.descriptors() == settled
      C.eddy_socket_poll(world.context, socket, C.EDDY_WRITE, 0)
    end
    assert.is_true(taken > 100)
  end

  it("keeps messages whole while a peer leaves in the middle of one", function()
    churn(function(socket, parts)
      local result = send(socket, parts)
      assert.is_true(result == 0 or result == -errno.EAGAIN)
    end)
  end)

  it("keeps them whole when the sender would wait, too", function()
    churn(function(socket, parts)
      local result = world:put(socket, parts, 0)
      assert.is_true(result == 0 or result == -errno.EAGAIN)
    end)
  end)

  it("does not let the last part of a lost message out alone", function()
    local fd = ffi.new("int[1]")
    for _ = 1, 20 do
      local socket, leaves, stays = world:open("PUSH"), world:open("PULL"), world:open("PULL")
      local endpoint = world:join(socket, leaves)
      C.eddy_socket_get(world.context, socket, support.zmq.FD, fd, 4)
      assert.equal(0, world:put(socket, "start", support.zmq.SNDMORE))
      assert.equal(0, C.eddy_socket_connect(world.context, stays, endpoint))
      C.eddy_socket_poll(world.context, socket, C.EDDY_WRITE, 0)
      C.eddy_socket_close(world.context, leaves, 0)
      support.wait_readable(fd[0])
      -- For 3 million ticks after the last look a send does not notice who left.
      local unthrottled = C.eddy_time() + 5
      repeat until C.eddy_time() > unthrottled
      world:set(socket, "SNDTIMEO", 100)
      world:put(socket, "end", 0)
      repeat until world:put(socket, "next", 0) == 0
      assert.same({ "next" }, world:get(stays))
      C.eddy_socket_close(world.context, socket, 0)
      C.eddy_socket_close(world.context, stays, 0)
    end
  end)
end)
