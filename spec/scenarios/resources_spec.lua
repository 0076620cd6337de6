-- What runs out, and what is taken away.
local ffi = require "ffi"
local full = require "spec.support.full"
local zmq = require "eddy.zmq"
local process = require "spec.support.process"
local support = require "spec.lua.support"

ffi.cdef "int dup(int fd); int dup2(int fd, int other);"
pcall(ffi.cdef, "int pipe(int fds[2]);")
pcall(ffi.cdef, "int close(int fd);")
pcall(ffi.cdef, "ssize_t write(int fd, const void *buffer, size_t size);")
pcall(ffi.cdef, "ssize_t read(int fd, void *buffer, size_t size);")

local LARGE = full.size(1000, 1000000) -- messages of 1 MiB

describe("what runs out", function()
  local loop
  support.each(function(...) loop = ... end)

  -- Runs code in a host that may have only so many descriptors.
  local function limited(descriptors, code)
    local script = process.script(code)
    local status, out, err = process.shell(("prlimit --nofile=%d:%d %s %s"):format(descriptors,
      descriptors, process.quote(EDDY_HOST), script))
    os.remove(script)
    return status, out, err
  end

  it("never ends the process with the first socket, however few descriptors there are", function()
    if support.is_sanitized() then return pending "not with ASan" end
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

  it("never ends the process with a bind", function()
    if support.is_sanitized() then return pending "not with ASan" end
    local names = {}
    for free = 0, 12 do
      local status, out = limited(64, ([[
        local ffi, zmq = require "ffi", require "eddy.zmq"
        ffi.cdef "int dup(int fd); int close(int fd);"
        local socket, last = zmq.instance():socket(zmq.PULL), nil
        repeat
          local fd = ffi.C.dup(0)
          last = fd >= 0 and fd or last
        until fd < 0
        for i = 0, %d - 1 do ffi.C.close(last - i) end
        for _, host in ipairs { "127.0.0.1", "localhost", "*" } do
          local ok, err = pcall(socket.bind, socket, "tcp://" .. host .. ":*")
          io.write(ok and "bound " or (err.name or err) .. " ")
        end
      ]]):format(free))
      assert.message(out).equal(0, status)
      for name in out:gmatch "%S+" do names[name] = true end
    end
    assert.is_true(names.EMFILE and names.bound)
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

  it("keeps no memory of large messages that are received and dropped", function()
    if support.is_sanitized() then return pending "not with ASan" end
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
      if got == 100 then before = support.resident_kib() end
      if got == LARGE then loop:stop() else feed() end
    end, false)
    feed()
    support.run(loop, full.size(60000, 3600000))
    collectgarbage()
    collectgarbage()
    local grew = (support.resident_kib() - before) / 1024
    full.figure("large frames that are dropped", "%d of 1 MiB, memory grew by %.1f MiB", got, grew)
    assert.is_true(grew <= 64)
  end)

  it("calls no handler of a descriptor for another one that has its number", function()
    local pipes = ffi.new("int[4]")
    assert.equal(0, ffi.C.pipe(pipes + 2))
    local calls, buffer, last = { old = 0, new = 0 }, ffi.new("char[8]"), nil
    for round = 1, 1000 do
      assert.equal(0, ffi.C.pipe(pipes))
      local number = pipes[0]
      loop:add_handler(number, function() calls.old = calls.old + 1 end)
      support.turns(loop, 1)
      -- It is closed under the loop, at times with something to read that another number still
      -- stands for, and its number given to another one.
      if last then ffi.C.close(last) end
      last = round % 2 == 0 and ffi.C.dup(number)
      ffi.C.close(number)
      if last then ffi.C.write(pipes[1], "x", 1) end
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
    -- And the loop sleeps.
    local turns = loop:stats().turns
    loop:call_later(100, function() loop:stop() end)
    support.run(loop)
    turns = loop:stats().turns - turns
    assert.message(turns .. " turns of an idle loop").is_true(turns < 10)
    ffi.C.close(last)
    ffi.C.close(pipes[2])
    ffi.C.close(pipes[3])
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
