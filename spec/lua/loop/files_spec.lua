-- Handlers of what the kernel does not wait for: files, folders, /dev/null. They are ready always.
local ffi = require "ffi"
local eddy = require "eddy"
local green = require "eddy.green"
local zmq = require "eddy.zmq"
local support = require "spec.lua.support"
local process = require "spec.support.process"

ffi.cdef [[
int fileno(void *file);
int open(const char *path, int flags, ...);
int close(int fd);
int dup2(int from, int to);
]]

local RDONLY = 0

describe("a handler of a file", function()
  local loop, folder, path, file, fd
  before_each(function()
    loop = support.open()
    folder = support.temp_dir()
    path = folder .. "/lines"
    file = assert(io.open(path, "w+"))
    file:write("one\ntwo\nthree\n")
    file:seek("set")
    fd = ffi.C.fileno(file)
  end)
  after_each(function()
    support.close()
    if io.type(file) == "file" then file:close() end
    os.remove(path)
    os.remove(folder)
  end)

  it("is called in each turn, until it is removed at the end of the file", function()
    local lines = {}
    loop:add_handler(fd, function(what, events)
      assert.equal(fd, what)
      assert.equal(loop.READ, events)
      local line = file:read "*l"
      if not line then return loop:remove_handler(fd) end
      lines[#lines + 1] = line
    end)
    loop:run_sync(function() while #lines < 3 do eddy.sleep(1) end end, 5000)
    support.turns(loop, 3)
    assert.same({ "one", "two", "three" }, lines)
    loop:add_handler(fd, function() loop:stop() end) -- it is free for another
    support.run(loop)
    loop:remove_handler(fd)
  end)

  it("is told what it waits for, and that alone", function()
    local seen = {}
    local function note(_, events)
      seen[#seen + 1] = events
      if #seen == 2 then loop:update_handler(fd, loop.READ + loop.WRITE) end
      if #seen == 3 then
        loop:update_handler(fd, 0)
        loop:stop()
      end
    end
    loop:add_handler(fd, note, loop.WRITE)
    support.run(loop)
    support.turns(loop, 3)
    assert.same({ loop.WRITE, loop.WRITE, loop.READ + loop.WRITE }, seen)
    loop:update_handler(fd, loop.READ)
    loop:call_later(1, function() loop:stop() end)
    support.run(loop)
    assert.equal(loop.READ, seen[#seen])
    loop:remove_handler(fd)
  end)

  for name, what in pairs { ["/dev/null"] = "/dev/null", ["a folder"] = "/tmp" } do
    it("may be one of " .. name, function()
      local other = ffi.C.open(what, RDONLY)
      loop:add_handler(other, function() loop:stop() end)
      support.run(loop)
      loop:remove_handler(other)
      ffi.C.close(other)
    end)
  end

  it("lets streams, timers and other descriptors have their turns", function()
    local a, b = support.streams(zmq.PAIR, zmq.PAIR, "tcp")
    local calls, got, ticks = 0, 0, 0
    loop:add_handler(fd, function() calls = calls + 1 end)
    a:on_recv(function(msg)
      got = got + 1
      a:send_multipart(msg)
    end)
    b:on_recv(function(msg) if got < 50 then b:send_multipart(msg) else loop:stop() end end)
    local timer = loop:call_every(1, function() ticks = ticks + 1 end)
    b:send "x"
    support.run(loop)
    assert.equal(50, got)
    assert.is_true(calls > 0 and ticks > 0)
    timer:cancel()
    loop:remove_handler(fd)
    a:close()
    b:close()
  end)

  it("has the number that C has for it", function()
    local C, opened = require("eddy.base.libeddy").C, io.tmpfile()
    assert.equal(ffi.C.fileno(opened), C.eddy_file_descriptor(opened))
    opened:close()
    assert.equal(-9, C.eddy_file_descriptor(nil))
  end)

  it("may wait, and is not called meanwhile", function()
    local calls = 0
    loop:add_handler(fd, function()
      calls = calls + 1
      eddy.sleep(20)
      loop:remove_handler(fd)
      loop:stop()
    end)
    support.run(loop)
    assert.equal(1, calls)
  end)

  it("is one: a second one is refused", function()
    loop:add_handler(fd, function() end)
    local ok, err = pcall(loop.add_handler, loop, fd, function() end)
    assert.is_false(ok)
    assert.equal("EEXIST", err.name)
    loop:remove_handler(fd)
  end)

  it("is not called for what has its number after it", function()
    local calls = 0
    loop:add_handler(fd, function() calls = calls + 1 end)
    local other = ffi.C.open("/dev/null", RDONLY)
    assert.equal(fd, ffi.C.dup2(other, fd))
    ffi.C.close(other)
    support.turns(loop, 5)
    assert.equal(0, calls)
    loop:add_handler(fd, function() loop:stop() end) -- takes the place of the one that is gone
    support.run(loop)
    loop:remove_handler(fd)
  end)

  it("ends with its descriptor, without spinning", function()
    loop:add_handler(fd, function() end)
    file:close()
    local turns, over = loop:stats().turns, false
    loop:call_later(50, function()
      over = true
      loop:stop()
    end)
    support.run(loop)
    assert.is_true(over)
    assert.is_true(loop:stats().turns - turns < 40)
    loop:remove_handler(fd)
  end)

  it("is what a poller of eddy.green waits for, too", function()
    local poller = green.poller()
    poller:register(fd, green.POLLIN)
    local ready = support.task(loop, function() return poller:poll(5000) end)
    assert.same({ [fd] = green.POLLIN }, ready)
  end)
end)

describe("a program that reads its standard input on the loop", function()
  local code = [[
    local loop, n = require "eddy".loop.instance(), 0
    loop:add_handler(0, function()
      if io.read "*l" then n = n + 1 else loop:remove_handler(0) print("lines", n) end
    end)
    loop:add_handler(1, function() loop:remove_handler(1) print "written" end, loop.WRITE)
  ]]

  it("ends, also where that is a file and the output is one", function()
    local folder = support.temp_dir()
    local script, out = folder .. "/script.lua", folder .. "/out"
    local file = assert(io.open(script, "w"))
    file:write(code)
    file:close()
    for source, lines in pairs { ["/dev/null"] = 0, [script] = "[1-9]" } do
      local command = ("timeout 10 %s %s < %s > %s"):format(EDDY_HOST, script, source, out)
      assert.equal(0, process.shell(command))
      local output = assert(io.open(out)):read "*a"
      assert.matches("written\n", output)
      assert.matches("lines\t" .. lines, output)
    end
    os.remove(script)
    os.remove(out)
    os.remove(folder)
  end)
end)
