local async = require "eddy.async"
local eddy = require "eddy"
local ffi = require "ffi"
local support = require "spec.lua.support"
local zmq = require "eddy.zmq"

ffi.cdef [[
int pipe(int fds[2]);
int close(int fd);
ssize_t read(int fd, void *buffer, size_t size);
ssize_t write(int fd, const void *buffer, size_t size);
]]

describe("eddy.async polls", function()
  local loop, plain, context, pipe

  before_each(function()
    loop, plain, context = support.open(async)
    pipe = ffi.new("int[2]")
    assert.equal(0, ffi.C.pipe(pipe))
  end)
  after_each(function()
    for i = 0, 1 do
      if pipe[i] >= 0 then ffi.C.close(pipe[i]) end
    end
    support.close()
  end)

  local function run(fn) return support.task(loop, fn) end

  local function pair(type_a, type_b, of)
    local socket, endpoint = (of or context):socket(type_a, { linger = 0 }), support.inproc()
    socket:bind(endpoint)
    return socket, plain:socket(type_b, { linger = 0, connect = endpoint })
  end

  local function write() ffi.C.write(pipe[1], "x", 1) end
  local function read() ffi.C.read(pipe[0], ffi.new("char[1]"), 1) end

  describe("a socket", function()
    -- F9
    it("at once, for a time, and until something comes, which it leaves there", function()
      run(function()
        local pull, push = pair(zmq.PULL, zmq.PUSH)
        local now = pull:poll(0)
        assert.is_true(now:done())
        assert.equal(0, now:result())
        local soon = pull:poll(1)
        assert.is_false(soon:done())
        assert.equal(0, soon:await())
        local later, ever, never = pull:poll(60000), pull:poll(), pull:poll(-1)
        never:cancel()
        push:send("x")
        assert.same({ zmq.POLLIN, zmq.POLLIN }, { eddy.gather(later, ever):await() })
        assert.is_true(never:cancelled())
        assert.equal(zmq.POLLIN, pull:poll(60000):result())
        assert.equal("x", pull:recv():result())
        assert.equal(1, loop:stats().timers) -- run_sync's
        local lonely = context:socket(zmq.PUSH, { linger = 0, bind = support.inproc() })
        local can_send = lonely:poll(nil, zmq.POLLOUT)
        assert.equal(0, lonely:poll(1, zmq.POLLIN + zmq.POLLOUT):await())
        local other = plain:socket(zmq.PULL, { connect = lonely.last_endpoint })
        assert.equal(zmq.POLLOUT, can_send:await())
        other:close()
      end)
    end)

    -- F9
    it("without regard to RCVTIMEO and SNDTIMEO", function()
      run(function()
        local pull = context:socket(zmq.PULL, { bind = support.inproc(), rcvtimeo = 1 })
        pull.sndtimeo = 1
        local began = loop:time()
        assert.equal(0, pull:poll(20):await())
        assert.is_true(loop:time() - began >= 20)
      end)
    end)

    it("and refuses what is none of a poll, at the call", function()
      run(function()
        local pull = context:socket(zmq.PULL, { bind = support.inproc() })
        assert.error_matches(function() pull:poll("x") end, "poll: expected")
        local inf = pull:poll(math.huge)
        inf:cancel()
        pull:close()
        assert.has_error(function() pull:poll() end)
        assert.equal(1, loop:stats().timers)
      end)
    end)
  end)

  describe("several", function()
    -- F10
    it("sockets of any kind and descriptors, at once or when one is ready", function()
      run(function()
        local pull, push = pair(zmq.PULL, zmq.PUSH)
        local base, to_base = pair(zmq.PULL, zmq.PUSH, plain)
        local poller = async.poller()
        assert.same({}, poller:poll():await())
        poller:register(pull, zmq.POLLIN)
        poller:register(base, zmq.POLLIN)
        poller:register(pipe[0], zmq.POLLIN)
        local now = poller:poll(0)
        assert.is_true(now:done())
        assert.same({}, now:result())
        assert.same({}, poller:poll(1):await())
        for _, each in ipairs {
          { pull, function() push:send("x") end, function() pull:recv() end },
          { base, function() to_base:send("x") end, function() base:recv() end },
          { pipe[0], write, read },
        } do
          local waits = poller:poll(60000)
          eddy.sleep(0)
          assert.is_false(waits:done())
          each[2]()
          assert.same({ [each[1]] = zmq.POLLIN }, waits:await())
          assert.is_true(poller:poll():done())
          each[3]()
        end
        assert.equal(1, loop:stats().timers)
        assert.same({}, loop._lines)
      end)
    end)

    -- F10, F11
    it("and leaves plain sockets and descriptors alone when it is over", function()
      run(function()
        local base, to_base = pair(zmq.PULL, zmq.PUSH, plain)
        local poller = async.poller()
        poller:register(base, zmq.POLLIN)
        poller:register(pipe[0], zmq.POLLIN)
        for _ = 1, 100 do
          local waits = poller:poll(60000)
          eddy.sleep(0)
          waits:cancel()
        end
        eddy.sleep(0)
        assert.same({}, loop._lines)
        assert.equal(0, loop:stats().handlers)
        local stream, got = eddy.stream(base, loop), eddy.future()
        stream:on_recv(function(msg) got:set_result(msg[1]) end)
        to_base:send("x")
        assert.equal("x", got:await())
        stream:close()
        local readable = eddy.future()
        loop:add_handler(pipe[0], function()
          loop:remove_handler(pipe[0])
          readable:set_result(true)
        end)
        write()
        assert.is_true(readable:await())
      end)
    end)

    it("beside receives of the same socket, in any order", function()
      run(function()
        local pull, push = pair(zmq.PULL, zmq.PUSH)
        local poller = async.poller()
        poller:register(pull, zmq.POLLIN)
        local ready = poller:poll(60000)
        eddy.sleep(0)
        local got = pull:recv()
        push:send("1")
        assert.equal("1", got:await())
        push:send("2")
        assert.same({ [pull] = zmq.POLLIN }, ready:await())
        assert.equal("2", pull:recv():await())
      end)
    end)

    it("of which two are one descriptor", function()
      run(function()
        local function object() return { fileno = function() return pipe[0] end } end
        local a, b, poller = object(), object(), async.poller()
        poller:register(a, zmq.POLLIN)
        poller:register(b, zmq.POLLIN)
        local waits = poller:poll(60000)
        eddy.sleep(0)
        write()
        assert.same({ [a] = zmq.POLLIN, [b] = zmq.POLLIN }, waits:await())
        assert.same({}, loop._lines)
      end)
    end)

    it("and tells that a peer of a pipe is gone", function()
      run(function()
        local poller = async.poller()
        poller:register(pipe[0], zmq.POLLERR)
        local waits = poller:poll(60000)
        eddy.sleep(0)
        ffi.C.close(pipe[1])
        pipe[1] = -1
        assert.is_true(bit.band(waits:await()[pipe[0]], zmq.POLLERR) ~= 0)
      end)
    end)

    it("and raises when one of them is closed meanwhile", function()
      run(function()
        for _, of in ipairs { context, plain } do
          local pull = of:socket(zmq.PULL, { bind = support.inproc() })
          local poller = async.poller()
          poller:register(pull, zmq.POLLIN)
          poller:register(pipe[0], zmq.POLLIN)
          local waits = poller:poll(60000)
          loop:call_later(1, function() pull:close() end)
          local ok, err = pcall(waits.await, waits)
          assert.is_false(ok)
          assert.equal("ENOTSOCK", err.name)
          assert.same({}, loop._lines)
        end
      end)
    end)

    it("of which one cannot be waited for: it raises, and waits for none", function()
      run(function()
        local pull = context:socket(zmq.PULL, { bind = support.inproc() })
        local stream = eddy.stream(plain:socket(zmq.PULL, { bind = support.inproc() }), loop)
        local poller = async.poller()
        poller:register(pull, zmq.POLLIN)
        poller:register(stream.socket, zmq.POLLIN)
        local ok = pcall(eddy.await, poller:poll(60000))
        assert.is_false(ok)
        assert.equal(false, pull._line.polls.first and true)
        stream:close()
      end)
    end)

    it("and misses nothing when many poll for the same", function()
      run(function()
        local pull, push = pair(zmq.PULL, zmq.PUSH)
        local got = 0
        for _ = 1, 10 do
          loop:spawn(function()
            local poller = async.poller()
            poller:register(pull, zmq.POLLIN)
            while got < 1000 do
              if poller:poll():await()[pull] then
                local msg = pull:recv(zmq.DONTWAIT):result()
                if msg then got = got + 1 end
              end
            end
          end)
        end
        for i = 1, 1100 do
          push:send("x")
          if i % 7 == 0 then eddy.sleep(0) end
        end
        while got < 1000 do eddy.sleep(1) end
        assert.equal(0, loop:stats().missed_wakeups)
      end)
    end)
  end)
end)

