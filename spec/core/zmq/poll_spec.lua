local C, ffi = require "spec.support.room" "zmq/poll"
require "spec.support.room" "base/faults"
local support = require "spec.core.support"
local errno = support.errno


local READ, WRITE, ERROR = C.EDDY_READ, C.EDDY_WRITE, C.EDDY_ERROR
local POLL = C.EDDY__FAULT_POLL

describe("core/zmq/poll", function()
  local world, pipe

  before_each(function()
    world, pipe = support.world(), ffi.new("int[2]")
    assert.equal(0, ffi.C.pipe(pipe))
  end)

  after_each(function()
    ffi.C.close(pipe[0])
    if pipe[1] >= 0 then ffi.C.close(pipe[1]) end
    world:close()
  end)

  -- A list of { socket or { fd }, events }.
  local function items_of(list)
    local items = ffi.new("eddy_poll_item[?]", math.max(#list, 1))
    for i, each in ipairs(list) do
      local item, what = items[i - 1], each[1]
      item.events, item.fd, item.ready = each[2], -1, 77 -- of a call before
      if type(what) == "table" then item.fd = what[1]
      else item.context, item.socket = world.context, what end
    end
    return items
  end

  local function poll(list, timeout)
    local items, ready = items_of(list), {}
    local result = C.eddy_poll(items, #list, timeout or 0)
    for i = 1, #list do ready[i] = items[i - 1].ready end
    return ready, result
  end

  local function write() ffi.C.write(pipe[1], "x", 1) end

  it("tells what sockets are ready for, as long as they are", function()
    local a, b = world:pair("PAIR", "PAIR")
    local both = READ + WRITE
    assert.same({ WRITE, WRITE }, (poll({ { a, both }, { b, both } }, 1000)))
    world:put(a, "x")
    for _ = 1, 3 do
      local ready, count = poll({ { a, READ }, { b, READ }, { b, both } }, 1000)
      assert.same({ 0, READ, both }, ready)
      assert.equal(2, count)
    end
    world:get(b)
    assert.same({ 0 }, (poll({ { b, READ } }, 0)))
  end)

  it("tells what descriptors are ready for, and their end", function()
    assert.same({ 0, WRITE }, (poll({ { { pipe[0] }, READ }, { { pipe[1] }, WRITE } }, 1000)))
    write()
    for _ = 1, 2 do assert.same({ READ }, (poll({ { { pipe[0] }, READ } }, 1000))) end
    assert.same({ 0 }, (poll({ { { pipe[0] }, 0 } }, 0)))
    ffi.C.read(pipe[0], ffi.new("char[9]"), 9)
    ffi.C.close(pipe[1])
    pipe[1] = -1
    assert.same({ ERROR }, (poll({ { { pipe[0] }, READ } }, -1)))
  end)

  it("tells of sockets and descriptors at once", function()
    local a, b = world:pair("PAIR", "PAIR")
    world:put(a, "x")
    write()
    assert.same({ READ, READ, 0 }, (poll({ { b, READ }, { { pipe[0] }, READ }, { a, READ } }, -1)))
  end)

  it("sees what comes over a wire while it waits", function()
    local a, b = world:open("PUSH"), world:open("PULL")
    world:join(b, a, "tcp://127.0.0.1:*")
    for _ = 1, 200 do
      world:put(a, "x", 0)
      local ready, count = poll({ { { pipe[0] }, READ }, { b, READ } }, 10000)
      assert.same({ 0, READ }, ready)
      assert.equal(1, count)
      assert.same({ "x" }, world:get(b, 0))
    end
  end)

  it("waits for as long as it is told, and never less", function()
    local a = world:open("PULL")
    for _, list in ipairs { { { a, READ } }, { { { pipe[0] }, READ } },
      { { a, READ }, { { pipe[0] }, READ } } } do
      for _, ms in ipairs { 0, 0.3, 1, 2.5, 20 } do
        local start = C.eddy_time()
        local _, count = poll(list, ms)
        assert.equal(0, count)
        assert.is_true(C.eddy_time() - start >= ms)
      end
    end
  end)

  it("returns at once from an empty list", function()
    assert.equal(0, select(2, poll({}, -1)))
    assert.equal(0, C.eddy_poll(nil, 0, 1e9))
  end)

  it("waits for what is left of its time after a signal", function()
    local a = world:open("PULL")
    for _, list in ipairs { { { a, READ } }, { { { pipe[0] }, READ } } } do
      C.eddy__fault_plan(POLL, 0, 50, errno.EINTR)
      local start = C.eddy_time()
      local _, count = poll(list, 10)
      assert.equal(0, count)
      assert.is_true(C.eddy__fault_count(POLL) > 1)
      assert.is_true(C.eddy_time() - start >= 10)
      support.forget_faults()
    end
    write()
    C.eddy__fault_plan(POLL, 0, 50, errno.EINTR)
    assert.same({ READ }, (poll({ { { pipe[0] }, READ } }, -1)))
    assert.same({ READ }, (poll({ { { pipe[0] }, READ } }, 0)))
  end)

  it("takes more items than the stack has room for", function()
    local list, expected = {}, {}
    local a, b = world:pair("PAIR", "PAIR")
    world:put(a, "x")
    for i = 1, 100 do
      list[i] = i % 2 == 0 and { b, READ } or { { pipe[0] }, READ }
      expected[i] = i % 2 == 0 and READ or 0
    end
    assert.same(expected, (poll(list, -1)))
    C.eddy__fault_plan(C.EDDY__FAULT_ALLOC, 0, 1, errno.ENOMEM)
    assert.equal(-errno.ENOMEM, select(2, poll(list, -1)))
  end)

  it("names the item that cannot be waited for", function()
    local a, b = world:pair("PAIR", "PAIR")
    assert.equal(0, C.eddy_socket_close(world.context, a, 0))
    for _, bad in ipairs { a, 0, 999999, { 999 }, { -1 } } do
      local ready, result = poll({ { b, READ }, { { pipe[0] }, READ }, { bad, READ } }, -1)
      assert.equal(-errno.EBADF, result)
      assert.same({ 0, 0, -errno.EBADF }, ready)
    end
    assert.equal(-errno.EINVAL, select(2, poll({ { b, READ } }, 0 / 0)))
    assert.equal(-errno.EINVAL, C.eddy_poll(items_of {}, -1, 0))
  end)

  it("tells that the context was terminated, and what the kernel refuses", function()
    local a = world:open("PULL")
    C.eddy__fault_plan(C.EDDY__FAULT_ZMQ_GET, 0, 1, errno.ETERM)
    local ready, result = poll({ { { pipe[0] }, READ }, { a, READ } }, -1)
    assert.equal(-errno.ETERM, result)
    assert.same({ 0, -errno.ETERM }, ready)
    C.eddy__fault_plan(POLL, 0, 1, errno.ENOMEM)
    assert.equal(-errno.ENOMEM, select(2, poll({ { a, READ } }, -1)))
  end)

  it("takes no wake-up from a loop that has the socket", function()
    local a, b = world:pair("PUSH", "PULL")
    local stream = world:stream(b, true)
    for i = 1, 20 do
      world:turn(0)
      world:put(a, "x")
      assert.same({ READ }, (poll({ { b, READ } }, 1000)))
      assert.equal(1, #world:messages(stream, 1), i)
    end
  end)
end)
