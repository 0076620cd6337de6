local ffi = require "ffi"
local eddy = require "eddy"
local zmq = require "eddy.zmq"
local support = require "spec.lua.support"

ffi.cdef [[
int pipe(int fds[2]);
int close(int fd);
ssize_t read(int fd, void *buffer, size_t size);
ssize_t write(int fd, const void *buffer, size_t size);
]]

local IN, OUT, ERR = zmq.POLLIN, zmq.POLLOUT, zmq.POLLERR
local now = require("eddy.base.libeddy").C.eddy_time

local loop, context, fds, poller

local function open()
  loop, context = support.open()
  fds, poller = ffi.new("int[2]"), zmq.poller()
  assert.equal(0, ffi.C.pipe(fds))
end

local function close()
  ffi.C.close(fds[0])
  if fds[1] >= 0 then ffi.C.close(fds[1]) end
  support.close()
end

local function write() ffi.C.write(fds[1], "x", 1) end

local function read() ffi.C.read(fds[0], ffi.new("char[9]"), 9) end

local function raises(name, text, fn, ...)
  local ok, err = pcall(fn, ...)
  assert.is_false(ok)
  assert.equal(name, err.name)
  assert.matches(text, tostring(err), 1, true)
end

describe("a poller", function()
  before_each(open)
  after_each(close)

  it("follows a PAIR's life", function()
    local a, b = support.pair(zmq.PAIR, zmq.PAIR)
    poller:register(a, IN + OUT)
    poller:register(b)
    assert.same({ [a] = OUT, [b] = OUT }, poller:poll(1000))
    a:send("to b")
    b:send("to a")
    assert.same({ [a] = IN + OUT, [b] = IN + OUT }, poller:poll(1000))
    assert.same({ [a] = IN + OUT, [b] = IN + OUT }, poller:poll()) -- as long as it is so
    a:recv()
    b:recv()
    assert.same({ [a] = OUT, [b] = OUT }, poller:poll(1000))
    poller:unregister(a)
    assert.same({ [b] = OUT }, poller:poll(1000))
  end)

  it("follows a request and its reply", function()
    local rep, req = support.pair(zmq.REP, zmq.REQ)
    poller:register(rep)
    poller:register(req)
    assert.same({ [req] = OUT }, poller:poll(1000))
    req:send("?")
    assert.same({ [rep] = IN }, poller:poll(1000))
    rep:recv()
    assert.same({ [rep] = OUT }, poller:poll(1000))
    rep:send("!")
    assert.same({ [req] = IN }, poller:poll(1000))
    req:recv()
    assert.same({ [req] = OUT }, poller:poll(1000))
  end)

  it("finds a PUB always writable, and a SUB readable while it has a message", function()
    local pub, sub = support.pair(zmq.PUB, zmq.SUB)
    sub:subscribe("")
    poller:register(pub)
    poller:register(sub, IN)
    repeat pub:send("x") until poller:poll(1)[sub]
    assert.same({ [pub] = OUT, [sub] = IN }, poller:poll(1000))
    while sub:recv(zmq.DONTWAIT) do end
    assert.same({ [pub] = OUT }, poller:poll(0))
  end)

  it("sees what comes over a wire while it waits", function()
    local pull, push = support.pair(zmq.PULL, zmq.PUSH, "tcp")
    poller:register(pull, IN)
    for i = 1, 200 do
      push:send(tostring(i))
      assert.same({ [pull] = IN }, poller:poll(5000))
      assert.equal(tostring(i), pull:recv(zmq.DONTWAIT))
    end
  end)

  it("takes descriptors", function()
    poller:register(fds[0], IN)
    assert.same({}, poller:poll(0))
    write()
    assert.same({ [fds[0]] = IN }, poller:poll(1000))
    assert.same({ [fds[0]] = IN }, poller:poll(1000))
    read()
    assert.same({}, poller:poll(0))
    poller:register(fds[1])
    assert.same({ [fds[1]] = OUT }, poller:poll(1000))
  end)

  it("tells of a descriptor's end without being asked for it", function()
    poller:register(fds[0], IN)
    ffi.C.close(fds[1])
    fds[1] = -1
    assert.same({ [fds[0]] = ERR }, poller:poll())
    poller:modify(fds[0], ERR)
    assert.same({ [fds[0]] = ERR }, poller:poll())
  end)

  it("takes a file of Lua's, and an object with a getfd method", function()
    local file = assert(io.popen "echo x")
    local socket = { getfd = function() return fds[0] end }
    poller:register(file, zmq.POLLIN)
    poller:register(socket, zmq.POLLOUT)
    local ready
    repeat ready = poller:poll(1000) until ready[file]
    assert.equal("x", file:read())
    file:close()
    assert.error_matches(function() poller:poll(0) end, "poll: the file is closed")
    poller:unregister(file)
  end)

  it("takes objects with a fileno method, and returns the very objects", function()
    local first = { fileno = function() return fds[0] end }
    local class = { fileno = function(self) return self.fd end }
    local second = setmetatable({ fd = fds[0] }, { __index = class })
    poller:register(first, IN)
    poller:register(second, IN)
    poller:register(fds[0], IN)
    write()
    assert.same({ [first] = IN, [second] = IN, [fds[0]] = IN }, poller:poll(1000))
    poller:unregister(first)
    assert.is_nil(poller:poll(1000)[first])
  end)

  it("replaces flags; 0 unregisters, also what is not registered", function()
    local a, b = support.pair(zmq.PAIR, zmq.PAIR)
    a:send("x")
    poller:register(b, OUT)
    assert.same({ [b] = OUT }, poller:poll(1000))
    poller:register(b, IN)
    assert.same({ [b] = IN }, poller:poll(1000))
    poller:modify(b, IN + OUT)
    assert.same({ [b] = IN + OUT }, poller:poll(1000))
    assert.is_true(poller:has(b))
    poller:modify(b, 0)
    assert.is_false(poller:has(b))
    assert.same({}, poller:poll())
    poller:register(b, 0)
    assert.error_matches(function() poller:unregister(b) end, "not registered: PAIR socket")
    assert.error_matches(function() poller:unregister(77) end, "not registered: descriptor 77")
    poller:modify(b, OUT)
    assert.same({ [b] = OUT }, poller:poll(1000))
  end)

  it("keeps the others when one of many goes", function()
    local sockets, expected = {}, {}
    for i = 1, 40 do
      local a, b = support.pair(zmq.PAIR, zmq.PAIR)
      sockets[i] = a
      poller:register(a)
      if i % 3 == 0 then b:send("x") end
    end
    for i = 40, 1, -7 do poller:unregister(table.remove(sockets, i)) end
    for _, a in ipairs(sockets) do
      expected[a] = a.events
      assert.is_true(poller:has(a))
    end
    assert.same(expected, poller:poll(1000))
  end)

  it("counts in milliseconds, and is never early", function()
    poller:register(context:socket(zmq.PULL, { linger = 0 }), IN)
    for _, ms in ipairs { 0, 0.5, 3, 20.5 } do
      local start = now()
      assert.same({}, poller:poll(ms))
      local took = now() - start
      assert.is_true(took >= ms)
      assert.is_true(took < ms + 5000)
    end
  end)

  it("does not wait when it is empty", function()
    for _, ms in ipairs { -1, 1e9, math.huge } do assert.same({}, poller:poll(ms)) end
    assert.same({}, poller:poll())
  end)

  it("refuses what cannot be waited for", function()
    for _, wrong in ipairs { "x", {}, true, -1, 1.5, 2 ^ 40, 0 / 0, print, context } do
      assert.error_matches(function() poller:register(wrong) end, "register: expected a socket")
    end
    assert.error(function() poller:register(nil) end)
    assert.error_matches(function() poller:register { fileno = function() return "x" end } end,
      "fileno of table.* is x")
    for _, wrong in ipairs { -1, 8, 1.5, "x", {} } do
      assert.error_matches(function() poller:register(fds[0], wrong) end, "expected zmq.POLLIN")
    end
    for _, wrong in ipairs { "x", {}, 0 / 0 } do
      assert.error_matches(function() poller:poll(wrong) end, "expected milliseconds")
    end
    assert.same({}, poller:poll())
  end)

  it("raises for what is closed, with its name", function()
    local a = context:socket(zmq.PULL, { linger = 0 })
    local gone = context:socket(zmq.PUSH, { linger = 0 })
    poller:register(a, IN)
    poller:register(gone)
    gone:close()
    raises("ENOTSOCK", "PUSH socket (closed)", poller.poll, poller)
    raises("ENOTSOCK", "PUSH socket (closed)", zmq.poller().register, poller, gone)
    poller:unregister(gone)
    poller:register(999, IN)
    raises("EBADF", "descriptor 999", poller.poll, poller)
    poller:unregister(999)
    assert.same({}, poller:poll(0))
  end)

  it("raises ETERM when the context ends meanwhile", function()
    local text = support.script [[
      local ffi = require "ffi"
      local zmq = require "eddy.zmq"
      ffi.cdef "int zmq_ctx_shutdown(void *context);"
      local own = zmq.context { io_threads = 1 }
      local poller = zmq.poller()
      poller:register(own:socket(zmq.PULL), zmq.POLLIN)
      assert(ffi.C.zmq_ctx_shutdown(ffi.cast("void **", own._c)[0]) == 0)
      local ok, err = pcall(poller.poll, poller)
      print(ok, err.name)
      os.exit(0)
    ]]
    assert.matches("^false\tETERM\n", text)
  end)

  it("takes no wake-up from a stream on the same socket", function()
    local pull, push = support.pair(zmq.PULL, zmq.PUSH)
    local stream = eddy.stream(pull, loop)
    local got, handler = support.collector(1)
    stream:on_recv(handler)
    support.turns(loop)
    poller:register(pull, IN)
    push:send("x")
    assert.same({ [pull] = IN }, poller:poll(1000))
    support.run(loop)
    assert.same({ { "x" } }, got)
  end)
end)

