local C, ffi = require("eddy.base.libeddy").C, require "ffi"
local support = require "spec.core.support"
local errno, names = support.errno, support.names

local READ, WRITE, ERROR = C.EDDY_READ, C.EDDY_WRITE, C.EDDY_ERROR

describe("core/loop/watcher", function()
  local world, pipe
  support.each_with_pipe(function(...) world, pipe = ... end)

  local function watch_fd(fd, events)
    local id = C.eddy_watch_fd(world.loop, fd, events)
    assert.is_true(id > 0)
    return id
  end

  local function watch_socket(socket, events)
    local id = C.eddy_watch_socket(world.loop, world.context, socket, events)
    assert.is_true(id > 0)
    return id
  end

  local function write(text) ffi.C.write(pipe[1], text, #text) end
  local function read() ffi.C.read(pipe[0], ffi.new("char[64]"), 64) end

  local function ready(events)
    local list = {}
    for _, event in ipairs(events) do
      assert.equal("READY", event.kind)
      list[event.id] = event.value
    end
    return list
  end

  it("tells a descriptor's readiness in every turn, as long as it lasts", function()
    local watch = watch_fd(pipe[0], READ)
    assert.same({}, ready(world:turn(0)))
    write "x"
    for _ = 1, 3 do assert.same({ [watch] = READ }, ready(world:turn(1000))) end
    read()
    assert.same({}, ready(world:turn(0)))
  end)

  it("tells that the other side is gone", function()
    local watch = watch_fd(pipe[0], READ)
    ffi.C.close(pipe[1])
    pipe[1] = -1
    assert.same({ [watch] = ERROR }, ready(world:turn(1000)))
  end)

  it("tells a socket's readiness in every turn, as long as it lasts", function()
    local push, pull = world:pair("PUSH", "PULL")
    local watch = watch_socket(pull, READ)
    assert.same({}, ready(world:turn(0)))
    world:put(push, "a")
    world:put(push, "b")
    for _ = 1, 3 do assert.same({ [watch] = READ }, ready(world:turn(1000))) end
    assert.same({ "a" }, world:get(pull))
    assert.same({ [watch] = READ }, ready(world:turn(1000)))
    assert.same({ "b" }, world:get(pull))
    assert.same({}, ready(world:turn(0)))
    world:put(push, "c")
    assert.same({ [watch] = READ }, ready(world:turn(1000)))
  end)

  it("tells both directions of a socket, and changes with what is wanted", function()
    local a, b = world:pair("PAIR", "PAIR")
    local watch = watch_socket(a, READ + WRITE)
    assert.same({ [watch] = WRITE }, ready(world:turn(0)))
    world:put(b, "x")
    assert.same({ [watch] = READ + WRITE }, ready(world:turn(0)))
    assert.equal(0, C.eddy_watch_change(world.loop, watch, READ))
    assert.same({ [watch] = READ }, ready(world:turn(0)))
    assert.equal(0, C.eddy_watch_change(world.loop, watch, 0))
    assert.same({}, ready(world:turn(5)))
    assert.equal(0, C.eddy_watch_change(world.loop, watch, WRITE))
    assert.same({ [watch] = WRITE }, ready(world:turn(0)))
  end)

  it("notices what a call on its socket between two turns uncovered", function()
    local a, b = world:pair("PAIR", "PAIR")
    local watch = watch_socket(a, READ)
    for i = 1, 200 do
      world:put(b, tostring(i))
      world:put(a, "use up the wake-up")
      assert.same({ [watch] = READ }, ready(world:turn(5000)))
      world:get(a)
      world:get(b)
      assert.same({}, ready(world:turn(0)))
    end
  end)

  it("brings nothing once it is closed, though it was ready", function()
    local _, pull = world:pair("PUSH", "PULL")
    local watches = { watch_fd(pipe[1], WRITE), watch_socket(pull, READ) }
    assert.equal(2, C.eddy_loop_alive(world.loop))
    world:turn(0)
    for _, watch in ipairs(watches) do
      assert.equal(0, C.eddy_watch_close(world.loop, watch))
      assert.equal(-errno.EBADF, C.eddy_watch_close(world.loop, watch))
      assert.equal(-errno.EBADF, C.eddy_watch_change(world.loop, watch, READ))
    end
    assert.equal(0, C.eddy_loop_alive(world.loop))
    assert.same({}, ready(world:turn(0)))
    assert.equal(-errno.EBADF, C.eddy_watch_close(world.loop, watches[1]))
    watch_fd(pipe[1], WRITE)
    watch_socket(pull, READ)
  end)

  it("of a socket counts as alive when it waits for something, of a descriptor always", function()
    local _, pull = world:pair("PUSH", "PULL")
    local socket, descriptor = watch_socket(pull, 0), watch_fd(pipe[0], READ)
    local function alive(events)
      C.eddy_watch_change(world.loop, socket, events)
      return C.eddy_loop_alive(world.loop)
    end
    assert.equal(1, C.eddy_loop_alive(world.loop))
    for _ = 1, 2 do assert.same({ 2, 2, 1 }, { alive(READ), alive(WRITE), alive(0) }) end
    C.eddy_watch_change(world.loop, descriptor, 0)
    assert.equal(1, C.eddy_loop_alive(world.loop))
    C.eddy_watch_close(world.loop, socket)
    C.eddy_watch_close(world.loop, descriptor)
    assert.equal(0, C.eddy_loop_alive(world.loop))
  end)

  it("may be opened for a descriptor that takes a closed one's number", function()
    local watch = watch_fd(pipe[0], READ)
    write "x"
    world:turn(0)
    C.eddy_watch_close(world.loop, watch)
    ffi.C.close(pipe[0])
    ffi.C.close(pipe[1])
    assert.equal(0, ffi.C.pipe(pipe))
    local fresh = watch_fd(pipe[0], READ)
    assert.are_not.equal(watch, fresh)
    assert.same({}, ready(world:turn(0)))
    write "y"
    assert.same({ [fresh] = READ }, ready(world:turn(1000)))
  end)

  it("takes a descriptor or socket once", function()
    local socket = world:open("PAIR")
    watch_socket(socket, READ)
    watch_fd(pipe[0], READ)
    local loop, context = world.loop, world.context
    assert.equal(-errno.EEXIST, C.eddy_watch_socket(loop, context, socket, READ))
    assert.equal(-errno.EEXIST, C.eddy_stream_open(loop, context, socket))
    assert.equal(-errno.EEXIST, C.eddy_watch_fd(loop, pipe[0], READ))
    assert.equal(-errno.EBADF, C.eddy_watch_fd(loop, -1, READ))
    assert.equal(-errno.EBADF, C.eddy_watch_fd(loop, 9999, READ))
    assert.equal(-errno.EBADF, C.eddy_watch_socket(loop, context, 12345, READ))
    assert.equal(2, C.eddy_loop_alive(loop))
  end)

  it("is told when its socket is closed under it, in place of its readiness", function()
    local push, pull = world:pair("PUSH", "PULL")
    local watch = watch_socket(pull, READ)
    world:put(push, "x")
    assert.same({ [watch] = READ }, ready(world:turn(1000)))
    C.eddy_socket_close(world.context, pull, 0)
    local events = world:turn(1000)
    assert.equal("CLOSED", names(events))
    assert.same({ watch, errno.ENOTSOCK }, { events[1].id, events[1].value })
    assert.equal("", names(world:turn(0)))
    assert.equal(0, C.eddy_watch_close(world.loop, watch))
  end)

  it("may be changed after its socket is gone", function()
    local _, pull = world:pair("PUSH", "PULL")
    local watch = watch_socket(pull, READ)
    C.eddy_socket_close(world.context, pull, 0)
    C.eddy_watch_change(world.loop, watch, WRITE)
    assert.equal("CLOSED", names(world:turn(0)))
    C.eddy_watch_change(world.loop, watch, READ)
    assert.equal("", names(world:turn(0)))
  end)

  it("tells its event later when the batch has no room", function()
    local watch = watch_fd(pipe[1], WRITE)
    C.eddy__fault_plan(C.EDDY__FAULT_ALLOC, 0, 1, errno.ENOMEM)
    assert.same({}, ready(world:turn(0)))
    assert.same({ [watch] = WRITE }, ready(world:turn(0)))
  end)
end)
