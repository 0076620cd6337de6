local ffi = require "ffi"
local c = require "eddy.base.libeddy"
local eddy = require "eddy"
local zmq = require "eddy.zmq"
local support = require "spec.lua.support"

ffi.cdef [[
int getpid(void);
int kill(int pid, int signal);
]]

local C = c.C
local USR1, USR2 = 10, 12

describe("a loop's signals", function()
  local loop
  support.each(function(...) loop = ... end)

  local function kill(number) assert(ffi.C.kill(ffi.C.getpid(), number) == 0) end

  it("call their handler with the name and the number", function()
    local got
    loop:on_signal("SIGUSR1", function(...)
      got = { ... }
      loop:stop()
    end)
    kill(USR1)
    support.run(loop)
    assert.same({ "SIGUSR1", USR1 }, got)
  end)

  it("wake a loop that waits", function()
    local pid = ffi.C.getpid()
    loop:on_signal("USR2", function() loop:stop() end)
    local child = io.popen("kill -USR2 " .. pid)
    support.run(loop)
    child:close()
  end)

  it("go by name, with SIG and without, and by number", function()
    local count = 0
    for _, name in ipairs { "SIGUSR1", "USR1", USR1 } do
      local handle = loop:on_signal(name, function(_, number)
        count = count + 1
        assert(number == USR1)
        loop:stop()
      end)
      kill(USR1)
      support.run(loop)
      handle:cancel()
    end
    assert.equal(3, count)
  end)

  it("have one handler, the last one set", function()
    local count = 0
    loop:on_signal("USR1", error)
    loop:on_signal("USR2", error)
    loop:on_signal("SIGUSR1", function()
      count = count + 1
      loop:stop()
    end)
    kill(USR1)
    support.run(loop)
    assert.equal(1, count)
  end)

  it("are told under the name that their handler was set with", function()
    local got
    loop:on_signal("USR1", error)
    loop:on_signal("SIGUSR1", function(name)
      got = name
      loop:stop()
    end)
    kill(USR1)
    support.run(loop)
    assert.equal("SIGUSR1", got)
  end)

  it("stay another loop's when one that watched them too gives them back", function()
    local text, status = support.script(([[
      local loops = require("eddy").loop
      local ffi = require "ffi"
      ffi.cdef "int getpid(void); int kill(int pid, int signal);"
      local first, second = loops.new(), loops.new()
      first:on_signal("USR1", error)
      local ok, err = pcall(second.on_signal, second, "USR1", function()
        print "heard"
        second:stop()
      end)
      if not ok then print("heard nothing: refused", err) os.exit(0) end
      first:close()
      ffi.C.kill(ffi.C.getpid(), %d)
      second:call_later(2000, os.exit, 3)
      second:start()
    ]]):format(USR1))
    assert.matches("heard", text)
    assert.equal(0, status)
  end)

  it("come again and again, also after an error, which is logged with the name", function()
    local count = 0
    loop:on_signal("USR1", function()
      count = count + 1
      if count == 3 then return loop:stop() end
      kill(USR1)
      error("on purpose")
    end)
    kill(USR1)
    support.run(loop)
    assert.matches("signal USR1: .*on purpose", support.take_log())
  end)

  it("are told between the messages and the timers of a turn", function()
    local order = {}
    loop:on_signal("USR1", function() order[#order + 1] = "signal" end)
    kill(USR1)
    loop:call_later(-1, function() order[#order + 1] = "timer" end)
    support.turns(loop)
    assert.same({ "signal", "timer" }, order)
  end)

  it("are given back by nil and by cancel, and by closing the loop", function()
    for _, give_back in ipairs { "loop:on_signal('USR1', nil)", "handle:cancel()",
        "loop:close()", "handle:cancel() handle:cancel() loop:on_signal('SIGUSR1', nil)" } do
      local text, status = support.script(([[
        local loop = require("eddy").loop.new()
        local handle = loop:on_signal("USR1", function() print "heard"; loop:stop() end)
        local ffi = require "ffi"
        ffi.cdef "int getpid(void); int kill(int pid, int signal);"
        ffi.C.kill(ffi.C.getpid(), %d)
        loop:start()
        %s
        ffi.C.kill(ffi.C.getpid(), %d)
        print "survived"
      ]]):format(USR1, give_back, USR1))
      assert.matches("heard", text)
      assert.not_matches("survived", text)
      assert.equal(128 + USR1, status)
    end
  end)

  it("may be given back by their own handler", function()
    local text, status = support.script(([[
      local loop = require("eddy").loop.new()
      local ffi = require "ffi"
      ffi.cdef "int getpid(void); int kill(int pid, int signal);"
      loop:on_signal("USR1", function() loop:on_signal("USR1", nil); loop:stop() end)
      ffi.C.kill(ffi.C.getpid(), %d)
      loop:start()
      print "survived"
    ]]):format(USR1))
    assert.equal("survived\n", text)
    assert.equal(0, status)
  end)

  it("may be unwatched when nobody watches", function()
    assert.is_nil(loop:on_signal("USR1", nil))
  end)

  it("must exist, and be such as can be caught", function()
    for _, wrong in ipairs { "NOSUCH", "SIG", "", 0 } do
      assert.error_matches(function() loop:on_signal(wrong, print) end, "no such signal")
    end
    for _, wrong in ipairs { "KILL", "STOP", 999, -1 } do
      local ok, err = pcall(loop.on_signal, loop, wrong, print)
      assert.is_false(ok)
      assert.matches("on_signal", tostring(err))
    end
    assert.error_matches(function() loop:on_signal("USR1", 5) end, "on_signal.*function")
  end)

  it("do not disturb messages", function()
    local server, client = support.streams(zmq.REP, zmq.REQ, "tcp")
    local signals, rounds = 0, 0
    loop:on_signal("USR1", function() signals = signals + 1 end)
    server:on_recv(function(msg)
      kill(USR1)
      server:send_multipart(msg)
    end)
    client:on_recv(function()
      rounds = rounds + 1
      if rounds == 50 then return loop:stop() end
      client:send("x")
    end)
    client:send("x")
    support.run(loop)
    support.turns(loop)
    assert.equal(50, rounds)
    assert.is_true(signals > 0)
  end)

  describe("from other threads: a waker", function()
    it("gets each number, in order", function()
      local got = {}
      local waker = loop:add_waker(function(number)
        got[#got + 1] = number
        if #got == 200 then loop:stop() end
      end)
      local pointer = ffi.cast("eddy_loop *", waker.loop_pointer)
      for i = 1, 200 do assert.equal(0, C.eddy_loop_wake(pointer, waker.id, i / 2)) end
      support.run(loop)
      for i = 1, 200 do assert.equal(i / 2, got[i]) end
    end)

    it("hears nothing more when it is closed, in the same turn either", function()
      local count, waker = 0, nil
      waker = loop:add_waker(function()
        count = count + 1
        waker:close()
      end)
      local id = waker.id
      for i = 1, 5 do C.eddy_loop_wake(loop._c, id, i) end
      support.turns(loop)
      assert.equal(1, count)
      C.eddy_loop_wake(loop._c, id, 6)
      local other = loop:add_waker(error)
      support.turns(loop)
      other:close()
      other:close()
      assert.equal(1, count)
    end)

    it("fails alone", function()
      local count = 0
      local waker = loop:add_waker(function()
        count = count + 1
        error("on purpose")
      end)
      for i = 1, 3 do C.eddy_loop_wake(loop._c, waker.id, i) end
      support.turns(loop)
      assert.equal(3, count)
      assert.matches("waker (.-): .*on purpose", support.take_log())
    end)

    it("keeps the rest for the next start when the loop is stopped", function()
      local got = {}
      local waker = loop:add_waker(function(number)
        got[#got + 1] = number
        loop:stop()
      end)
      for i = 1, 3 do C.eddy_loop_wake(loop._c, waker.id, i) end
      for _ = 1, 3 do support.run(loop) end
      assert.same({ 1, 2, 3 }, got)
    end)

    it("must be a function", function()
      assert.error_matches(function() loop:add_waker(5) end, "add_waker.*function")
    end)
  end)

  describe("from other threads: an interrupt", function()
    it("stops the loop, which can be started again", function()
      local fired = false
      C.eddy_loop_interrupt(loop._c, 1)
      support.run(loop)
      loop:call_later(0, function()
        fired = true
        loop:stop()
      end)
      support.run(loop)
      assert.is_true(fired)
    end)

    it("stops it while it runs", function()
      loop:add_callback(function() C.eddy_loop_interrupt(loop._c, 2) end)
      support.run(loop)
    end)
  end)

  it("belong to the loop that watches them", function()
    local other, got = eddy.loop.new(), nil
    loop:on_signal("USR1", function()
      got = "first"
      loop:stop()
    end)
    other:on_signal("USR2", function()
      got = "other"
      other:stop()
    end)
    kill(USR2)
    kill(USR1)
    support.run(loop)
    assert.equal("first", got)
    support.run(other)
    assert.equal("other", got)
    other:close()
  end)

  -- A thread that does not block a signal which nobody handled yet would end the process with it.
  it("come to the loop, whatever threads libzmq has just started, or still has", function()
    local text, status = support.script [[
      local eddy, zmq, ffi = require "eddy", require "eddy.zmq", require "ffi"
      ffi.cdef "int kill(int pid, int signal); int getpid(void);"
      local loop, got = eddy.loop.instance(), 0
      local function hear()
        loop:on_signal("USR1", function()
          got = got + 1
          loop:stop()
        end)
        ffi.C.kill(ffi.C.getpid(), 10)
        loop:start()
        loop:on_signal("USR1", nil)
      end
      for i = 1, 50 do
        local context = zmq.context { io_threads = 8 }
        context:socket(zmq.PULL, { linger = 0 })
        hear()
        context:destroy(0)
      end
      -- What lingers keeps a thread waiting for its context's end.
      local context = zmq.context { io_threads = 1 }
      local push = context:socket(zmq.PUSH, { linger = 100, connect = "ipc:///nobody/is/there" })
      push:send("x")
      push:close()
      context = nil
      collectgarbage()
      collectgarbage()
      hear()
      io.write(got)]]
    assert.same({ "51", 0 }, { text, status })
  end)
end)
