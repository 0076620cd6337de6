-- Threads and the process: its end, signals, exit codes, the watchdog.
local process = require "spec.support.process"

local check, eddy, signalled = process.check, process.eddy, process.signalled

local WORDY = [[
  local eddy, thread = require "eddy", require "eddy.thread"
  local zmq, context = eddy.zmq, eddy.zmq.instance()
  local function start(...) return thread.start(...) end
  -- Starts a thread, and waits until it says that it is there: send() in it.
  local function begun(fn)
    local name = "inproc://begun"
    local pull = context:socket(zmq.PULL, { bind = name })
    local one = thread.start({ fn, name = "it" }, name)
    pull:recv()
    pull:close()
    return one
  end
]]
local SEND = [[
  local function send(name)
    local zmq = require "eddy.zmq"
    zmq.instance():socket(zmq.PUSH, { connect = name }):send("begun")
  end
]]

local function run(code, ...)
  local words = { ... }
  words[#words + 1], words[#words + 2] = "-e", WORDY .. code
  return eddy(unpack(words))
end

describe("at the end of the program", function()
  it("threads are stopped, and what they left open is closed at once", function()
    local out, err = check(0, run([[
      begun(function(name)
        ]] .. SEND .. [[
        local eddy, zmq = require "eddy", require "eddy.zmq"
        zmq.instance():socket(zmq.PULL, { bind = "tcp://127.0.0.1:*" })
        local stream = eddy.stream(zmq.instance():socket(zmq.PULL, { bind = "inproc://x" }))
        stream:on_recv(print)
        send(name)
        eddy.loop.instance():start()
        print "in order"
      end)
    ]], "--drain", "1e9"))
    assert.equal("it: in order\n", out)
    assert.equal("", err)
  end)

  it("code that does not end is interrupted", function()
    local _, err = check(0, run([[
      begun(function(name)
        ]] .. SEND .. [[
        send(name)
        local i = 0
        while true do i = i + 1 end
      end)
    ]], "--drain", "2000"))
    assert.equal("", err)
  end)

  it("one in a C function that does not return is named", function()
    local _, err = check(75, run([[
      begun(function(name)
        ]] .. SEND .. [[
        local ffi = require "ffi"
        ffi.cdef "int pipe(int *ends); long read(int fd, void *data, size_t size);"
        local ends, byte = ffi.new "int[2]", ffi.new "char[1]"
        ffi.C.pipe(ends)
        send(name)
        ffi.C.read(ends[0], byte, 1)
      end)
    ]], "--drain", "100"))
    assert.matches("eddy: thread it did not end within 100 ms: in a C function", err, 1, true)
  end)

  it("what a thread could not send is told", function()
    local _, err = check(75, run([[
      begun(function(name)
        ]] .. SEND .. [[
        local eddy, zmq = require "eddy", require "eddy.zmq"
        local stream = eddy.stream(zmq.instance():socket(zmq.PUSH, { linger = 0 }))
        stream:bind("tcp://127.0.0.1:*")
        for _ = 1, 3 do stream:send("x") end
        send(name)
        eddy.loop.instance():start()
      end)
    ]], "--drain", "100"))
    assert.matches("eddy: thread it: 3 messages were not sent within", err, 1, true)
  end)

  it("os.exit does the same", function()
    local out = check(3, run([[
      begun(function(name)
        ]] .. SEND .. [[
        send(name)
        require("eddy").loop.instance():start()
        print "in order"
      end)
      os.exit(3)
    ]]))
    assert.equal("it: in order\n", out)
  end)

  it("no thread can be started", function()
    local out, err = check(0, run([[
      local proxy = newproxy(true)
      getmetatable(proxy).__gc = function()
        print(pcall(start, function() end))
      end
      KEEP = proxy
    ]]))
    assert.matches("^false\tstart: thread 1 .*ECANCELED", out)
    assert.equal("", err)
  end)
end)

describe("the exit code", function()
  it("is 1 when a thread failed and nobody asked", function()
    local _, err = check(1, run [[
      local one = start(function() error "so it goes" end)
      while not one:done() do eddy.sleep(1) end
    ]])
    assert.matches("^eddy: thread 1 [^\n]*: so it goes\n", err)
    check(0, run [[
      local one = start(function() error "so it goes" end)
      one:join()
    ]])
    check(0, run [[
      local one = start(function() error "so it goes" end)
      while not one:error() do eddy.sleep(1) end
    ]])
    check(1, run [[
      start(function() require("eddy").loop.instance():add_callback(error, "x") end):join()
    ]])
    check(1, run [[
      start(function()
        getmetatable(newproxy(true)).__gc = function() error "in a finalizer" end
        collectgarbage()
        collectgarbage()
      end):join()
    ]])
  end)
end)

-- What a script does after `ready()` may come later than the signal: commands that wait for it.
local WHEN_IT_WAITS = "until grep -q '^State:.S' /proc/$pid/status; do :; done; "

describe("a signal", function()
  it("stops the thread that the main program waits for", function()
    local out, err = check(0, signalled(process.READY .. WORDY .. [[
      local one = begun(function(name)
        ]] .. SEND .. [[
        send(name)
        return require("eddy").loop.instance():start()
      end)
      ready()
      print(one:join())
      print "after"
    ]], WHEN_IT_WAITS .. "kill -TERM $pid"))
    assert.equal("true\tstop\nafter\n", out)
    assert.equal("", err)
  end)

  it("stops those that the main program waits for next, but none that came later", function()
    local out, err = check(0, signalled(process.READY .. WORDY .. [[
      local threads = {}
      for i = 1, 3 do
        threads[i] = begun(function(name)
          ]] .. SEND .. [[
          send(name)
          return require("eddy").loop.instance():start()
        end)
      end
      ready()
      for i = 1, 3 do print(threads[i]:join()) end
      print(thread.start(function() return "later" end):join())
    ]], WHEN_IT_WAITS .. "kill -TERM $pid"))
    assert.equal("true\tstop\ntrue\tstop\ntrue\tstop\ntrue\tlater\n", out)
    assert.equal("", err)
  end)

  it("stops the main program's loop, and then the threads", function()
    local out, err = check(0, signalled(process.READY .. WORDY .. [[
      begun(function(name)
        ]] .. SEND .. [[
        send(name)
        require("eddy").loop.instance():start()
        print "in order"
      end)
      loop:add_callback(ready)
      print(loop:start())
    ]], "kill -INT $pid"))
    assert.equal("SIGINT\nit: in order\n", out)
    assert.equal("", err)
  end)
end)

it("the watchdog watches on while a thread that does not end is stopped", function()
  local _, err = check(1, run([[
    local loop = eddy.loop.instance()
    local function spin() local i = 0 while true do i = i + 1 end end
    loop:add_callback(spin)
    loop:add_callback(function()
      local one = begun(function(name)
        ]] .. SEND .. [[
        send(name)
        local i = 0
        while true do i = i + 1 end
      end)
      one:stop(0)
      assert(one:join())
      loop:add_callback(spin)
    end)
  ]], "--watchdog", "interrupt=300"))
  local _, count = err:gsub("interrupted: the handler of callback", "")
  assert.equal(2, count)
end)

it("a thread may bind where the program may", function()
  check(0, run([[
    assert(start(function()
      local zmq = require "eddy.zmq"
      zmq.instance():socket(zmq.PULL, { bind = "tcp://0.0.0.0:*" })
    end):join())
  ]], "--insecure"))
end)
