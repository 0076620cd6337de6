local eddy = require "eddy"
local zmq = require "eddy.zmq"
local support = require "spec.lua.support"

describe("a loop is closed", function()
  local loop, context
  support.each(function(...) loop, context = ... end)

  it("with everything on it", function()
    local stream, push = support.receiver()
    local socket = stream.socket
    local closes = 0
    stream:on_recv(error)
    stream:on_close(function() closes = closes + 1 end)
    push:send("x")
    local timers = { loop:call_later(0, error), loop:call_every(1, error) }
    loop:add_callback(error)
    local watched = context:socket(zmq.PULL)
    loop:add_handler(watched, error)
    local signal = loop:on_signal("USR2", error)
    local waker = loop:add_waker(error)
    loop:close()
    loop:close()
    assert.equal(1, closes)
    assert.is_true(stream:closed())
    assert.is_true(socket.closed)
    assert.equal(0, stream:close())
    for _, timer in ipairs(timers) do timer:cancel() end
    signal:cancel()
    waker:close()
    loop:remove_handler(watched)
    loop:stop()
    assert.error_matches(function() loop:spawn(error) end, "spawn: the loop is closed")
    assert.is_false(watched.closed)
  end)

  it("with the descriptors and sockets of its handlers, when told to", function()
    local ffi = require "ffi"
    pcall(ffi.cdef, "int pipe(int descriptors[2]); int fcntl(int fd, int command, ...);")
    local descriptors, closes = ffi.new("int[2]"), 0
    assert.equal(0, ffi.C.pipe(descriptors))
    local file = {
      fileno = function() return descriptors[1] end,
      close = function() closes = closes + 1 end,
    }
    local watched = context:socket(zmq.PULL)
    loop:add_handler(descriptors[0], error)
    loop:add_handler(file, error, loop.WRITE)
    loop:add_handler(watched, error)
    loop:close(true)
    assert.is_true(watched.closed)
    assert.equal(1, closes)
    assert.equal(-1, ffi.C.fcntl(descriptors[0], 1))
    assert.not_equal(-1, ffi.C.fcntl(descriptors[1], 1))
    require("eddy.base.libeddy").C.eddy_descriptor_close(descriptors[1])
    support.take_log()
  end)

  it("once, also when on_close closes it again or makes something on it", function()
    local stream = support.receiver()
    local timer, problem
    stream:on_close(function()
      loop:close()
      timer, problem = pcall(loop.call_later, loop, 1, error)
    end)
    loop:close()
    assert.is_false(timer)
    assert.matches("closed", problem)
    assert.error_matches(function() eddy.stream(context:socket(zmq.PULL), loop) end, "closed")
  end)

  it("and refuses whatever comes then", function()
    local timer = loop:call_every(1, error)
    loop:close()
    for name, args in pairs { start = {}, time = {}, stats = {}, make_current = {},
        call_later = { 1, print }, call_at = { 1, print }, call_every = { 1, print },
        on_signal = { "USR1", print }, add_handler = { 0, print }, add_waker = { print } } do
      assert.error_matches(function() loop[name](loop, unpack(args)) end, "closed")
    end
    assert.error_matches(function() timer:start() end, "closed")
    local socket = context:socket(zmq.PULL)
    assert.error_matches(function() eddy.stream(socket, loop) end, "closed")
    assert.is_false(socket.closed)
  end)

  it("and drops callbacks that come too late", function()
    loop:add_callback(error)
    loop:close()
    loop:add_callback(error)
    assert.error_matches(function() loop:add_callback(1) end, "function")
  end)

  it("not by its own handler", function()
    local caught
    loop:add_callback(function()
      caught = select(2, pcall(loop.close, loop))
      loop:stop()
    end)
    support.run(loop)
    assert.matches("running", caught)
  end)

  it("also by an on_close that closes more", function()
    local first, second = support.receiver(), support.receiver()
    first:on_close(function() second:close() end)
    second:on_close(function() first:close() end)
    loop:close()
    assert.is_true(first:closed() and second:closed())
  end)

  it("and leaves the other loops alone", function()
    local other = eddy.loop.new()
    local fired = false
    other:call_later(1, function()
      fired = true
      other:stop()
    end)
    loop:close()
    support.run(other)
    other:close()
    assert.is_true(fired)
  end)
end)
