local process = require "spec.support.process"

describe("eddy test", function()
  local names = {}

  -- Writes a spec file whose `describe` has this body, and `case`. Returns its name.
  local function spec(body)
    local name = os.tmpname()
    names[#names + 1] = name
    name = name .. "_spec.lua" -- busted runs .lua files only
    names[#names + 1] = name
    local file = assert(io.open(name, "w"))
    file:write(([[
      local eddy, zmq, testing = require "eddy", require "eddy.zmq", require "eddy.testing"
      describe("it", function()
        local case = testing.each()
        %s
      end)
    ]]):format(body))
    file:close()
    return name
  end

  after_each(function()
    for i, name in ipairs(names) do
      os.remove(name)
      names[i] = nil
    end
  end)

  local function run(expected, body, ...)
    local code, out, err = process.eddy("test", "--output=plainTerminal", spec(body), ...)
    assert.message(out .. err).equal(expected, code)
    return out .. err
  end

  it("runs specs in the host, and exits with 0 when they hold", function()
    local out = run(0, [[
      it("has the loop", function()
        case.loop:call_later(1, case.stop, case, "value")
        assert.equal("value", (case:wait()))
      end)
      it("has a name", function() assert.equal("test", arg[0]) end)
    ]])
    assert.matches("2 successes / 0 failures / 0 errors", out)
  end)

  it("looks for what is left open after the test's own after_each", function()
    local out = run(0, [[
      local timer, stream
      before_each(function() timer = case.loop:call_every(1000, function() end) end)
      after_each(function() timer:cancel() end)
      describe("in it", function()
        before_each(function()
          local socket = case.context:socket(zmq.PULL, { linger = 0, bind = "inproc://x" })
          stream = eddy.stream(socket, case.loop)
        end)
        after_each(function() stream:close() end)
        it("works", function() assert.is_true(timer:active()) end)
        it("works again", function() assert.is_true(timer:active()) end)
      end)
      after_each(function() assert.is_false(timer:active()) end)
    ]])
    assert.matches("2 successes / 0 failures / 0 errors", out)
    out = run(1, [[
      local timer
      before_each(function() timer = case.loop:call_every(1000, function() end) end)
      after_each(function() assert.is_true(timer:active()) end)
      it("leaves it", function() end)
    ]])
    assert.matches("left open:%s+timer every 1000 ms", out)
  end)

  it("names what is on a loop that nobody runs when a wait was in vain", function()
    local out = run(1, [[
      it("waits", function()
        local rep = eddy.stream(case.context:socket(zmq.REP, { linger = 0, bind = "inproc://x" }))
        rep:on_recv(function(msg) rep:send_multipart(msg) end)
        local req = case.context:socket(zmq.REQ, { linger = 0, connect = "inproc://x" })
        req = eddy.stream(req, case.loop)
        req:on_recv(function(msg) case:stop(msg[1]) end)
        req:send "hello"
        case:wait(50)
      end)
      it("runs", testing.async(function()
        eddy.loop.instance():call_later(1, print)
        eddy.sleep(10000)
      end, 50))
      it("is plain", function()
        eddy.spawn(function() end)
        local timer = eddy.loop.instance():call_later(1, print)
        local _, err = case.loop:run_sync(function() eddy.sleep(10000) end, 20)
        timer:cancel()
        error(err)
      end)
      it("has much", function()
        local timers = {}
        for i = 1, 5 do timers[i] = eddy.loop.instance():call_later(1000, print) end
        local _, err = case.loop:run_sync(function() eddy.sleep(10000) end, 20)
        for _, timer in ipairs(timers) do timer:cancel() end
        error(err)
      end)
    ]])
    assert.matches("50 ms are over, and nothing stopped the loop; nobody runs the loop that has " ..
      "stream %(REP socket at inproc://x%)", out)
    assert.matches("has not ended; nobody runs the loop that has timer", out)
    assert.matches("run_sync; nobody runs the loop that has a callback or task, timer", out)
    local named = out:match("has ([^;(]+[^;]-) and %d+ more %(made without")
    assert.equal(2, select(2, named:gsub(", ", "")))
  end)

  it("exits with 1 when some do not hold, however many", function()
    local out = run(1, [[
      it("a", function() assert.equal(1, 2) end)
      it("b", function() error("boom") end)
      it("c", function() end)
    ]])
    assert.matches("1 success / 1 failure / 1 error", out)
  end)

  it("takes busted's options, several files, and folders", function()
    local body = [[ it("fine", function() end) it("odd", function() error("odd") end) ]]
    assert.matches("2 successes", run(0, body, spec(body), "--filter=fine"))
    local folder = os.tmpname()
    os.remove(folder)
    local code, out, err = process.shell(([[mkdir -p %s/spec && cp %s %s/spec/a_spec.lua &&
      host=$(realpath %s) && cd %s && $host test --output=plainTerminal --filter=fine
      code=$?; rm -r %s; exit $code]]):format(folder, spec(body), folder,
      process.quote(EDDY_HOST), folder, folder))
    assert.message(out .. err).equal(0, code)
    assert.matches("1 success", out)
  end)

  it("exits with 1 for files and options that there are not", function()
    assert.equal(1, (process.eddy("test", "/no/such/spec.lua")))
    assert.equal(1, (process.eddy("test", "--frobnicate")))
  end)

  it("says so when busted is not installed, and exits with 2", function()
    local code, out, err = process.shell("LUA_PATH=/nowhere/?.lua " .. process.quote(EDDY_HOST) ..
      " test")
    assert.equal(2, code)
    assert.equal("", out)
    assert.equal("eddy: busted is not installed; on Debian: apt-get install lua-busted\n", err)
  end)

  it("does not run what tests left on the default loop, nor hangs at what they sent", function()
    run(1, [[
      it("leaves", function()
        eddy.loop.instance():call_every(1, function() end)
        case.context:socket(zmq.PUSH, { connect = "tcp://127.0.0.1:1" }):send("nobody")
      end)]])
  end)

  it("fails a test that left something open, and tells which and what", function()
    local out = run(1, [[
      it("is untidy", function() eddy.stream(case.context:socket(zmq.PULL), case.loop) end)
      it("is tidy", function() eddy.stream(case.context:socket(zmq.PULL), case.loop):close() end)]])
    assert.matches('the test "is untidy" left open:\n  stream %(PULL socket%)', out)
    assert.not_matches("is tidy", out)
  end)

  it("says nothing of leaks after a test that failed anyway", function()
    local out = run(1, [[
      it("fails", function() case.loop:call_later(1e6, print) error("boom") end)]])
    assert.matches("boom", out)
    assert.not_matches("left open", out)
    assert.matches("0 failures / 1 error", out)
  end)

  it("fails a test whose callback failed, waited for or not", function()
    local out = run(1, [[
      it("waits", function()
        case.loop:call_later(0, function() error("heard") end)
        case:wait()
      end)
      it("asserts", function()
        case.loop:call_later(0, function() assert.equal("one", "two") end)
        case:wait()
      end)
      it("does not", function()
        case.loop:call_later(0, function() case.loop:stop() error("unheard") end)
        case.loop:start()
      end)]])
    assert.matches("heard\nstack traceback", out)
    assert.matches("1 failure / 2 errors", out)
    assert.matches("unheard\nstack traceback", out)
  end)

  it("fails a test that waits too long, by EDDY_TEST_TIMEOUT or its own limit", function()
    local file = spec [[
      it("default", function() case:wait() end)
      it("explicit", function() case:wait(nil, 6) end)
      it("coroutine", testing.async(function() coroutine.yield() end))
      it("advance", function()
        case:virtual_time()
        local function again() case.loop:add_callback(again) end
        again()
        case:advance(1)
      end)]]
    local name = file:gsub("%p", "%%%0")
    local _, out = process.shell("EDDY_TEST_TIMEOUT=7 " .. process.quote(EDDY_HOST) ..
      " test --output=plainTerminal " .. file)
    assert.matches("0 successes / 0 failures / 4 errors", out)
    assert.matches(name .. ":4: wait: 7 ms are over", out)
    assert.matches(name .. ":5: wait: 6 ms are over", out)
    assert.matches("run: 7 ms are over, and the function %(" .. name .. ":6%)", out)
    assert.matches("advance: 7 ms of real time are over", out)
  end)

  it("fails a test that is a coroutine without testing.async", function()
    local out = run(1, [[
      it("yields", function() coroutine.yield() end)
      it("returns one", function() return coroutine.create(print) end)
      it("returns a task", function() return case.loop:spawn(function() end) end)
      it("forgets it", function() return testing.async(function() end) end)
      it("is one", testing.async(function() assert.is_truthy(coroutine.running()) end))
      it("returns what luassert returns", function() return assert.equal(1, 1) end)]])
    assert.matches("2 successes / 0 failures / 4 errors", out)
    assert.matches("the test returned a coroutine, which nobody runs", out)
    assert.matches("the test returned a task, which nobody runs", out)
    assert.matches("the test returned a function, which nobody runs", out)
  end)

  it("fails a test whose expected line was not logged, and prints others", function()
    local out = run(1, [[
      it("logged", function()
        testing.expect_log("one", function() case.loop:_log("one") case.loop:_log("two") end)
      end)
      it("silent", function() testing.expect_log("three", function() end) end)]])
    assert.matches("eddy: two", out)
    assert.not_matches("eddy: one", out)
    assert.matches('nothing was logged that matches "three"', out)
    assert.matches("1 success / 0 failures / 1 error", out)
  end)

  it("is in the usage", function()
    local _, out = process.eddy("--help")
    assert.matches("eddy %[options%] test %[BUSTED OPTION...%] %[SPEC...%]", out)
  end)
end)
