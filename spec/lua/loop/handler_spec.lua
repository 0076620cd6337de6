local ffi = require "ffi"
local eddy = require "eddy"
local zmq = require "eddy.zmq"
local support = require "spec.lua.support"

ffi.cdef [[
int pipe(int ends[2]);
int dup2(int from, int to);
int close(int fd);
long read(int fd, void *buffer, size_t size);
long write(int fd, const void *buffer, size_t size);
]]

local READ, WRITE, ERROR = eddy.loop.READ, eddy.loop.WRITE, eddy.loop.ERROR

describe("a handler of a descriptor or socket", function()
  local loop, context, fds
  before_each(function()
    loop, context = support.open()
    fds = {}
  end)
  after_each(function()
    support.close()
    for fd in pairs(fds) do ffi.C.close(fd) end
  end)

  local function pipe()
    local ends = ffi.new("int[2]")
    assert(ffi.C.pipe(ends) == 0)
    fds[ends[0]], fds[ends[1]] = true, true
    return ends[0], ends[1]
  end

  local function close(fd)
    fds[fd] = nil
    ffi.C.close(fd)
  end

  local function write(fd, text) assert(ffi.C.write(fd, text, #text) == #text) end

  local function read(fd, size)
    local buffer = ffi.new("char[64]")
    return ffi.string(buffer, ffi.C.read(fd, buffer, size or 64))
  end

  it("has the numbers of zmq.POLLIN, POLLOUT and POLLERR", function()
    assert.same({ zmq.POLLIN, zmq.POLLOUT, zmq.POLLERR }, { READ, WRITE, ERROR })
    assert.same({ READ, WRITE, ERROR }, { loop.READ, loop.WRITE, loop.ERROR })
  end)

  it("is called with the descriptor and what it is ready for", function()
    local reader, writer = pipe()
    local got
    loop:add_handler(reader, function(...)
      got = { select("#", ...), ... }
      loop:stop()
    end)
    support.turns(loop)
    assert.is_nil(got)
    write(writer, "x")
    support.run(loop)
    assert.same({ 2, reader, READ }, got)
  end)

  it("is called as long as it is ready", function()
    local reader, writer = pipe()
    local text = ""
    loop:add_handler(reader, function()
      text = text .. read(reader, 1)
      if #text == 4 then loop:stop() end
    end)
    write(writer, "abcd")
    support.run(loop)
    assert.equal("abcd", text)
    support.turns(loop)
    assert.equal(4, #text)
  end)

  it("waits for what it asked for alone, and update_handler changes that", function()
    local _, writer = pipe()
    local seen = {}
    loop:add_handler(writer, function(_, events) seen[#seen + 1] = events end)
    support.turns(loop)
    assert.same({}, seen)
    loop:update_handler(writer, WRITE)
    support.turns(loop, 3)
    assert.is_true(#seen >= 2)
    for _, events in ipairs(seen) do assert.equal(WRITE, events) end
    loop:update_handler(writer, READ)
    seen = {}
    support.turns(loop)
    assert.same({}, seen)
  end)

  it("may be of descriptor 0, and is changed and removed as any other", function()
    local text, code = support.script [[
      local ffi = require "ffi"
      ffi.cdef "int pipe(int ends[2]); int dup2(int from, int to);"
      local loop = require("eddy").loop.instance()
      local ends = ffi.new("int[2]")
      ffi.C.pipe(ends)
      ffi.C.dup2(ends[0], 0)
      loop:add_handler(0, print, loop.WRITE)
      loop:update_handler(0, loop.READ)
      loop:remove_handler(0)
      loop:add_handler(0, function(fd)
        print(fd, io.read("*l"))
        loop:stop()
      end, loop.WRITE)
      loop:update_handler(0, loop.READ)
      local into = io.open("/dev/fd/" .. ends[1], "w")
      into:write("hello\n")
      into:flush()
      loop:start()]]
    assert.same({ "0\thello\n", 0 }, { text, code })
  end)

  it("is told of the other end's death", function()
    local reader, writer = pipe()
    local events
    loop:add_handler(reader, function(_, what)
      events = what
      loop:remove_handler(reader)
      loop:stop()
    end)
    close(writer)
    support.run(loop)
    assert.is_true(require("bit").band(events, ERROR) ~= 0)
  end)

  it("removes itself", function()
    local reader, writer = pipe()
    local count = 0
    loop:add_handler(reader, function(fd)
      count = count + 1
      loop:remove_handler(fd)
    end)
    write(writer, "x")
    support.turns(loop)
    assert.equal(1, count)
    loop:add_handler(reader, function()
      count = count + 1
      loop:stop()
    end)
    support.run(loop)
    assert.equal(2, count)
  end)

  it("is not called any more in the turn in which another one removes it", function()
    local readers, count = {}, 0
    for i = 1, 2 do
      local reader, writer = pipe()
      readers[i] = reader
      write(writer, "x")
      loop:add_handler(reader, function()
        count = count + 1
        loop:remove_handler(readers[3 - i])
      end)
    end
    loop:add_callback(function() loop:add_callback(loop.stop, loop) end)
    support.run(loop)
    assert.equal(1, count)
    loop:remove_handler(readers[1])
    loop:remove_handler(readers[2])
  end)

  it("is one for a descriptor, and for whatever has it", function()
    local reader = pipe()
    local file = { fileno = function() return reader end }
    loop:add_handler(file, print)
    for _, what in ipairs { file, reader } do
      local ok, err = pcall(loop.add_handler, loop, what, error)
      assert.is_false(ok)
      assert.equal("EEXIST", err.name)
      local text = "add_handler: there is a handler of descriptor " .. reader
      assert.matches(text, tostring(err), 1, true)
    end
    loop:remove_handler(reader)
    loop:add_handler(reader, print)
    loop:remove_handler(file)
    loop:add_handler(reader, print)
  end)

  it("takes files of Lua's, and what has a getfd method", function()
    local reader, writer = pipe()
    local got, file = {}, assert(io.popen("echo line; exec sleep 1000 & echo $!"))
    local socket = { getfd = function() return reader end }
    local function note(what)
      got[#got + 1] = what
      loop:remove_handler(what)
      if #got == 2 then loop:stop() end
    end
    loop:add_handler(file, note)
    loop:update_handler(file, READ)
    loop:add_handler(socket, note)
    write(writer, "x")
    support.run(loop)
    assert.is_true(got[1] == file and got[2] == socket or got[2] == file and got[1] == socket)
    assert.equal("line", file:read())
    os.execute("kill " .. file:read())
    file:close()
  end)

  it("of what was closed can be removed, and not be added", function()
    local reader = pipe()
    local file, socket = io.tmpfile(), { getfd = function() return reader end }
    for _, what in ipairs { file, socket } do loop:add_handler(what, print) end
    assert.equal(2, loop:stats().handlers)
    file:close()
    socket.getfd = function() return -1 end
    for _, name in ipairs { "add_handler", "update_handler" } do
      assert.error_matches(function() loop[name](loop, file, print) end,
        name .. ": the file is closed")
      assert.error_matches(function() loop[name](loop, socket, print) end,
        name .. ": the getfd of table.* is %-1: it is closed")
    end
    loop:remove_handler(file)
    loop:remove_handler(socket)
    loop:remove_handler(socket)
    assert.equal(0, loop:stats().handlers)
    for _, what in ipairs { {}, true, 1.5, print } do
      assert.error_matches(function() loop:add_handler(what, print) end,
        "add_handler: expected a socket, a descriptor, a file, or something with a fileno or getfd")
    end
    assert.error_matches(function() loop:remove_handler(true) end, "remove_handler: expected a")
  end)

  it("gets back the very thing that it was added for", function()
    local reader, writer = pipe()
    local file, got = { fileno = function() return reader end }, nil
    loop:add_handler(file, function(what)
      got = what
      loop:stop()
    end)
    write(writer, "x")
    support.run(loop)
    assert.equal(file, got)
  end)

  it("may be removed when there is none, but not updated", function()
    local reader = pipe()
    loop:remove_handler(reader)
    loop:remove_handler(context:socket(zmq.PULL))
    assert.error_matches(function() loop:update_handler(reader, READ) end,
      "update_handler: there is no handler of descriptor " .. reader)
  end)

  it("takes the number of a descriptor that was closed behind its back", function()
    local reader = pipe()
    loop:add_handler(reader, error)
    close(reader)
    loop:remove_handler(reader)
    local again, writer = pipe()
    assert.equal(reader, again)
    loop:add_handler(again, function() loop:stop() end)
    write(writer, "x")
    support.run(loop)
    assert.equal(1, loop:stats().handlers)
  end)

  it("takes it also when the old handler was not removed, which is then no more", function()
    local reader = pipe()
    loop:add_handler(reader, error)
    close(reader)
    local again, writer = pipe()
    assert.equal(reader, again)
    loop:add_handler(again, function() loop:stop() end)
    write(writer, "x")
    support.run(loop)
    assert.equal(1, loop:stats().handlers)
    loop:remove_handler(again)
    assert.equal(0, loop:stats().handlers)
  end)

  for what, meddle in pairs {
    ["removed"] = function(number) loop:remove_handler(number) end,
    ["changed"] = function(number) pcall(loop.update_handler, loop, number, WRITE) end,
  } do
    it("whose number is a socket's now leaves that alone when it is " .. what, function()
      local push = context:socket(zmq.PUSH, { linger = 0 }) -- and libzmq has its threads
      local reader, writer = pipe()
      loop:add_handler(reader, error)
      close(reader)
      local socket = context:socket(zmq.PULL)
      assert.equal(reader, socket.fd)
      local endpoint = socket:bind "tcp://127.0.0.1:*"
      local stream = eddy.stream(socket, loop)
      stream:on_recv(function() loop:stop() end)
      meddle(reader)
      support.turns(loop, 1)
      push:connect(endpoint)
      push:send "x"
      support.run(loop)
      close(writer)
    end)
  end

  it("refuses what is no descriptor", function()
    for _, wrong in ipairs { "x", {}, print, true } do
      assert.error_matches(function() loop:add_handler(wrong, print) end,
        "add_handler: expected a socket, a descriptor")
    end
    for _, wrong in ipairs { -1, 900 } do
      local ok, err = pcall(loop.add_handler, loop, wrong, print)
      assert.is_false(ok)
      assert.equal("EBADF", err.name)
    end
    assert.error_matches(function() loop:add_handler(0, 5) end, "add_handler.*function")
    assert.equal(0, loop:stats().handlers)
  end)

  it("that waits is called again once it has ended, and not before", function()
    for _, asked in ipairs { "by add_handler", "by update_handler" } do
      local reader, writer = pipe()
      local calls, inside, buffer = 0, 0, ffi.new("char[8]")
      write(writer, "ab")
      close(writer) -- an error, which is told whatever is asked for
      loop:add_handler(reader, function()
        calls, inside = calls + 1, inside + 1
        assert.equal(1, inside)
        if asked == "by update_handler" then loop:update_handler(reader, READ) end
        support.suspend(loop, 5)
        if asked == "by update_handler" then loop:update_handler(reader, READ) end
        inside = inside - 1
        ffi.C.read(reader, buffer, 1)
        if calls < 2 then return end
        loop:remove_handler(reader)
        loop:stop()
      end)
      support.run(loop)
      assert.equal(2, calls)
      assert.equal(0, loop:stats().handlers)
    end
  end)

  it("that waits may be removed meanwhile", function()
    local reader, writer = pipe()
    local calls = 0
    write(writer, "a")
    loop:add_handler(reader, function()
      calls = calls + 1
      support.suspend(loop, 5)
      loop:stop()
    end)
    loop:call_later(1, loop.remove_handler, loop, reader)
    support.run(loop)
    support.turns(loop)
    assert.equal(1, calls)
  end)

  it("fails alone, and is called again", function()
    local reader, writer = pipe()
    local count = 0
    loop:add_handler(reader, function()
      count = count + 1
      if count == 2 then loop:stop() end
      error("on purpose")
    end)
    write(writer, "x")
    support.run(loop)
    local text = support.take_log()
    assert.matches("handler of descriptor " .. reader .. ": .*on purpose", text)
  end)

  describe("of a socket", function()
    it("is called with the socket, as long as it has messages", function()
      local socket, push = support.pair(zmq.PULL, zmq.PUSH)
      local got = {}
      loop:add_handler(socket, function(what, events)
        assert(what == socket and events == zmq.POLLIN)
        got[#got + 1] = what:recv_multipart(zmq.DONTWAIT)
        if #got == 3 then loop:stop() end
      end)
      for i = 1, 3 do push:send(tostring(i)) end
      support.run(loop)
      assert.equal("1 2 3", support.heads(got))
      support.turns(loop)
      push:send("4")
      loop:remove_handler(socket)
      support.turns(loop)
      assert.equal(3, #got)
    end)

    it("is called when it can send", function()
      local socket, endpoint = support.lonely(zmq.PUSH)
      local events
      loop:add_handler(socket, function(_, what)
        events = what
        loop:stop()
      end, zmq.POLLOUT)
      support.turns(loop)
      assert.is_nil(events)
      context:socket(zmq.PULL, { linger = 0, connect = endpoint })
      support.run(loop)
      assert.equal(zmq.POLLOUT, events)
    end)

    it("removes itself with its messages left, and is added again for them", function()
      local socket, push = support.pair(zmq.PULL, zmq.PUSH, "tcp")
      local count = 0
      local function handler()
        count = count + 1
        loop:remove_handler(socket)
        loop:stop()
      end
      for _ = 1, 3 do push:send("x") end
      for i = 1, 3 do
        loop:add_handler(socket, handler)
        support.run(loop)
        assert.equal(i, count)
      end
    end)

    it("is removed, with a word in the log, when the socket is closed", function()
      local socket = support.pair(zmq.PULL, zmq.PUSH)
      loop:add_handler(socket, error)
      socket:close()
      support.turns(loop)
      assert.equal(0, loop:stats().handlers)
      assert.matches("closed", support.take_log())
      loop:remove_handler(socket)
      local ok, err = pcall(loop.add_handler, loop, socket, error)
      assert.is_false(ok)
      assert.equal("ENOTSOCK", err.name)
    end)

    it("is not beside a stream", function()
      local socket = support.pair(zmq.PULL, zmq.PUSH)
      local stream = eddy.stream(socket, loop)
      local ok, err = pcall(loop.add_handler, loop, socket, error)
      assert.is_false(ok)
      assert.equal("EEXIST", err.name)
      assert.matches("add_handler: the PULL socket at .* has a stream already", tostring(err))
      stream:close()
    end)
  end)
end)
