local full = require "spec.support.full"
local process = require "spec.support.process"

local check, eddy, shell, timed = process.check, process.eddy, process.shell, process.timed

local ABORTS = full.size(2, 100)   -- of each kind
local ABORT_MS = full.size(100, 1000)
local LATEST_MS = ABORT_MS + full.size(10000, 1000)
local SUSPENDED = full.size(1.5, 60) -- s

-- A stream named orders that gets 4 messages; its handler runs the code at the second.
local script = [[
  local eddy, zmq = require "eddy", require "eddy.zmq"
  local ffi = require "ffi"
  ffi.cdef "int getppid(void); unsigned sleep(unsigned seconds); int raise(int signal);"
  local loop = eddy.loop.instance()
  local a = zmq.instance():socket(zmq.PAIR, { bind = "inproc://a" })
  local b = zmq.instance():socket(zmq.PAIR, { connect = "inproc://a" })
  local stream = eddy.stream(a)
  stream.name = "orders"
  local function busy(ms)
    local C = require("eddy.base.libeddy").C
    local over = C.eddy_time() + ms
    while C.eddy_time() < over do end
  end
  local count = 0
  stream:on_recv(function(msg)
    count = count + 1
    if count == 2 then
      %s
    end
    if count == 4 then
      print("last", msg[1])
      loop:stop()
    end
  end)
  for i = 1, 4 do b:send(tostring(i)) end
]]

local function run(limits, code, drain)
  return eddy("--drain", drain or 5000, "--watchdog", limits, "-e", script:format(code))
end

local function count(text, pattern) return select(2, text:gsub(pattern, "")) end

