local C, ffi = require "spec.support.room" "loop/poller"
require "spec.support.room" "zmq/context"
local support = require "spec.core.support"
local errno = support.errno

ffi.cdef "int fileno(void *file); int dup(int fd); int dup2(int fd, int other);"

local READ, WRITE, ERROR = C.EDDY_READ, C.EDDY_WRITE, C.EDDY_ERROR

describe("core/loop/poller", function()
  local world, poller, sources, pipe

  before_each(function()
    world = support.world()
    poller, sources, pipe = ffi.new("eddy__poller"), {}, ffi.new("int[2]")
    assert.equal(0, C.eddy__poller_open(poller))
    assert.equal(0, ffi.C.pipe(pipe))
  end)

  after_each(function()
    for _, source in ipairs(sources) do C.eddy__poller_remove(poller, source) end
    C.eddy__poller_close(poller)
    ffi.C.close(pipe[0])
    if pipe[1] >= 0 then ffi.C.close(pipe[1]) end
    world:close()
  end)

  local function socket(id) return C.eddy__context_find(world.context, id) end

  local function watch(thing, wanted)
    local source = ffi.new("eddy__source")
    local fd = type(thing) == "number" and thing or -1
    local rc = C.eddy__poller_add(poller, source, fd < 0 and thing or nil, fd)
    if rc ~= 0 then return rc end
    sources[#sources + 1] = source
    assert.equal(0, C.eddy__poller_want(poller, source, wanted))
    return source
  end

  -- Refreshes and waits as the loop does; the readiness of all sources.
  local function look(timeout)
    local now = C.eddy_time()
    C.eddy__poller_refresh(poller, now)
    local idle = poller.ready.next == poller.ready
    assert.equal(0, C.eddy__poller_wait(poller, idle and timeout or 0, now))
    local all = {}
    for i, source in ipairs(sources) do
      all[i] = source.ready
      if source.ready ~= 0 then
        source.mark.prev.next, source.mark.next.prev = source.mark.next, source.mark.prev
        source.mark.next, source.mark.prev = source.mark, source.mark
      end
      source.ready = 0
    end
    return all
  end

  local function write(text) ffi.C.write(pipe[1], text, #text) end

  it("tells a descriptor's readiness as long as it lasts", function()
    watch(pipe[0], READ)
    assert.same({ 0 }, look(0))
    write "x"
    assert.same({ READ }, look(1000))
    assert.same({ READ }, look(1000))
    ffi.C.read(pipe[0], ffi.new("char[9]"), 9)
    assert.same({ 0 }, look(0))
  end)

  it("tells what is wanted of a descriptor, and its end", function()
    local reader, writer = watch(pipe[0], READ), watch(pipe[1], WRITE)
    assert.same({ 0, WRITE }, look(1000))
    C.eddy__poller_want(poller, writer, 0)
    assert.same({ 0, 0 }, look(0))
    C.eddy__poller_remove(poller, table.remove(sources))
    ffi.C.close(pipe[1])
    pipe[1] = -1
    assert.same({ ERROR }, look(1000))
    assert.is_true(reader.id > 0)
  end)

  it("takes a descriptor once, and only one that is open", function()
    watch(pipe[0], READ)
    assert.equal(-errno.EEXIST, watch(pipe[0], READ))
    assert.equal(-errno.EBADF, watch(9999, READ))
    assert.equal(1, poller.sources.count)
  end)

  it("tells of a file that it is ready for what is wanted, while it is open", function()
    local file = io.open("CMakeLists.txt") or io.open(EDDY_ROOT .. "/CMakeLists.txt")
    local plain = ffi.C.fileno(file)
    local source = watch(plain, READ)
    assert.equal(-errno.EEXIST, watch(plain, READ))
    assert.same({ READ }, look(1000))
    assert.equal(0, C.eddy__poller_want(poller, source, READ + WRITE))
    assert.same({ READ + WRITE }, look(1000))
    file:close()
    assert.equal(0, C.eddy__poller_want(poller, source, READ))
    assert.same({ 0 }, look(0))
  end)

  it("tells a message that was there before its socket was watched", function()
    local push, pull = world:pair("PUSH", "PULL")
    world:put(push, "x")
    C.eddy_socket_poll(world.context, pull, READ, 5000)
    watch(socket(pull), READ)
    assert.same({ READ }, look(0))
  end)

  it("tells a message that comes later", function()
    local push, pull = world:pair("PUSH", "PULL")
    watch(socket(pull), READ)
    assert.same({ 0 }, look(0))
    world:put(push, "x")
    assert.same({ READ }, look(5000))
  end)

  it("tells a message whose wake-up another call on the socket used up", function()
    local a, b = world:pair("PAIR", "PAIR")
    watch(socket(b), READ)
    for _ = 1, 300 do
      look(0)
      world:put(a, "x")
      world:put(b, "y")
      C.eddy_socket_poll(world.context, b, WRITE, 0)
      assert.same({ READ }, look(0))
      world:get(a)
      world:get(b)
    end
    assert.equal(0, poller.missed_wakeups)
  end)

  it("learns of what was not wanted when it becomes wanted", function()
    local push, pull = world:pair("PUSH", "PULL")
    local source = watch(socket(pull), 0)
    world:put(push, "x")
    assert.same({ 0 }, look(10))
    C.eddy__poller_want(poller, source, READ)
    assert.same({ READ }, look(0))
    C.eddy__poller_want(poller, source, 0)
    assert.same({ 0 }, look(0))
  end)

  it("sleeps as long as nothing comes, though a socket can write", function()
    local push = world:pair("PUSH", "PULL")
    watch(socket(push), READ)
    look(0)
    local before = C.eddy_time()
    assert.same({ 0 }, look(30))
    assert.is_true(C.eddy_time() - before >= 30)
  end)

  it("counts a wake-up that was missed, and makes up for it", function()
    local push, pull = world:pair("PUSH", "PULL")
    local source = watch(socket(pull), READ)
    look(0)
    world:put(push, "x")
    support.wait_readable(source.fd)
    local events, size = ffi.new("int[1]"), 4
    source.socket.touched = nil
    C.eddy_socket_get(world.context, pull, support.zmq.EVENTS, events, size)
    assert.equal(READ, events[0])
    C.eddy__poller_sweep(poller, C.eddy_time() + 5000)
    assert.equal(1, poller.missed_wakeups)
    assert.same({ READ }, look(0))
  end)

  it("counts none while a wake-up is on its way, or a source is noted already", function()
    local push, pull = world:pair("PUSH", "PULL")
    local source = watch(socket(pull), READ)
    C.eddy__poller_sweep(poller, C.eddy_time() + 5000)
    look(0)
    world:put(push, "x")
    support.wait_readable(source.fd)
    C.eddy__poller_sweep(poller, C.eddy_time() + 10000)
    assert.equal(0, poller.missed_wakeups)
    assert.same({ READ }, look(1000))
  end)

  it("makes a socket whose events cannot be read ready for its owner's next call", function()
    local _, pull = world:pair("PUSH", "PULL")
    watch(socket(pull), READ)
    C.eddy__fault_plan(C.EDDY__FAULT_ZMQ_GET, 0, 1, errno.ETERM)
    assert.same({ READ }, look(0))
  end)

  it("takes an interrupted wait for one whose time is up, and tells other failures", function()
    C.eddy__fault_plan(C.EDDY__FAULT_EPOLL_WAIT, 0, 1, errno.EINTR)
    assert.equal(0, C.eddy__poller_wait(poller, 1000, C.eddy_time()))
    C.eddy__fault_plan(C.EDDY__FAULT_EPOLL_WAIT, 0, 1, errno.ENOMEM)
    assert.equal(-errno.ENOMEM, C.eddy__poller_wait(poller, 1000, C.eddy_time()))
    assert.equal(0, C.eddy__poller_wait(poller, 0, C.eddy_time()))
  end)

  it("keeps what was wanted when the kernel refuses a change", function()
    local source = watch(pipe[0], READ)
    C.eddy__fault_plan(C.EDDY__FAULT_EPOLL_CTL, 0, 1, errno.ENOMEM)
    assert.equal(-errno.ENOMEM, C.eddy__poller_want(poller, source, 0))
    assert.equal(READ, source.wanted)
    write "x"
    assert.same({ READ }, look(1000))
  end)

  -- A descriptor is watched, and closed while another one stands for its file.
  local function leave_behind()
    local other, source = ffi.C.dup(pipe[0]), watch(pipe[0], READ)
    write "x"
    ffi.C.close(pipe[0])
    local closed
    closed, pipe[0] = pipe[0], other
    return source, closed
  end

  local function sleeps()
    local before = C.eddy_time()
    look(30)
    return C.eddy_time() - before >= 30
  end

  it("does not go on about a file whose descriptor was closed before it was removed", function()
    local push, pull = world:pair("PUSH", "PULL")
    watch(socket(pull), READ)
    leave_behind()
    C.eddy__poller_remove(poller, table.remove(sources))
    -- As long as the kernel has no room for another set, it does.
    C.eddy__fault_plan(C.EDDY__FAULT_EPOLL_CREATE, 0, 1, errno.EMFILE)
    assert.is_false(sleeps())
    C.eddy__fault_plan(C.EDDY__FAULT_EPOLL_CTL, 0, 1, errno.ENOMEM)
    assert.is_false(sleeps())
    assert.is_false(sleeps())
    assert.is_true(sleeps())
    world:put(push, "x")
    assert.same({ READ }, look(5000))
  end)

  it("tells of a number's new file, and not of the one that was closed", function()
    local _, number = leave_behind()
    local new = ffi.new("int[2]")
    assert.equal(0, ffi.C.pipe(new))
    if new[0] ~= number then ffi.C.dup2(new[0], number) end
    watch(number, READ)
    assert.same({ 0, 0 }, look(10))
    assert.is_true(sleeps())
    ffi.C.write(new[1], "x", 1)
    assert.same({ 0, READ }, look(1000))
    for _, fd in ipairs { new[1], number, new[0] ~= number and new[0] or nil } do
      ffi.C.close(fd)
    end
  end)

  it("forgets a source at once", function()
    watch(pipe[0], READ)
    write "x"
    local now = C.eddy_time()
    C.eddy__poller_wait(poller, 1000, now)
    assert.is_true(poller.ready.next ~= poller.ready)
    C.eddy__poller_remove(poller, table.remove(sources))
    assert.is_true(poller.ready.next == poller.ready)
    assert.same({}, look(0))
  end)
end)
