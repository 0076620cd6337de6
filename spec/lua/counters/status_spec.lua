local ffi = require "ffi"
local counters = require "eddy.counters"
local process = require "spec.support.process"
local status = require "eddy.counters.status"

pcall(ffi.cdef, "int setenv(const char *name, const char *value, int overwrite);")
pcall(ffi.cdef, "int unsetenv(const char *name);")

local PATIENCE_S = 20

-- What others see of a process.
describe("eddy.counters.status", function()
  local runtime, before, started
  before_each(function()
    before = os.getenv "XDG_RUNTIME_DIR"
    runtime = select(2, process.shell "mktemp -d"):match "%S+"
    ffi.C.setenv("XDG_RUNTIME_DIR", runtime, 1)
  end)
  after_each(function()
    if started then started:kill() end
    started = nil
    process.shell("rm -rf " .. runtime)
    ffi.C.unsetenv "XDG_RUNTIME_DIR"
    if before then ffi.C.setenv("XDG_RUNTIME_DIR", before, 1) end
  end)

  -- Waits until a started script is in that state; returns its entry.
  local function wait(word, fits)
    local latest, entry = os.time() + PATIENCE_S
    repeat
      entry = counters.process(started.pid)
      local is_there = entry and entry.status.word == word
      if is_there and (not fits or fits(entry)) then return entry end
    until os.time() > latest
    error("it is not " .. word .. " but " .. (entry and entry.status.text or "not there"), 2)
  end

  local LOOP = [[local eddy = require "eddy" local loop = eddy.loop.instance() ]]

  it("is running while the loop turns", function()
    started = process.start(LOOP .. "loop:call_every(1, function() end)")
    local entry = wait "running"
    assert.equal("running", entry.status.text)
    assert.is_true(entry.process.memory > 1e6 and entry.process.descriptors > 3)
    assert.matches(started.name, entry.page.command, 1, true)
  end)

  it("names a stream whose handler hangs, computing or not", function()
    for how, code in pairs { busy = "while true do end",
        blocked = "require('ffi').C.poll(nil, 0, -1)" } do
      started = process.start(LOOP .. [[local zmq = require "eddy.zmq"
        require("ffi").cdef "int poll(void *, unsigned long, int);"
        local a = zmq.instance():socket(zmq.PAIR, { bind = "inproc://x" })
        local b = zmq.instance():socket(zmq.PAIR, { connect = "inproc://x" })
        local stream = eddy.stream(a)
        stream.name = "stuck"
        stream:on_recv(function() ]] .. code .. [[ end)
        b:send "x"]])
      local entry = wait("hangs", function(entry) return entry.status.how == how end)
      assert.equal("stuck", entry.status.what)
      assert.is_true(entry.status.ms >= status.HANG_MS)
      assert.matches("^hangs for %d[%d.]* %a+ in stuck %(" .. how .. "%)$", entry.status.text)
      started:kill()
    end
  end)

  it("names timers, callbacks, tasks and signals that hang", function()
    local hang = "(function() while true do end end)"
    for name, code in pairs {
      ["timer every 5 ms at"] = "loop:call_every(5, function() while true do end end)",
      ["timer after 5 ms at"] = "loop:call_later(5, function() while true do end end)",
      ["callback %("] = "loop:add_callback" .. hang,
      ["task"] = "loop:spawn" .. hang,
      ["signal"] = "loop:on_signal('USR1', function() while true do end end) " ..
        "loop:call_later(1, function() os.execute('kill -USR1 $PPID') end)",
    } do
      started = process.start(LOOP .. code)
      local entry = wait "hangs"
      assert.message(code).matches(name, entry.status.what)
      started:kill()
    end
  end)

  it("is loading while the script runs without a loop", function()
    started = process.start "while true do end"
    assert.equal("runs its script", wait("loading").status.text)
  end)

  it("is stopped while a signal has stopped it", function()
    started = process.start(LOOP .. "loop:call_every(1, function() end)")
    wait "running"
    started:stop()
    assert.equal("stopped by a signal", wait("stopped").status.text)
  end)

  it("has died, and its page stays", function()
    started = process.start(LOOP .. "loop:call_every(1, function() end)")
    wait "running"
    started:kill()
    local entry = wait "died"
    assert.is_nil(entry.process)
    assert.matches("^died, last seen %d+%.?%d* m?s ago$", entry.status.text)
    assert.is_true(math.abs(entry.status.at - os.time()) < 20)
    assert.is_true(entry.page.loops[1].turns > 0)
  end)

  it("has ended with a code, and still has its streams", function()
    started = process.start(LOOP .. [[local zmq = require "eddy.zmq"
      local push = zmq.instance():socket(zmq.PUSH, { linger = 0 })
      local stream = eddy.stream(push)
      loop:call_later(1, function() os.exit(3) end)]])
    local entry = wait "ended"
    assert.matches("^ended %d+%.?%d* m?s ago, code 3$", entry.status.text)
    assert.equal("PUSH", entry.page.streams[1].type)
  end)

  it("is gone once it has ended well", function()
    local code = process.eddy("-e", "print(1)")
    assert.equal(0, code)
    assert.equal("", (select(2, process.shell("ls " .. runtime .. "/eddy"))))
  end)

  it("is not mistaken for another process of its id", function()
    started = process.start(LOOP .. "loop:call_every(1, function() end)")
    local entry = wait "running"
    local system = require "eddy.counters.process"
    assert.is_nil(system.look(entry.pid, entry.page.started - 1))
    assert.is_table(system.look(entry.pid, entry.page.started))
  end)

  it("tells times as people do", function()
    local texts = {}
    for i, ms in ipairs { 0, 999, 1500, 15000, 119000, 200000, 7.3e6, 2e8 } do
      texts[i] = status.duration(ms)
    end
    assert.same({ "0 ms", "999 ms", "1.5 s", "15 s", "119 s", "3 min", "2 h", "2 d" }, texts)
  end)
end)