describe("the watchdog", function()
  it("reports a slow handler with its stream, its time, and where it is while it runs", function()
    local code, out, err = run("report=50", "busy(1000)")
    assert.message(err).equal(0, code)
    assert.equal("last\t4\n", out)
    assert.equal(1, count(err, "has run for"))
    local ms = err:match("^eddy: orders: its handler has run for (%d+) ms\nstack traceback:")
    ms = tonumber(ms)
    assert.message(err).is_true(ms >= 50 and ms < 1000)
    assert.matches("%(%-e%):%d+: in function 'busy'", err)
  end)

  it("reports each slow handler once, and means the message, not its batch", function()
    local _, _, err = run("report=100", "busy(350)")
    assert.message(err).equal(1, count(err, "its handler has run for"))
    _, _, err = run("report=1000", "end do busy(300)")
    assert.message(err).equal("", err)
  end)

  it("reports tasks under their names, at their begin and when they go on", function()
    local code, _, err = run("report=40", [[
      eddy.spawn(function() busy(300) end)
      eddy.spawn(function() eddy.sleep(1) busy(300) end)
      stream:on_recv(nil)
      loop:call_later(1500, loop.stop, loop)]])
    assert.message(err).equal(0, code)
    assert.message(err).equal(2, count(err, "eddy: task %(%(%-e%):%d+%): its handler has run for"))
  end)

  it("reports callbacks, timers and signals under their names", function()
    local code, _, err = run("report=40", [[
      loop:add_callback(busy, 300)
      loop:call_later(1, busy, 300)
      loop:on_signal("SIGUSR1", function() busy(300) end)
      ffi.C.raise(10)
      stream:on_recv(nil)
      loop:call_later(1500, loop.stop, loop)]])
    assert.message(err).equal(0, code)
    assert.matches("eddy: callback %(%(%-e%):%d+%): its handler has run", err)
    assert.matches("eddy: timer after 1 ms at %(%-e%):%d+: its handler has run", err)
    assert.matches("eddy: handler of signal SIGUSR1: its handler has run", err)
  end)

  local stuck = {
    ["an empty loop"] = "while true do end",
    ["a loop that counts"] = "local i = 0 while true do i = i + 1 end",
    ["a long count"] = "for i = 1, 1e18 do end",
    ["a loop that makes strings"] = "local s = '' while true do s = 'x' .. #s end",
    ["a loop of calls into C"] = "while true do ffi.C.getppid() end",
    ["a loop over an array"] = "local t = {} while true do for i = 1, 9 do t[i] = i end end",
    ["an iterator"] = "for _ in function() return 1 end do end",
    ["tail calls"] = "local function f() return f() end f()",
    ["a coroutine"] = "coroutine.wrap(function() while true do end end)()",
    ["a loop that catches all errors"] =
      "while true do pcall(function() while true do end end) end",
    ["a loop that sends"] = "while true do stream:send_multipart({ 'x' }) end",
  }
  for _, mode in ipairs { "on", "off" } do
    for name, code in pairs(stuck) do
      it("interrupts " .. name .. ", with the JIT " .. mode, function()
        local prefix = mode == "off" and "jit.off() jit.flush() " or ""
        local status, out, err = run("interrupt=50,abort=10000", prefix .. code, 50)
        assert.message(err).equal(1, status)
        assert.equal("last\t4\n", out)
        assert.matches("eddy: orders: .*interrupted: the handler of orders has run for %d+ ms\n" ..
          "stack traceback:", err)
        assert.message(err).equal(1, count(err, "interrupted:"))
      end)
    end
  end

  it("raises an error that the script may handle: on_error hears of it", function()
    local code, out, err = run("interrupt=50", [[
      loop:on_error(function(problem, _, source) print(source, problem) end)
      while true do end]])
    assert.message(err).equal(0, code)
    assert.matches("^orders\t%(%-e%):%d+: interrupted: .*last\t4\n$", out)
  end)

  it("reports a handler that is in C, and ends the process past the last limit", function()
    local code, out, err = run("report=50,interrupt=100,abort=400", [[
      local text = ("a"):rep(30000)
      text:find(("a?"):rep(24) .. ("a"):rep(24) .. "b")]])
    assert.message(err).equal(128 + 6, code)
    assert.equal("", out)
    assert.matches("^eddy: orders: its handler has run for %d+ ms, and is in a C function that " ..
      "does not return\neddy: orders: its handler has run for %d+ ms, past the last limit: " ..
      "the process is aborted\n", err)
  end)

  local endless = {
    ["compiled code"] = "while true do end",
    ["a function in C"] = [[
      local text = ("a"):rep(30000)
      text:find(("a?"):rep(24) .. ("a"):rep(24) .. "b")]],
  }
  for name, code in pairs(endless) do
    it("aborts with the last limit alone, also from " .. name, function()
      local times = {}
      for i = 1, ABORTS do
        local took, status, _, err = timed(run, "abort=" .. ABORT_MS, code)
        assert.message(err).equal(128 + 6, status)
        assert.matches("^eddy: orders: its handler has run for %d+ ms, past the last limit", err)
        assert.message(took).is_true(took >= ABORT_MS and took <= LATEST_MS)
        times[i] = took
      end
      full.figure("a handler never ends, in " .. name,
        "%d of %d aborted at %d ms, the latest after %d ms", #times, ABORTS, ABORT_MS,
        full.quantile(times, 1))
    end)
  end

  -- A limit in a short run leaves room for a machine that is busy.
  it("lets handlers have nine tenths of the limit", function()
    local limit = full.size(3000, 1000)
    for _ = 1, full.size(1, 100) do
      local out = check(0, run("abort=" .. limit, ("busy(%d)"):format(limit * 0.9)))
      assert.equal("last\t4\n", out)
    end
    full.figure("a handler runs for 90 % of the limit", "100 of 100 went on")
  end)

  it("lets a loop wait as long as it likes, and a handler that waits in its coroutine", function()
    local code, out, err = run("report=500,interrupt=600,abort=700", [[
      eddy.sleep(1000)]])
    assert.message(err).equal("", err)
    assert.equal(0, code)
    assert.equal("last\t4\n", out)
  end)

  it("does not hold the time against a process that was suspended", function()
    local name = process.script(script:format([[
      local pipe = io.open(arg[1], "w")
      pipe:write("ready\n")
      pipe:close()
      busy(100)]]))
    local code, out, err = shell(([[
      dir=$(mktemp -d); mkfifo $dir/ready
      %s --watchdog interrupt=900,abort=1000 %s $dir/ready & pid=$!
      read line <$dir/ready
      kill -STOP $pid; sleep %g; kill -CONT $pid
      wait $pid; code=$?; rm -r $dir; exit $code]]):format(process.quote(EDDY_HOST), name,
      SUSPENDED))
    os.remove(name)
    assert.message(err).equal(0, code)
    assert.equal("last\t4\n", out)
    full.figure("the process is suspended in a handler",
      "for %g s, with a limit of 1 s: not killed", SUSPENDED)
  end)

  it("is set by scripts, and changed and ended, in handlers too", function()
    local code, out, err = eddy("-e", script:format([[
      eddy.loop.set_watchdog { interrupt = 40 }
      loop:add_callback(function()
        print(pcall(busy, 1000))
      end)
      loop:add_callback(function()
        eddy.loop.set_watchdog(nil)
        busy(100)
        print("slow, and nobody minds")
        eddy.loop.set_watchdog { report = 20 }
      end)
      loop:add_callback(busy, 600)
      stream:on_recv(nil)
      loop:call_later(200, loop.stop, loop)]]))
    assert.message(err).equal(1, code)
    assert.matches("slow, and nobody minds", out)
    assert.equal(1, count(err, "interrupted:"))
    assert.equal(1, count(err, "its handler has run for %d+ ms\nstack"))
  end)

  it("does not mind the profiler's signal when others send it", function()
    local code, out, err = run("report=60000", [[
      local SIGPROF = 27
      for i = 1, 100 do ffi.C.raise(SIGPROF) end
      io.popen("kill -PROF " .. io.open("/proc/self/stat"):read("*n")):close()]])
    assert.message(err).equal(0, code)
    assert.same({ "last\t4\n", "" }, { out, err })
  end)

  it("gives a script its own hook back", function()
    local code, out, err = run("report=20", [[
      local hits = 0
      local function hook() hits = hits + 1 end
      debug.sethook(hook, "", 1000000)
      busy(100)
      print(debug.gethook() == hook, select(3, debug.gethook()))
      debug.sethook()]])
    assert.message(err).equal(0, code)
    assert.matches("^true\t1000000\n", out)
  end)

  it("logs with set_log, and an error there costs nothing", function()
    local code, out = run("report=20", [[
      eddy.loop.set_log(function(text) print("LOG " .. text:match("[^\n]*")) end)
      busy(500)]])
    assert.equal(0, code)
    assert.matches("LOG orders: its handler has run for %d+ ms\n", out)
    local _, also, err = run("report=20", [[
      eddy.loop.set_log(function() error("no log") end)
      busy(500)]])
    assert.equal("last\t4\n", also)
    assert.matches("its handler has run.*no log", err)
  end)

  it("does not watch the end", function()
    local code, out, err = run("report=500,interrupt=600,abort=700", [[
      local lonely = eddy.stream(zmq.instance():socket(zmq.PUSH))
      lonely:send("nobody is there")
      os.exit(0)]], 1000)
    assert.equal("", out)
    assert.message(err).equal(75, code)
    assert.is_nil(err:match("its handler has run"))
  end)

  it("refuses limits that are none", function()
    for limits in ("|report|report=|report=x|report=0|slow=1|abort=-1"):gmatch("[^|]*") do
      local code, _, err = eddy("--watchdog", limits, "-e", "")
      assert.message(limits).equal(2, code)
      assert.matches("%-%-watchdog needs limits", err)
    end
    for _, bad in ipairs { "7", "{ report = 'x' }", "{ slow = 1 }", "{ abort = 0 }" } do
      local code, _, err = eddy("-e", "require('eddy').loop.set_watchdog(" .. bad .. ")")
      assert.equal(1, code)
      assert.matches("%(%-e%):1: set_watchdog: ", err)
    end
  end)
end)
