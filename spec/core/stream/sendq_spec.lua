local C, ffi = require "spec.support.room" "stream/sendq"
local support = require "spec.core.support"

local PART_BYTES = ffi.sizeof("zmq_msg_t")

describe("core/stream/sendq", function()
  local queue

  before_each(function()
    queue = ffi.new("eddy__sendq")
    C.eddy__sendq_init(queue)
  end)

  after_each(function()
    support.forget_faults()
    C.eddy__sendq_free(queue)
    assert.equal(0, queue.messages)
    assert.equal(0, queue.bytes)
    assert.equal(0, queue.parts)
  end)

  local function messages_of(strings)
    local msgs, bytes = ffi.new("zmq_msg_t[?]", #strings), 0
    for i, text in ipairs(strings) do
      C.zmq_msg_init_size(msgs[i - 1], #text)
      ffi.copy(C.zmq_msg_data(msgs[i - 1]), text, #text)
      bytes = bytes + #text
    end
    return msgs, #strings, bytes
  end

  local function push(strings, report)
    local msgs, count, bytes = messages_of(strings)
    return C.eddy__sendq_push(queue, msgs, count, bytes, report or 0, 0)
  end

  local function shift()
    local queued = C.eddy__sendq_oldest(queue)
    if queued == nil then return nil end
    C.eddy__sendq_take(queue, queued)
    local strings = {}
    for i = 0, queued.count - 1 do
      local msg = queued.msgs + i
      strings[i + 1] = ffi.string(C.zmq_msg_data(msg), C.zmq_msg_size(msg))
    end
    local report = queued.report
    C.eddy__sendq_drop(queued)
    return table.concat(strings, ","), report
  end

  local function fits(bytes, count) return C.eddy__sendq_fits(queue, bytes, count or 1) ~= 0 end

  it("counts the messages whose word is awaited", function()
    push({ "a" }, C.EDDY_REPORT)
    push({ "b" }, C.EDDY_REPORT_IDLY)
    push({ "c" }, 0)
    push({ "d" }, C.EDDY_REPORT_IDLY)
    assert.same({ 1, 2 }, { queue.awaited, queue.idle })
    shift()
    assert.same({ 0, 2 }, { queue.awaited, queue.idle })
    for _ = 1, 3 do shift() end
    assert.same({ 0, 0 }, { queue.awaited, queue.idle })
  end)

  it("keeps messages whole and in order", function()
    local large = ("x"):rep(10000)
    push { "a" }
    push({ "b", "", large }, 1)
    push { "" }
    assert.equal("a", (shift()))
    local text, report = shift()
    assert.equal("b,," .. large, text)
    assert.equal(1, report)
    push { "last" }
    assert.equal("", (shift()))
    assert.equal("last", (shift()))
    assert.is_nil(shift())
  end)

  it("counts messages, bytes and parts", function()
    push { "abc", "de" }
    push { "" }
    assert.same({ 2, 5, 3 }, { queue.messages, queue.bytes, queue.parts })
    shift()
    assert.same({ 1, 0, 1 }, { queue.messages, queue.bytes, queue.parts })
  end)

  it("has no limit of messages, and one of EDDY_SEND_LIMIT bytes, unless set", function()
    assert.equal(math.huge, queue.message_limit)
    assert.equal(tonumber(C.EDDY_SEND_LIMIT), queue.byte_limit)
    assert.is_true(fits(C.EDDY_SEND_LIMIT))
    assert.is_false(fits(tonumber(C.EDDY_SEND_LIMIT) + 1))
  end)

  it("fits exactly as many messages as its limit", function()
    queue.message_limit = 2
    push { "a" }
    assert.is_true(fits(1))
    push { "b" }
    assert.is_false(fits(0))
    shift()
    assert.is_true(fits(1))
  end)

  it("fits exactly as many bytes as its limit", function()
    queue.byte_limit = 10
    assert.is_true(fits(10))
    assert.is_false(fits(11))
    push { "1234", "567" }
    assert.is_true(fits(3))
    assert.is_false(fits(4))
    push { "890" }
    assert.is_true(fits(0))
    assert.is_false(fits(1))
  end)

  it("fits nothing when its limit is no message", function()
    queue.message_limit = 0
    assert.is_false(fits(0))
  end)

  it("bounds what empty parts take, although they have no bytes", function()
    local most = tonumber(C.EDDY_SEND_LIMIT) / PART_BYTES
    queue.byte_limit = 10
    assert.is_true(fits(0, most))
    assert.is_false(fits(0, most + 1))
    push { "", "", "" }
    assert.is_true(fits(0, most - 3))
    assert.is_false(fits(0, most - 2))
    queue.byte_limit = 2 * tonumber(C.EDDY_SEND_LIMIT)
    assert.is_true(fits(0, most + 1))
  end)

  it("leaves a message to its sender when there is no memory, for it or its lane", function()
    local msgs, count, bytes = messages_of { "kept" }
    for skip = 0, 1 do
      C.eddy__fault_plan(C.EDDY__FAULT_ALLOC, skip, 1, support.errno.ENOMEM)
      assert.equal(-support.errno.ENOMEM, C.eddy__sendq_push(queue, msgs, count, bytes, 0, 0))
      assert.equal(0, queue.messages)
      assert.equal(0, tonumber(queue.peer_queues.count))
      assert.equal("kept", ffi.string(C.zmq_msg_data(msgs), C.zmq_msg_size(msgs)))
    end
    assert.equal(0, C.eddy__sendq_push(queue, msgs, count, bytes, 0, 0))
    assert.equal("kept", (shift()))
  end)

  it("has a lane for each peer when the first part names one", function()
    queue.by_peer = 1
    for _, each in ipairs { "a1", "a2", "b1", "a3", "c1" } do push { each:sub(1, 1), each } end
    assert.equal(3, tonumber(queue.peer_queues.count))
    local function holds(name)
      local msgs = messages_of { name }
      local held = C.eddy__sendq_holds(queue, msgs) ~= 0
      C.zmq_msg_close(msgs)
      return held
    end
    assert.same({ true, true, false, false }, { holds "a", holds "c", holds "", holds "aa" })
    -- Lane by lane, in turns; each in order.
    local order = {}
    for _ = 1, tonumber(queue.peer_queues.count) do
      local queued = C.eddy__sendq_first(C.eddy__peer_queues_next(queue.peer_queues))
      while queued ~= nil do
        local msg = queued.msgs + 1
        order[#order + 1] = ffi.string(C.zmq_msg_data(msg), C.zmq_msg_size(msg))
        local following = C.eddy__sendq_take(queue, queued)
        C.eddy__sendq_drop(queued)
        queued = following
      end
    end
    assert.equal("a1 a2 a3 b1 c1", table.concat(order, " "))
    assert.same({ 0, 0 }, { queue.messages, tonumber(queue.peer_queues.count) })
    assert.is_false(holds "a")
  end)

  it("does what a list does, whatever the order of operations", function()
    math.randomseed(3)
    local list, number = {}, 0
    for _ = 1, 5000 do
      if math.random() < 0.5 then
        number = number + 1
        push { tostring(number) }
        list[#list + 1] = tostring(number)
      else
        assert.equal(table.remove(list, 1), (shift()))
      end
      assert.equal(#list, queue.messages)
    end
  end)
end)
