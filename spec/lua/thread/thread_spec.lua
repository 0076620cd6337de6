-- Threads: what goes over, what comes back, how they end.
local ffi = require "ffi"
local eddy = require "eddy"
local folders = require "spec.support.folders"
local support = require "spec.lua.support"
local thread = require "eddy.thread"
local zmq = require "eddy.zmq"

local loop, context
support.each(function(...) loop, context = ... end)

ffi.cdef [[
int dup(int fd);
int dup2(int from, int to);
int close(int fd);
int fileno(void *file);
int fflush(void *file);
]]

local LIMIT_MS = 20000

-- The results of a thread that ends by itself, after `true`.
local function joined(...) return thread.start(...):join(LIMIT_MS) end

-- Fails unless the call raises this text, at a line of this file.
local function fails(fn, text)
  local ok, err = pcall(fn)
  assert.is_false(ok)
  assert.matches("^%S*thread_spec.lua:%d+: ", err)
  assert.matches(text, err, 1, true)
end

-- Where errors in threads go meanwhile: the standard error, which this reads.
local function complaints_of(fn)
  local file = io.tmpfile()
  local before = ffi.C.dup(2)
  ffi.C.dup2(ffi.C.fileno(file), 2)
  local ok, err = pcall(fn)
  ffi.C.dup2(before, 2)
  ffi.C.close(before)
  file:seek("set")
  local text = file:read("*a")
  file:close()
  return ok and text or error(err, 0)
end

describe("what goes to a thread", function()
  it("is a function and its arguments, and what it returns comes back", function()
    local values = { joined(function(...) return select("#", ...), ... end, nil, true, 1.5,
      "a\0b", { list = { 1, 2 }, [3] = "x" }, nil) }
    assert.same({ true, 6, nil, true, 1.5, "a\0b", { list = { 1, 2 }, [3] = "x" }, nil }, values)
    assert.same({ true }, { joined(function() end) })
    assert.same(2 ^ 53 * 2LL, select(2, joined(function(n) return n * 2 end, 2LL ^ 53)))
  end)

  it("is a script beside the one that calls, with its arguments", function()
    local folder = support.temp_dir()
    folders.write(folder, {
      ["main.lua"] = "return require('eddy.thread').start('worker.lua', 7):join()",
      ["worker.lua"] = "return arg[0], ...",
    })
    local ok, file, number = dofile(folder .. "/main.lua")
    os.remove(folder .. "/main.lua")
    local again = { joined(folder .. "/worker.lua") }
    os.remove(folder .. "/worker.lua")
    os.remove(folder)
    assert.same({ true, folder .. "/worker.lua", 7 }, { ok, file, number })
    assert.same({ true, folder .. "/worker.lua" }, again)
    fails(function() thread.start(folder .. "/worker.lua") end,
      "start: cannot read the script " .. folder .. "/worker.lua: No such file")
  end)

  it("names what cannot go", function()
    local function nothing() end
    local self = {}
    self[1] = { me = self }
    local cases = {
      { "argument 2: a function cannot go to another thread", 1, print },
      { "argument 1.a.b[1]: a userdata cannot go", { a = { b = { io.stdout } } } },
      { "argument 1: a coroutine cannot go", coroutine.create(nothing) },
      { "argument 1: cdata cannot go", ffi.new "int[1]" },
      { "argument 1.socket: a socket belongs to its thread",
        { socket = context:socket(zmq.PULL, { linger = 0 }) } },
      { "argument 1: an object (timer", loop:call_later(1, nothing) },
      { "a key of argument 1: a function", { [print] = 1 } },
      { "it is nested too deeply, or has itself inside", self },
    }
    for _, case in ipairs(cases) do
      fails(function() thread.start(nothing, unpack(case, 2)) end, case[1])
    end
    fails(function() thread.start(function() return context end) end,
      "start: the function uses 'context' from outside itself")
    fails(function() thread.start(print) end, "a C function cannot go")
    fails(function() thread.start(12) end,
      "start: expected a script's name or a function, got number")
    fails(function() thread.start { print, nam = "x" } end,
      "start: no such option: 'nam'")
    fails(function() thread.start { print, name = 1 } end,
      "start: name: expected a string, got number")
  end)
end)