describe("async.run", function()
  before_each(function() support.open() end)
  after_each(support.close)

  it("runs a function on the loop to its end, with arguments, and returns its results", function()
    assert.same({ 1, 2 }, { async.run(function(...)
      eddy.sleep(1)
      return ...
    end, 1, 2) })
    local one = eddy.future()
    eddy.loop.instance():call_later(1, one.set_result, one, "x")
    assert.equal("x", async.run(one))
    assert.same({ false, "mine" }, { pcall(async.run, function() error("mine", 0) end) })
    assert.error_matches(function() async.run(1) end, "run: expected a function")
    assert.equal("inner", async.run(function()
      return async.run(function() return "inner" end)
    end))
  end)

  -- F20
  it("ends a program with 1 when its function fails, and with 0 with receives pending", function()
    local text, code = support.script [[
      require("eddy.async").run(function()
        require("eddy").sleep(1)
        error("boom")
      end)
    ]]
    assert.equal(1, code)
    assert.matches("boom", text)
    text, code = support.script [[
      local async = require "eddy.async"
      async.run(function()
        local pull = async.instance():socket(async.PULL, { bind = "inproc://x" })
        pull:recv()
        pull:poll(60000)
        require("eddy").spawn(function() pull:recv():await() end)
        require("eddy").sleep(1)
      end)
      print "end"
    ]]
    assert.same({ "end\n", 0 }, { text, code })
  end)
end)

