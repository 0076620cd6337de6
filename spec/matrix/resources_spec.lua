-- What runs out, what is taken away, and what nobody reads.
local eddy = require "eddy"
local ffi = require "ffi"
local full = require "spec.full"
local zmq = require "eddy.zmq"
local process = require "spec.process"
local support = require "spec.support"
local zmtp = require "spec.zmtp.peer"

ffi.cdef "int dup2(int fd, int other);"
pcall(ffi.cdef, "int pipe(int fds[2]);")
pcall(ffi.cdef, "int close(int fd);")
pcall(ffi.cdef, "ssize_t write(int fd, const void *buffer, size_t size);")
pcall(ffi.cdef, "ssize_t read(int fd, void *buffer, size_t size);")

local LARGE = full.size(1000, 1000000) -- messages of 1 MiB

local function resident_mib()
  local file = assert(io.open("/proc/self/statm"))
  local pages = file:read("*l"):match("^%d+ (%d+)")
  file:close()
  return tonumber(pages) * 4 / 1024
end

-- ASan keeps what was freed for a while, and needs descriptors of its own.
local function is_sanitized() return (os.getenv("ASAN_OPTIONS") or "") ~= "" end

describe("what runs out", function()
  local loop, context
  before_each(function() loop, context = support.open() end)
  after_each(function() support.close() end)

  -- Runs code in a host that may have only so many descriptors.
  local function limited(descriptors, code)
    local script = process.script(code)
    local status, out, err = process.shell(("prlimit --nofile=%d:%d %s %s"):format(descriptors,
      descriptors, process.quote(EDDY_HOST), script))
    os.remove(script)
    return status, out, err
  end

  it("never ends the process with the first socket, however few descriptors there are", function()
    if is_sanitized() then return pending "not with ASan" end
    for free = 0, 12 do
      local status, out = limited(48, ([[
        local ffi, zmq = require "ffi", require "eddy.zmq"
        ffi.cdef "int dup(int fd); int close(int fd);"
        local last
        repeat
          local fd = ffi.C.dup(0)
          last = fd >= 0 and fd or last
        until fd < 0
        for i = 0, %d - 1 do ffi.C.close(last - i) end
        local ok, err = pcall(function() return zmq.instance():socket(zmq.PULL) end)
        io.write(ok and "open" or err.name)
      ]]):format(free))
      assert.equal(0, status)
      assert.is_truthy(out == "EMFILE" or (out == "open" and free > 5))
    end
  end)

  it("makes a socket too many an error, and goes on", function()
    local status, out, err = limited(40, [[
      local zmq = require "eddy.zmq"
      local sockets, failed = {}, nil
      repeat
        local ok, made = pcall(zmq.instance().socket, zmq.instance(), zmq.PAIR, { linger = 0 })
        if ok then sockets[#sockets + 1] = made else failed = made end
      until failed
      assert(failed.name == "EMFILE", tostring(failed))
      local a, b = sockets[1], sockets[2]
      a:bind("inproc://a")
      b:connect("inproc://a")
      a:send("x")
      io.write(b:recv())
    ]])
    assert.same({ 0, "x", "" }, { status, out, err })
  end)

  it("serves the peers it has while more come than there are descriptors", function()
    local status, out, err = limited(64, ([[
      package.path = %q .. "/?.lua;" .. package.path
      local eddy, zmq = require "eddy", require "eddy.zmq"
      local zmtp = require "spec.zmtp.peer"
      local loop = eddy.loop.instance()
      local pull = eddy.stream(zmq.instance():socket(zmq.PULL, { linger = 0 }))
      pull:bind("tcp://127.0.0.1:*")
      local port = tonumber(pull.socket.last_endpoint:match("(%%d+)$"))
      local old, crowd, got = zmtp.connect(port), {}, 0
      old:open("PUSH")
      pull:on_recv(function(msg) got = got + 1 end)
      -- Each connection takes a descriptor on both sides here.
      repeat
        local ok, peer = pcall(zmtp.connect, port)
        if ok then crowd[#crowd + 1] = peer end
      until not ok
      local sent = 0
      loop:call_every(5, function()
        if sent == 40 then
          for _, peer in ipairs(crowd) do peer:leave(true) end
          crowd = {}
        end
        if got == sent then
          sent = sent + 1
          old:send(zmtp.message { "x" })
        end
        if got == 100 then
          local new = zmtp.connect(port)
          new:open("PUSH")
          io.write("served and recovered")
          os.exit(0)
        end
      end)
    ]]):format(EDDY_ROOT))
    assert.same({ 0, "served and recovered", "" }, { status, out, err })
  end)

  it("keeps no memory of large messages that are received and dropped", function()
    if is_sanitized() then return pending "not with ASan" end
    local push, pull = support.streams(zmq.PUSH, zmq.PULL)
    local data, got, sent, before = ("x"):rep(2 ^ 20), 0, 0, nil
    local function feed()
      while sent - got < 4 and sent < LARGE do
        sent = sent + 1
        push:send(data)
      end
    end
    pull:on_recv(function(msg)
      got = got + 1
      assert.equal(#data, tonumber(msg[1]._size))
      if got == 100 then before = resident_mib() end
      if got == LARGE then loop:stop() else feed() end
    end, false)
    feed()
    support.run(loop, full.size(60000, 3600000))
    collectgarbage()
    collectgarbage()
    local grew = resident_mib() - before
    full.figure("large frames that are dropped", "%d of 1 MiB, memory grew by %.1f MiB", got, grew)
    assert.is_true(grew <= 64)
  end)

  it("calls no handler of a descriptor for another one that has its number", function()
    local pipes = ffi.new("int[4]")
    assert.equal(0, ffi.C.pipe(pipes + 2))
    local calls, buffer = { old = 0, new = 0 }, ffi.new("char[8]")
    for _ = 1, 1000 do
      assert.equal(0, ffi.C.pipe(pipes))
      local number = pipes[0]
      loop:add_handler(number, function() calls.old = calls.old + 1 end)
      support.turns(loop, 1)
      -- It is closed under the loop, and its number given to another one.
      ffi.C.close(number)
      assert.equal(number, ffi.C.dup2(pipes[2], number))
      loop:remove_handler(number)
      loop:add_handler(number, function()
        calls.new = calls.new + 1
        ffi.C.read(number, buffer, 8)
        loop:stop()
      end)
      ffi.C.write(pipes[3], "x", 1)
      support.run(loop)
      loop:remove_handler(number)
      ffi.C.close(number)
      ffi.C.close(pipes[1])
    end
    assert.same({ old = 0, new = 1000 }, calls)
    ffi.C.close(pipes[2])
    ffi.C.close(pipes[3])
  end)

  it("stays alive while nobody reads a monitor's events", function()
    local stream = eddy.stream(context:socket(zmq.PULL, { linger = 0 }), loop)
    local told = 0
    stream:on_event(function() told = told + 1 end)
    stream:bind("tcp://127.0.0.1:*")
    local port = tonumber(stream.socket.last_endpoint:match("(%d+)$"))
    for i = 1, 500 do zmtp.connect(port):leave(i % 2 == 0) end
    -- The loop has not run: all of that waits. The socket's own calls do not.
    local before = loop:time()
    stream:bind("tcp://127.0.0.1:*")
    assert.is_true(loop:time() - before < 1000)
    local peer = zmtp.connect(port)
    peer:open("PUSH")
    peer:send(zmtp.message { "x" })
    local received = false
    stream:on_recv(function() received = true end)
    loop:call_every(1, function()
      if received and told > 500 then loop:stop() end
    end)
    support.run(loop)
    peer:leave()
  end)

  it("loses nothing when it is stopped and started all the time", function()
    local push, pull = support.streams(zmq.PUSH, zmq.PULL)
    local got, sent = 0, 0
    pull:on_recv(function(msg)
      got = got + 1
      assert.equal(tostring(got), msg[1])
      loop:stop()
    end)
    for _ = 1, 10000 do
      sent = sent + 1
      push:send(tostring(sent))
      support.run(loop)
    end
    assert.equal(sent, got)
  end)
end)