describe("a thread", function()
  it("meets the others at inproc endpoints", function()
    local endpoint = support.inproc()
    local reply = context:socket(zmq.REP, { bind = endpoint, rcvtimeo = LIMIT_MS, linger = 0 })
    local one = thread.start(function(where)
      local inner = require "eddy.zmq"
      local req = inner.instance():socket(inner.REQ, { connect = where, linger = 0 })
      req:send("from the thread")
      return req:recv()
    end, endpoint)
    assert.equal("from the thread", reply:recv())
    reply:send("to the thread")
    assert.same({ true, "to the thread" }, { one:join(LIMIT_MS) })
  end)

  it("runs the loop that its code leaves, and one of its own if it likes", function()
    assert.same({ true, "left" }, { joined(function()
      local inner = require "eddy"
      inner.loop.instance():call_later(1, function() inner.loop.instance():stop() end)
      return "left"
    end) })
    assert.same({ true, 3 }, { joined(function()
      local inner = require "eddy"
      return inner.loop.new():run_sync(function()
        inner.sleep(1)
        return 3
      end)
    end) })
    assert.same({ true, "awaited" }, { joined(function()
      require("eddy").sleep(1)
      return "awaited"
    end) })
  end)

  it("is awaited in a coroutine, while the loop goes on", function()
    local ticks, results = 0, nil
    loop:call_every(1, function() ticks = ticks + 1 end)
    local endpoint = support.inproc()
    local go = context:socket(zmq.PAIR, { bind = endpoint, linger = 0 })
    local one = thread.start(function(where)
      local inner = require "eddy.zmq"
      return inner.instance():socket(inner.PAIR, { connect = where, linger = 0 }):recv()
    end, endpoint)
    loop:spawn(function()
      local late, err = one:join(5)
      assert(late == nil and err.name == "ETIMEDOUT", "it ended too soon")
      go:send("go")
      results = { one:join(LIMIT_MS) }
      loop:stop()
    end)
    loop:spawn(function() one:join(LIMIT_MS) end)
    support.run(loop, LIMIT_MS)
    assert.same({ true, "go" }, results)
    assert.is_true(ticks > 0)
  end)

  it("is awaited by a task that can be cancelled", function()
    local one = thread.start(function() require("eddy").sleep(1e9) end)
    local result
    local task = loop:spawn(function() result = { one:join() } end)
    loop:call_later(1, function() task:cancel() end)
    support.wait(loop, function() return result end)
    assert.same({ nil, "ECANCELED" }, { result[1], result[2].name })
    one:stop()
    assert.is_true(one:join(LIMIT_MS))
  end)

  it("has a name, and is a text", function()
    local one = thread.start { function() return arg ~= nil end, name = "sink" }
    assert.equal("sink", one.name)
    one:join(LIMIT_MS)
    assert.equal("thread sink (ended)", tostring(one))
    assert.matches("^%d+ %(thread_spec.lua:%d+%)$", thread.start(function() end).name)
  end)

  it("prints lines with its name", function()
    local out = io.tmpfile()
    ffi.C.fflush(nil)
    local before = ffi.C.dup(1)
    ffi.C.dup2(ffi.C.fileno(out), 1)
    joined { function() print("a", 1, nil) end, name = "loud" }
    ffi.C.fflush(nil)
    ffi.C.dup2(before, 1)
    ffi.C.close(before)
    out:seek("set")
    assert.equal("loud: a\t1\tnil\n", out:read("*a"))
    out:close()
  end)

  it("has the paths and the limits of the state that starts it", function()
    local before = package.path
    package.path = "/nowhere/?.lua;" .. before
    local _, path = joined(function() return package.path end)
    package.path = before
    assert.equal("/nowhere/?.lua;" .. before, path)
    assert.same({ true, (jit.status()) }, { joined(function() return (jit.status()) end) })
  end)

  it("starts others", function()
    assert.same({ true, true, 9 }, { joined(function()
      return require("eddy.thread").start(function(n) return n * n end, 3):join()
    end) })
  end)

  it("has no signals, no watchdog, and no exit of the process", function()
    local _, signal, dog, exit = joined(function()
      local inner = require "eddy"
      local function problem(fn, ...) return select(2, pcall(fn, ...)) end
      return problem(function() inner.loop.instance():on_signal("HUP", print) end),
        problem(inner.loop.set_watchdog, { report = 10 }), problem(os.exit, 3)
    end)
    assert.matches("on_signal: signals are the main thread's", signal, 1, true)
    assert.matches("the watchdog watches the main thread's handlers", dog, 1, true)
    assert.matches("cannot end the process", exit, 1, true)
  end)
end)