-- F20
describe("a program at whose end receives are pending", function()
  local function script(code)
    return { support.script("local eddy, async = require 'eddy', require 'eddy.async'\n" .. [[
      local pull = async.instance():socket(async.PULL, { bind = "inproc://x" })
      local push = async.instance():socket(async.PUSH, { connect = "inproc://x" })
    ]] .. code) }
  end

  it("ends when nobody waits for them", function()
    assert.same({ "", 0 }, script "pull:recv() pull:recv_json() pull:poll()")
    assert.same({ "later\n", 0 }, script [[pull:recv()
      eddy.loop.instance():call_later(5, print, "later")]])
    local text, code = unpack(script "pull:recv() eddy.spawn(function() eddy.future():await() end)")
    assert.equal(1, code)
    assert.matches("deadlock", text)
  end)

  it("goes on for those that a callback, a task or another future waits for", function()
    local send = [[eddy.loop.instance():call_later(5, push.send, push, '"x"')]]
    for _, wait in ipairs {
      "pull:recv():add_done_callback(function(got) print(got:result()) end)",
      "pull:recv_json():add_done_callback(function() print '\"x\"' end)",
      "eddy.gather(pull:recv()):add_done_callback(function(got) print(got:result()) end)",
      "eddy.spawn(function() print(pull:recv():await()) end)",
      "pull:recv() pull:poll():add_done_callback(function() print '\"x\"' end)",
    } do
      assert.same({ '"x"\n', 0 }, script(wait .. send))
    end
  end)

  it("goes on until what waits to be sent is sent", function()
    local text, code = support.script [[
      local zmq, async = require "eddy.zmq", require "eddy.async"
      local loop = require("eddy").loop.instance()
      local push = async.instance():socket(async.PUSH, { bind = "inproc://x" })
      push:send("x")
      local pull = zmq.instance():socket(zmq.PULL)
      local handler = require("eddy").stream(pull)
      handler:on_recv(function(msg)
        print(msg[1])
        handler:close()
      end)
      loop:call_later(5, pull.connect, pull, "inproc://x")
    ]]
    assert.same({ "x\n", 0 }, { text, code })
  end)
end)
