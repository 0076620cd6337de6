local ffi = require "ffi"
local support = require "spec.lua.support"

-- Every script begins with this: `fork(fn)` runs fn in a child, which must end within 5 s,
-- and returns its exit code, 1 when fn raised; or, below 0, the signal that ended it.
local prelude = [[
  local ffi = require "ffi"
  local eddy, zmq = require "eddy", require "eddy.zmq"
  ffi.cdef "int fork(void); int waitpid(int, int *, int); void _exit(int); int alarm(unsigned);"
  ffi.cdef "int raise(int);"
  local function fork(fn)
    io.flush()
    local pid = ffi.C.fork()
    if pid == 0 then
      ffi.C.alarm(5)
      local ok, err = xpcall(fn, debug.traceback)
      if not ok then print(err) end
      io.flush()
      ffi.C._exit(ok and 0 or 1)
    end
    local status = ffi.new("int[1]")
    assert(ffi.C.waitpid(pid, status, 0) == pid)
    return status[0] % 128 == 0 and status[0] / 256 or -(status[0] % 128)
  end
  local function refuses(what, fn, ...)
    local ok, err = pcall(fn, ...)
    assert(not ok and type(err) == "table" and err.name == "ESTALE", what .. ": " .. tostring(err))
    assert(tostring(err):find("forked", 1, true), tostring(err))
  end
]]

-- In a child of threads the sanitizers' allocator may find its lock taken for ever.
ffi.cdef "void __asan_init(void);"
local sanitized = pcall(function() return ffi.C.__asan_init end)

local function run(code)
  if sanitized then pending("not with the sanitizers") end
  local text, status = support.script(prelude .. code)
  assert.equal("", text)
  assert.equal(0, status)
end

