local process = require "spec.support.process"

-- A signal that interrupts the handler that runs: loop.set_watchdog{ signal = ... }.
describe("the watchdog's signal", function()
  -- Sends the process a signal, once it is ready, and again each time that it says so.
  local function run(code, signals)
    return process.signalled(process.READY .. [[
      require("eddy.loop").set_watchdog { signal = "SIGINT" }
    ]] .. code, signals or "kill -INT $pid")
  end

  for _, jit in ipairs { "on", "off" } do
    it("interrupts the handler that runs, and the loop goes on, with the JIT " .. jit, function()
      local code, out, err = run((jit == "off" and "jit.off() jit.flush() " or "") .. [[
        loop:on_error(function(problem, _, source) print(source, problem) end)
        loop:call_later(0, function()
          ready()
          while true do end
        end)
        loop:call_later(5, function() print "goes on" loop:stop() end)
      ]])
      assert.message(err).equal(0, code)
      assert.matches("^timer after 0 ms at [^\n]*\t[^\n]*: interrupted by SIGINT: the handler " ..
        "of timer after 0 ms at [^\n]*\ngoes on\n$", out)
    end)
  end

  it("is raised once: a handler that catches it goes on", function()
    local code, out, err = run([[
      loop:call_later(0, function()
        local ok, problem = pcall(function() ready() while true do end end)
        local sum = 0
        for i = 1, 1e7 do sum = sum + i % 7 end
        print(ok, problem:match "interrupted by SIGINT", sum > 0)
        loop:stop()
      end)
    ]])
    assert.message(err).equal(0, code)
    assert.equal("false\tinterrupted by SIGINT\ttrue\n", out)
  end)

  it("ends a plain wait in the handler", function()
    local code, out, err = run([[
      local zmq = require "eddy.zmq"
      local pull = zmq.instance():socket(zmq.PULL, { bind = "inproc://x", linger = 0 })
      loop:call_later(0, function()
        print(select(2, pcall(function()
          ready()
          return pull:recv()
        end)))
        loop:stop()
      end)
    ]])
    assert.message(err).equal(0, code)
    assert.matches("interrupted by SIGINT: the handler of timer", out)
  end)

  it("stops the loop where no handler runs, as it would otherwise", function()
    local code, out, err = run([[
      loop:call_later(10, ready)
      loop:call_every(1e6, function() end)
      print(loop:start())
    ]], "sleep 0.3; kill -INT $pid")
    assert.message(err).equal(0, code)
    assert.equal("SIGINT\n", out)
  end)

  it("calls the script's own handler of it there", function()
    local code, out, err = process.signalled(process.READY .. [[
      loop:on_signal("SIGUSR1", function(name) print(name) loop:stop() end)
      require("eddy.loop").set_watchdog { signal = "SIGUSR1" }
      loop:call_later(10, ready)
    ]], "sleep 0.3; kill -USR1 $pid")
    assert.message(err).equal(0, code)
    assert.equal("SIGUSR1\n", out)
  end)

  it("does what it would otherwise when it comes once more in the same handler", function()
    local code, _, err = run([[
      loop:call_later(0, function()
        local text = ("a"):rep(30000)
        pcall(ready) -- the first one may come before it has ended
        text:find(("a?"):rep(24) .. ("a"):rep(24) .. "b")
      end)
    ]], "for i in 1 2 3 4 5; do kill -INT $pid 2>/dev/null; sleep 0.2; done")
    assert.message(err).equal(128 + 2, code)
  end)

  it("is given back", function()
    local code, out, err = run([[
      require("eddy.loop").set_watchdog(nil)
      loop:call_later(0, function() ready() while loop:running() and not over do
        over = require("eddy.base.libeddy").C.eddy_time() > began + 300 end end)
      began = require("eddy.base.libeddy").C.eddy_time()
      print(loop:start())
    ]])
    assert.message(err).equal(0, code)
    assert.equal("SIGINT\n", out)
  end)

  it("says what is wrong with it", function()
    for text, expected in pairs {
      ['"SIGNO"'] = "set_watchdog: signal: no such signal: 'SIGNO'",
      ["1.5"] = "no such signal: '1.5'",
      ['"SIGKILL"'] = "set_watchdog: signal 9 cannot be taken",
    } do
      local code, _, err = process.eddy("-e",
        ("require('eddy.loop').set_watchdog { signal = %s }"):format(text))
      assert.equal(1, code)
      assert.matches(expected, err, 1, true)
    end
  end)
end)