describe("zmq.select", function()
  before_each(open)
  after_each(close)

  it("finds idle PAIRs writable only", function()
    local a, b = support.pair(zmq.PAIR, zmq.PAIR)
    local r, w, e = zmq.select({ a, b }, { a, b }, { a, b }, 1000)
    assert.same({ {}, { a, b }, {} }, { r, w, e })
    a:send("x")
    b:send("y")
    r, w, e = zmq.select({ b, a }, { a, b }, { a, b })
    assert.same({ { b, a }, { a, b }, {} }, { r, w, e })
  end)

  it("returns the things given, in their order", function()
    local things = { { fileno = function() return fds[0] end }, fds[0] }
    local a, b = support.pair(zmq.PAIR, zmq.PAIR)
    things[3] = b
    write()
    a:send("x")
    local r, w, e = zmq.select(things, { b, fds[1] }, nil, 1000)
    assert.same({ things, { b, fds[1] }, {} }, { r, w, e })
    r, w, e = zmq.select({ b }, {}, {}, 1000)
    assert.same({ { b }, {}, {} }, { r, w, e })
  end)

  it("tells errors", function()
    local a = support.pair(zmq.PAIR, zmq.PAIR)
    ffi.C.close(fds[1])
    fds[1] = -1
    for _, failing in ipairs { { fds[0] }, {} } do
      local r, w, e = zmq.select({ fds[0] }, { a }, failing)
      assert.same({ {}, { a }, { fds[0] } }, { r, w, e })
    end
    local r, w, e = zmq.select({}, {}, { a, fds[0] })
    assert.same({ {}, {}, { fds[0] } }, { r, w, e })
  end)

  it("counts in milliseconds, and returns at once without anything to wait for", function()
    local start = now()
    assert.same({ {}, {}, {} }, { zmq.select({ fds[0] }, {}, {}, 20) })
    assert.is_true(now() - start >= 20)
    assert.is_true(now() - start < 5000)
    assert.same({ {}, {}, {} }, { zmq.select({}, {}, {}) })
    assert.same({ {}, {}, {} }, { zmq.select(nil, nil, nil, 1e9) })
  end)

  it("refuses what cannot be waited for", function()
    local a = context:socket(zmq.PULL, { linger = 0 })
    assert.error_matches(function() zmq.select(a, {}, {}, 0) end, "select: expected a list")
    assert.error_matches(function() zmq.select({ "x" }, {}, {}, 0) end, "select: expected a socket")
    assert.error_matches(function() zmq.select({ a }, {}, {}, "x") end, "select: .*milliseconds")
    a:close()
    raises("ENOTSOCK", "select: PULL socket (closed)", zmq.select, { a }, {}, {}, 0)
  end)
end)