describe("an error in a thread", function()
  it("is logged with its name and a traceback, and told once it is asked for", function()
    local one
    local text = complaints_of(function()
      one = thread.start { function() error("so it goes") end, name = "poet" }
      local ok, err = one:join(LIMIT_MS)
      assert.is_nil(ok)
      assert.matches("thread_spec.lua:%d+: so it goes$", err)
    end)
    assert.matches("^eddy: thread poet: %S*thread_spec.lua:%d+: so it goes\nstack traceback:", text)
    assert.is_true(one:done())
    assert.matches("so it goes", one:error())
  end)

  it("may be an error object, or anything", function()
    complaints_of(function()
      local one = thread.start(function()
        local inner = require "eddy.zmq"
        inner.instance():socket(inner.PULL):bind("tcp://127.0.0.1:70000")
      end)
      one:join(LIMIT_MS)
      assert.equal("EINVAL", one:error().name)
      assert.matches("bind", one:error().message)
      local other = thread.start(function() error { 1 } end)
      other:join(LIMIT_MS)
      assert.matches("^table: ", other:error())
    end)
  end)

  it("is one when what it returns cannot come back, or it has no code", function()
    complaints_of(function()
      local one = thread.start(function() return 1, print end)
      one:join(LIMIT_MS)
      assert.matches("its result 2: a function cannot go", one:error(), 1, true)
      local name = os.tmpname()
      local file = io.open(name, "w")
      file:write("syntax error")
      file:close()
      local _, err = joined(name)
      os.remove(name)
      assert.matches("'=' expected", err, 1, true)
    end)
  end)

  it("is none while it runs, and in order", function()
    local one = thread.start(function() require("eddy").sleep(1e9) end)
    assert.is_nil(one:error())
    assert.is_false(one:done())
    one:stop()
    assert.is_true(one:join(LIMIT_MS))
    assert.is_nil(one:error())
  end)
end)