describe("after a fork", function()
  it("the child's use of a loop, a stream or a socket raises at once", function()
    run [[
      local loop, context = eddy.loop.new(), zmq.context()
      local push = context:socket(zmq.PUSH, { linger = 0, bind = "inproc://x" })
      local pull = context:socket(zmq.PULL, { connect = "inproc://x" })
      local free = context:socket(zmq.PULL)
      local stream = eddy.stream(push, loop)
      local poller = zmq.poller()
      poller:register(pull)
      loop:call_every(1, print)
      assert(0 == fork(function()
        refuses("start", loop.start, loop)
        refuses("call_later", loop.call_later, loop, 1, print)
        refuses("add_handler", loop.add_handler, loop, 0, print)
        refuses("add_handler", loop.add_handler, loop, free, print)
        refuses("add_waker", loop.add_waker, loop, print)
        refuses("on_signal", loop.on_signal, loop, "USR1", print)
        refuses("stream", eddy.stream, free, loop)
        refuses("stream.send", stream.send, stream, "x")
        refuses("stream.send_multipart", stream.send_multipart, stream, { "x", "y" })
        refuses("send", free.send, free, "x")
        refuses("recv", pull.recv, pull)
        refuses("recv_multipart", pull.recv_multipart, pull)
        refuses("poll", pull.poll, pull, 5000)
        refuses("bind", pull.bind, pull, "inproc://y")
        refuses("connect", pull.connect, pull, "inproc://y")
        refuses("get", function() return pull.linger end)
        refuses("set", function() pull.linger = 1 end)
        refuses("poller", poller.poll, poller, 5000)
        refuses("socket", context.socket, context, zmq.PULL)
        refuses("term", context.term, context)
      end))
      stream:close()
      context:destroy(0)
      loop:close()
    ]]
  end)

  it("the child may close what it has, and end, and the parent does not notice", function()
    run [[
      local loop, context = eddy.loop.instance(), zmq.instance()
      local push = context:socket(zmq.PUSH, { bind = "tcp://127.0.0.1:*", sndhwm = 0 })
      local pull = context:socket(zmq.PULL, { connect = push.last_endpoint, rcvhwm = 0 })
      local stream, count = eddy.stream(pull), 0
      local function send() for i = 1, 1000 do push:send(tostring(i)) end end
      stream:on_recv(function(msg)
        count = count + 1
        assert(msg[1] == tostring((count - 1) % 1000 + 1))
        if count == 1500 then
          assert(0 == fork(function()
            stream:close()
            push:close()
            collectgarbage()
          end))
          assert(0 == fork(function() os.exit(0) end))
        end
        if count == 2000 then loop:stop() end
      end)
      send()
      assert(0 == fork(function() loop:close() end))
      send()
      loop:call_later(8000, error)
      loop:start()
      assert(count == 2000 and loop:stats().missed_wakeups == 0)
    ]]
  end)

  it("the child's start runs nothing of what the parent has queued", function()
    run [[
      local loop, ran = eddy.loop.new(), 0
      loop:add_callback(function() ran = ran + 1 end)
      loop:add_callback(loop.stop, loop)
      assert(0 == fork(function()
        refuses("start", loop.start, loop)
        refuses("run_sync", loop.run_sync, loop, function() end)
        assert(ran == 0)
      end))
      loop:start()
      assert(ran == 1)
    ]]
  end)

  it("the parent loses none of many messages, and a child is told at once", function()
    run [[
      local COUNT, WINDOW, EVERY, SOON_MS = 100000, 1000, 5000, 1000
      local loop, context = eddy.loop.instance(), zmq.instance()
      local now = require("eddy.base.libeddy").C.eddy_time
      local pull = eddy.stream(context:socket(zmq.PULL, { bind = "tcp://127.0.0.1:*" }))
      local push = eddy.stream(context:socket(zmq.PUSH, { connect = pull.socket.last_endpoint }))
      local plain = context:socket(zmq.PULL, { bind = "inproc://x" })
      local got, sent, children = 0, 0, 0
      local function child()
        local began, cpu = now(), os.clock()
        refuses("send", push.send, push, "x")
        refuses("recv", plain.recv, plain)
        refuses("poll", plain.poll, plain, 5000)
        refuses("start", loop.start, loop)
        assert(now() - began < SOON_MS and os.clock() - cpu < SOON_MS / 1000)
      end
      local function send_window()
        for _ = 1, WINDOW do
          sent = sent + 1
          push:send(tostring(sent))
        end
      end
      pull:on_recv(function(msg)
        got = got + 1
        assert(tonumber(msg[1]) == got)
        if got % EVERY == EVERY / 2 then
          children = children + 1
          assert(fork(child) == 0)
        end
        if got == COUNT then loop:stop() elseif got == sent then send_window() end
      end)
      send_window()
      loop:call_later(9000, error)
      loop:start()
      assert(got == COUNT and children == COUNT / EVERY and loop:stats().missed_wakeups == 0)
    ]]
  end)

  it("the child may make contexts and loops of its own", function()
    run [[
      local before = zmq.instance()
      local lost = before:socket(zmq.PULL, { bind = "inproc://x" })
      assert(0 == fork(function()
        assert(zmq.instance() ~= before and zmq.instance() == zmq.instance())
        local loop = eddy.loop.new()
        local pull = zmq.instance():socket(zmq.PULL, { bind = "inproc://x" })
        local push = zmq.instance():socket(zmq.PUSH, { connect = "inproc://x" })
        local stream = eddy.stream(pull, loop)
        stream:on_recv(function(msg)
          assert(msg[1] == "hello")
          loop:stop()
        end)
        push:send("hello")
        loop:start()
        stream:close()
        push:close()
        loop:close()
        zmq.instance():term()
      end))
      assert(zmq.instance() == before)
    ]]
  end)

  it("the child has the default loop that it makes room for", function()
    run [[
      local first = eddy.loop.instance()
      assert(0 == fork(function()
        eddy.loop.clear_instance()
        local loop = eddy.loop.instance()
        loop:call_later(1, loop.stop, loop)
        loop:start()
      end))
      assert(eddy.loop.instance() == first)
    ]]
  end)

  it("a child that a handler forked runs a loop of its own", function()
    run [[
      local loop = eddy.loop.instance()
      loop:add_callback(function()
        assert(0 == fork(function()
          eddy.loop.clear_instance()
          local own, ran = eddy.loop.current(), false
          assert(own ~= loop)
          own:call_later(1, function()
            ran = eddy.loop.current() == own
            own:stop()
          end)
          own:start()
          assert(ran)
        end))
        assert(eddy.loop.current() == loop)
        loop:stop()
      end)
      loop:start()
    ]]
  end)

  it("a child that a handler forked ends at the first signal", function()
    run [[
      local loop = eddy.loop.instance()
      loop:add_callback(function()
        assert(-15 == fork(function() ffi.C.raise(15) end))
        loop:stop()
      end)
      loop:start()
    ]]
  end)
end)
