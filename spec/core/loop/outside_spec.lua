local C, ffi = require "spec.support.room" "base/faults"
local support = require "spec.core.support"
local torture = require "spec.core.base.fault_sweep"
local errno = support.errno

ffi.cdef "int dup(int fd);"

describe("core/loop/loop, inside another one", function()
  local world, pipe
  support.each_with_pipe(function(...) world, pipe = ... end)

  local function timeout() return C.eddy_loop_timeout(world.loop) end

  local function readable(fd)
    return ffi.C.poll(ffi.new("struct support_pollfd", fd, 1), 1, 0) == 1
  end

  it("has work as long as an inbox is not read", function()
    local push, pull = world:pair("PUSH", "PULL")
    local stream = world:stream(pull, true)
    world.unread = true
    for i = 1, 3 do world:put(push, tostring(i)) end
    local inbox = world:event("RECEIVED", stream).inbox
    assert.equal(0, timeout())
    inbox.head = inbox.head + 1
    assert.equal(0, timeout())
    C.eddy_stream_receive(world.loop, stream, 0)
    assert.equal(-1, timeout())
    C.eddy_stream_receive(world.loop, stream, 1)
    assert.equal(0, timeout())
  end)

  it("tells the next deadline, and that of a virtual clock", function()
    assert.equal(-1, timeout())
    C.eddy_timer_open(world.loop, C.eddy_loop_time(world.loop) + 1000, 0)
    assert.is_true(timeout() > 0 and timeout() <= 1000)
    C.eddy_loop_virtual_time(world.loop, 0)
    C.eddy_timer_open(world.loop, 30, 0)
    assert.equal(30, timeout())
    C.eddy_loop_advance(world.loop, 30)
    assert.equal(0, timeout())
  end)

  it("keeps its descriptor when the set that is waited for is another one", function()
    local outer = C.eddy_loop_fd(world.loop)
    assert.is_true(outer > 0)
    local push, pull = world:pair("PUSH", "PULL")
    world:stream(pull, true)
    local watch = C.eddy_watch_fd(world.loop, pipe[0], C.EDDY_READ)
    -- The kernel goes on telling of a descriptor that was closed while another stands for its file.
    local other = ffi.C.dup(pipe[0])
    ffi.C.write(pipe[1], "x", 1)
    ffi.C.close(pipe[0])
    pipe[0] = other
    C.eddy_watch_close(world.loop, watch)
    assert.is_true(readable(outer))
    for _ = 1, 3 do world:turn(0) end
    assert.equal(outer, C.eddy_loop_fd(world.loop))
    assert.equal(-1, timeout())
    assert.is_false(readable(outer))
    world:put(push, "x")
    assert.is_true(timeout() == 0 or readable(outer))
  end)

  it("has no descriptor when the kernel has none", function()
    local before = support.descriptors()
    for call, name in pairs { EPOLL_CREATE = "EMFILE", EPOLL_CTL = "ENOSPC" } do
      torture.plan(call, 0, 1, name)
      assert.equal(-errno[name], C.eddy_loop_fd(world.loop))
      support.forget_faults()
      assert.equal(before, support.descriptors())
    end
    assert.is_true(C.eddy_loop_fd(world.loop) > 0)
  end)

  it("is woken by what is done to it, once", function()
    local push, pull = world:pair("PUSH", "PULL")
    local out = world:stream(push)
    world:stream(pull, true)
    local fd = C.eddy_loop_fd(world.loop)
    for _ = 1, 3 do world:turn(0) end
    assert.equal(-1, timeout())
    assert.is_false(readable(fd))
    world:send(out, "x")
    assert.is_true(readable(fd))
    world:turn_until(function(events) return #events > 0 end)
    for _ = 1, 3 do world:turn(0) end
    assert.is_false(readable(fd))
  end)
end)
