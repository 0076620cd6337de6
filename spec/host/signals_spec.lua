-- Signals: which one ends what, those that children begin with, and the host as process 1.
local process = require "spec.support.process"

local check, eddy, shell = process.check, process.eddy, process.shell
local signalled = process.signalled
local READY = process.READY
local TERM = "kill -TERM $pid; "
-- Waits until the script is ready again; an end that is still open from the time before has none.
local AGAIN = "until read line <$dir/ready; do :; done; "

describe("a signal", function()
  -- Sends SIGTERM until the host has ended: the second one must do.
  local UNTIL_GONE = "while kill -TERM $pid 2>/dev/null; do sleep 0.05; done"

  describe("that ends a wait, when the script waits again: the next one ends it", function()
    for name, code in pairs {
      ["a green socket in the main program"] = [[
        local s = require("eddy.green").instance():socket(7, { bind = "inproc://x" })
        loop:call_later(1, ready)
        while true do pcall(s.recv, s) end]],
      ["the loop"] = "loop:call_later(1, ready) while true do loop:start() end",
      ["run_sync"] = [[loop:call_later(1, ready)
        while true do pcall(loop.run_sync, loop, function() require("eddy").sleep(60000) end) end]],
      ["a private loop each time"] = [[
        local loops, first = require("eddy.loop"), true
        while true do
          local own = loops.new()
          if first then own:call_later(1, ready) end
          first = false
          own:call_later(60000, print)
          own:start()
        end]],
      ["a plain socket in a task"] = [[
        local s = require("eddy.zmq").instance():socket(7, { bind = "inproc://x" })
        loop:spawn(function() ready() while true do pcall(s.recv, s) end end)]],
      ["a plain poll in a handler"] = [[
        local s = require("eddy.zmq").instance():socket(7, { bind = "inproc://x" })
        loop:add_callback(function() ready() while true do pcall(s.poll, s) end end)]],
      ["a proxy"] = [[
        local zmq = require "eddy.zmq"
        local a = zmq.instance():socket(zmq.PULL, { bind = "inproc://x" })
        local b = zmq.instance():socket(zmq.PUSH, { bind = "inproc://y" })
        loop:call_later(1, function() ready() while true do zmq.proxy(a, b) end end)]],
      ["a device"] = [[
        local zmq = require "eddy.zmq"
        local function join()
          local device = require("eddy.devices").device(zmq.QUEUE, zmq.PULL, zmq.PUSH)
          device:bind_in("inproc://x" .. tostring(device))
          device:bind_out("inproc://y" .. tostring(device))
          device:start()
          device:join()
        end
        loop:call_later(1, function() ready() while true do join() end end)]],
    } do
      it(name, function()
        check(128 + 15, signalled(READY .. code, UNTIL_GONE))
      end)
    end

    it("whichever of the two comes", function()
      check(128 + 2, signalled(READY .. [[
        loop:call_later(1, ready) loop:start() ready()
        loop:call_later(60000, print) loop:start()]],
        TERM .. AGAIN .. "kill -INT $pid"))
    end)
  end)

  it("that the script takes is always the script's", function()
    local out = check(0, signalled(READY .. [[
      local count = 0
      loop:on_signal("SIGTERM", function()
        count = count + 1
        ready()
        if count == 5 then print(count) loop:stop() end
      end)
      loop:call_later(1, ready)
      loop:start()]], (TERM .. AGAIN):rep(5)))
    assert.equal("5\n", out)
  end)

  it("that the script gave back does what it did before", function()
    local out = check(0, signalled(READY .. [[
      loop:on_signal("SIGTERM", print):cancel()
      loop:call_later(1, ready) loop:start() print("stopped")]], TERM))
    assert.equal("stopped\n", out)
    check(128 + 15, signalled(READY .. [[
      loop:on_signal("SIGTERM", print):cancel() ready() while true do end]], TERM))
  end)

  it("that the script gives back while the loop runs does, too", function()
    local out = check(0, signalled(READY .. [[
      local handle = loop:on_signal("SIGTERM", print)
      loop:call_later(1, function() handle:cancel() ready() end)
      loop:call_later(60000, print) loop:start() print("stopped")]], TERM))
    assert.equal("stopped\n", out)
  end)

  it("does not reach a handler of the other one", function()
    local out = check(0, signalled(READY .. [[
      loop:on_signal("SIGINT", function() print("INT") loop:stop() end)
      loop:call_later(1, ready) loop:start() ready()
      loop:call_later(60000, print) loop:start()]],
      TERM .. AGAIN .. "kill -INT $pid"))
    assert.equal("INT\n", out)
  end)

  it("that shells have background jobs ignore is taken while a loop runs, and no longer", function()
    local out = check(0, signalled(READY .. [[
      loop:call_later(1, ready) loop:start() print("stopped")]], "kill -INT $pid"))
    assert.equal("stopped\n", out)
    out = check(0, signalled(READY .. [[
      ready()
      io.open(path):read("*l")
      print("here")]], "kill -INT $pid; echo >$dir/ready"))
    assert.equal("here\n", out)
  end)

  it("does not wake an idle process again", function()
    local out = check(0, signalled(READY .. [[
      local function switches()
        return tonumber(io.open("/proc/self/status"):read("*a"):match("\nvoluntary%D*(%d+)"))
      end
      loop:on_signal("USR1", function()
        local before = switches()
        loop:call_later(500, function() print(switches() - before < 5) loop:stop() end)
      end)
      loop:call_later(1, ready) loop:start()]], "kill -USR1 $pid"))
    assert.equal("true\n", out)
  end)
end)