describe("stop", function()
  -- Starts it, waits until it says that it is there, and stops it. What join returns.
  local function stopped(fn, ms)
    local endpoint = support.inproc()
    local ready = context:socket(zmq.PULL, { bind = endpoint, rcvtimeo = LIMIT_MS, linger = 0 })
    local one = thread.start(fn, endpoint)
    assert.equal("ready", ready:recv())
    one:stop(ms)
    return one:join(LIMIT_MS)
  end

  it("ends its loop, after which its code goes on", function()
    assert.same({ true, "stop", "and more" }, { stopped(function(endpoint)
      local inner, izmq = require "eddy", require "eddy.zmq"
      local own = inner.loop.instance()
      own:call_every(1e6, print)
      own:add_callback(function()
        izmq.instance():socket(izmq.PUSH, { connect = endpoint }):send("ready")
      end)
      return own:start(), "and more"
    end) })
  end)

  it("ends plain waits, in handlers and without a loop", function()
    for _, call in ipairs { "pull:recv()", "zmq.proxy(pull, push)", "zmq.select({ pull })" } do
      local name = support.inproc()
      local code = ([[
        local zmq = require "eddy.zmq"
        local pull = zmq.instance():socket(zmq.PULL, { bind = "%s" })
        local push = zmq.instance():socket(zmq.PUSH, { connect = ... })
        push:send("ready")
        %s
        pull:recv()
      ]]):format(name, call)
      assert.same({ true }, { stopped(load("return function(...) " .. code .. " end")()) })
    end
  end)

  it("interrupts code that does not end, compiled or not, and what catches errors", function()
    assert.is_true(stopped(function(endpoint)
      local inner = require "eddy.zmq"
      inner.instance():socket(inner.PUSH, { connect = endpoint }):send("ready")
      local i = 0
      while true do i = i + 1 end
    end, 0))
    assert.is_true(stopped(function(endpoint)
      local inner = require "eddy.zmq"
      inner.instance():socket(inner.PUSH, { connect = endpoint }):send("ready")
      local function spin() while true do pcall(spin) end end -- luacheck: ignore 113
      while not endpoint.nothing do pcall(function() while true do tostring(1) end end) end
      spin()
    end, 0))
  end)

  it("lets code come to its end that has the time", function()
    assert.same({ true, "all done" }, { stopped(function(endpoint)
      local inner = require "eddy.zmq"
      local socket = inner.instance():socket(inner.PUSH, { connect = endpoint, linger = 0 })
      socket:send("ready")
      local x = 0
      for i = 1, 1e6 do x = x + i % 7 end
      return "all done"
    end, LIMIT_MS) })
  end)

  it("is for one that has begun nothing yet, and for one that has ended", function()
    local one = thread.start(function() require("eddy").loop.instance():start() end)
    one:stop()
    assert.is_true(one:join(LIMIT_MS))
    one:stop()
    assert.is_true(one:join(0))
  end)

  it("and join check their times", function()
    local one = thread.start(function() end)
    fails(function() one:stop("x") end, "stop: expected a number of milliseconds")
    fails(function() one:join({}) end, "join: expected a number of milliseconds")
    assert.is_true(one:join(LIMIT_MS))
  end)
end)

describe("many threads", function()
  it("come and go in flat memory, and close what they open", function()
    local function resident()
      collectgarbage()
      for line in io.lines "/proc/self/status" do
        local kb = line:match "^VmRSS:%s+(%d+)"
        if kb then return tonumber(kb) end
      end
    end
    local function descriptors()
      collectgarbage()
      local pipe = io.popen "ls /proc/$PPID/fd | wc -l"
      local count = pipe:read "*n"
      pipe:close()
      return count
    end
    local function cycle(times)
      for i = 1, times do
        assert.same({ true, i + 1 }, { joined(function(n)
          local inner = require "eddy.zmq"
          inner.instance():socket(inner.PULL, { bind = "inproc://cycle" })
          return n + 1
        end, i) })
      end
    end
    cycle(10)
    local memory, open = resident(), descriptors()
    cycle(100)
    assert.is_true(descriptors() <= open + 4)
    if not os.getenv "ASAN_OPTIONS" then assert.is_true(resident() - memory < 8192) end
  end)

  it("compile their code side by side", function()
    local list = {}
    for i = 1, 50 do
      list[i] = thread.start(function(n)
        local x = 0
        for j = 1, 2e5 do x = x + j % n end
        return x
      end, i)
    end
    for i, one in ipairs(list) do
      local x = 0
      for j = 1, 2e5 do x = x + j % i end
      assert.same({ true, x }, { one:join(LIMIT_MS) })
    end
  end)
end)

it("needs the command", function()
  local code = ("package.path = '%s/lua/?.lua;%s/lua/?/init.lua;' .. package.path " ..
    "local eddy = require 'eddy' print(pcall(eddy.thread.start, function() end))"):format(
    EDDY_ROOT, EDDY_ROOT)
  local pipe = io.popen("luajit -e \"" .. code .. "\" 2>&1")
  local text = pipe:read "*a"
  pipe:close()
  assert.matches("start: threads are the host's: run the script with the command eddy", text, 1,
    true)
  assert.is_table(eddy.thread)
end)