describe("a child of a host that takes signals", function()
  local TAKES = [[
    local eddy, zmq = require "eddy", require "eddy.zmq"
    local loop, context = eddy.loop.instance(), zmq.instance()
    context:socket(zmq.PULL, { linger = 0, bind = "inproc://x" })
    for _, name in ipairs { "TERM", "INT", "HUP", "USR1", "USR2", "CHLD", "PIPE", "RTMIN" } do
      pcall(loop.on_signal, loop, name, function() end)
    end
    local function status(text)
      return text:match("SigBlk:%s*(%x+)") .. " " .. text:match("SigCgt:%s*(%x+)")
    end ]]
  local NONE = ("0"):rep(16) .. " " .. ("0"):rep(16) .. "\n"

  it("begins with none blocked and none taken, however it is started", function()
    local out = check(0, eddy("-e", TAKES .. [[
      local name = os.tmpname()
      loop:add_callback(function()
        print(status(io.popen("exec cat /proc/self/status"):read("*a")))
        os.execute("exec cat /proc/self/status >" .. name)
        print(status(io.open(name):read("*a")))
        loop:stop()
      end)
      loop:start()
      os.remove(name)]]))
    assert.equal(NONE:rep(2), out)
  end)

  it("also one that is forked, in the middle of a handler and with signals on their way", function()
    local out, err = check(0, eddy("-e", TAKES .. [[
      local ffi = require "ffi"
      ffi.cdef "int fork(void); int waitpid(int, int *, int); int kill(int, int); int getpid(void);"
      ffi.cdef "void _exit(int); int pause(void);"
      loop:add_callback(function()
        for _, number in ipairs { 15, 2, 1, 10, 12, 13 } do
          local child, how = ffi.C.fork(), ffi.new("int[1]")
          if child == 0 then
            ffi.C.pause()
            ffi.C._exit(99)
          end
          ffi.C.kill(child, number)
          ffi.C.waitpid(child, how, 0)
          io.write(bit.band(how[0], 127), " ")
        end
        io.flush()
        loop:stop()
      end)
      loop:start()]]))
    assert.message(err).equal("15 2 1 10 12 13 ", out)
  end)

  it("dies of SIGTERM, as the parent hears of its own", function()
    local out = check(0, signalled(READY .. [[
      loop:on_signal("SIGTERM", function() print("parent") loop:stop() end)
      loop:call_later(1, function()
        print(os.execute("kill -TERM $$") % 128)
        ready()
      end)
      loop:start()]], TERM))
    assert.equal("15\nparent\n", out)
  end)
end)

-- The first process of a namespace has no default actions for signals.
describe("the host as process 1", function()
  local unshare = "unshare -rfp --kill-child"
  local can = shell(unshare .. " true") == 0
  local INSIDE = "pid=$(cat /proc/$started/task/$started/children); "

  local function test(name, fn)
    it(name, function()
      if not can then return pending("this machine does not let us make a pid namespace") end
      fn()
    end)
  end

  local function run(text, commands, options)
    return signalled(READY .. text, INSIDE .. commands, options, unshare)
  end

  test("stops at the first SIGTERM", function()
    local out = check(0, run([[
      local ffi = require "ffi"
      ffi.cdef "int getpid(void);"
      loop:call_later(1, ready) loop:start() print("stopped", ffi.C.getpid())]], TERM))
    assert.equal("stopped\t1\n", out)
  end)

  test("ends at the second one, also when a handler hangs", function()
    check(128 + 15, run("loop:call_later(1, function() ready() while true do end end) loop:start()",
      "while kill -TERM $pid 2>/dev/null; do sleep 0.05; done"))
  end)

  test("ends at the first one when no loop runs", function()
    check(128 + 15, run("ready() while true do end", TERM))
  end)

  test("is aborted by the watchdog", function()
    local _, err = check(128 + 6, run("loop:add_callback(function() ready() while true do end end)",
      "", "--watchdog abort=50"))
    assert.matches("the process is aborted", err)
  end)

  test("ends with 141 when nobody reads what it prints", function()
    local code = shell(("set -o pipefail; %s %s -e 'while true do print(1) end' | head -1"):format(
      unshare, process.quote(EDDY_HOST)))
    assert.equal(128 + 13, code)
  end)
end)
