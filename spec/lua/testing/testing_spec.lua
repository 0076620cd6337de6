local eddy = require "eddy"
local testing = require "eddy.testing"
local zmq = require "eddy.zmq"

local C = require("eddy.base.libeddy").C

-- The error that a call raises, as a text.
local function problem(fn, ...)
  local ok, err = pcall(fn, ...)
  assert.message("it raised nothing").is_false(ok)
  return tostring(err)
end

describe("lua/testing", function()
  local case

  before_each(function() case = testing.new() end)
  after_each(function() case:close() end)

  local function later(fn, ...) case.loop:call_later(0, fn, ...) end

  local function stop_later(...) later(case.stop, case, ...) end

  describe("a case", function()
    it("has a loop of its own, which is the current one in handlers only", function()
      assert.not_equal(case.loop, eddy.loop.instance())
      assert.not_equal(case.loop, eddy.loop.current())
      later(function() case:stop(eddy.loop.current()) end)
      assert.equal(case.loop, (case:wait()))
    end)

    it("has a fresh loop and context each time", function()
      local loop, context = case.loop, case.context
      case:close()
      assert.is_true(context.closed)
      assert.error_matches(function() loop:time() end, "closed")
      case = testing.new()
      assert.not_equal(loop, case.loop)
      assert.not_equal(context, case.context)
    end)

    it("may be closed twice, and not while its loop runs", function()
      local err
      later(function()
        err = problem(case.close, case)
        case:stop()
      end)
      case:wait()
      assert.matches("close: the loop is running", err)
      case:close()
      case:close()
      assert.matches("wait: the case is closed", problem(case.wait, case))
    end)

    it("refuses options that there are not", function()
      assert.matches("no such option: 'virtual'", problem(testing.new, { virtual = true }))
      assert.matches("no such option: 'virtual'", problem(testing.each, { virtual = true }))
    end)
  end)

  describe("stop and wait", function()
    it("return the values of stop, before the wait and during it", function()
      case:stop(1, nil, 3, nil)
      assert.equal(4, select("#", case:wait()))
      stop_later(1, nil, 3)
      assert.same({ 1, nil, 3 }, { case:wait() })
      stop_later()
      assert.equal(0, select("#", case:wait()))
    end)

    it("take a stop of the loop itself, too", function()
      later(case.loop.stop, case.loop)
      assert.is_nil(case:wait())
    end)

    it("use up a stop: the next wait needs one of its own", function()
      case:stop(1)
      case:wait()
      assert.matches("wait: 5 ms are over, and nothing stopped the loop",
        problem(case.wait, case, 5))
    end)

    it("fail at the line of the test when the time is up", function()
      local line = debug.getinfo(1, "l").currentline + 1
      local err = problem(function() case:wait(nil, 5) end)
      assert.matches("testing_spec.lua:" .. line .. ": wait: 5 ms", err, 1, true)
    end)

    it("leave nothing of a limit behind", function()
      stop_later()
      case:wait(nil, 20)
      assert.equal(0, case.loop:stats().timers)
      local before = C.eddy_time()
      case.loop:call_later(40, case.stop, case, "second")
      assert.equal("second", (case:wait(nil, 4000)))
      assert.is_true(C.eddy_time() - before >= 40)
    end)

    it("go on after a wait that failed", function()
      problem(case.wait, case, 1)
      stop_later("fine")
      assert.equal("fine", (case:wait()))
    end)

    it("run the loop until a condition is true, between turns or from stop to stop", function()
      local count = 0
      local timer = case.loop:call_every(1, function() count = count + 1 end)
      assert.equal("three", case:wait(function() return count >= 3 and "three" end))
      assert.equal(3, count)
      timer:cancel()
      timer = case.loop:call_every(1, function()
        count = count + 1
        case:stop(count)
      end)
      assert.equal(6, (case:wait(function() return count == 6 end)))
      timer:cancel()
      assert.matches("the condition %(.-testing_spec.lua:%d+%) is not true",
        problem(case.wait, case, function() return count == 7 end, 5))
      assert.is_true(case:wait(function() return count == 6 end, 0))
    end)

    it("see at once what a callback made true", function()
      local before, came = C.eddy_time(), false
      case.loop:add_callback(function() came = true end)
      case:wait(function() return came end, 4000)
      assert.is_true(C.eddy_time() - before < 2000)
    end)

    it("raise what a condition raises", function()
      assert.matches("odd", problem(case.wait, case, function() error("odd") end))
      stop_later("fine")
      assert.equal("fine", (case:wait()))
    end)

    it("refuse what makes no sense", function()
      assert.matches("expected a function, got string", problem(case.wait, case, "x"))
      assert.matches("expected a limit", problem(case.wait, case, nil, -1))
      assert.matches("expected a limit", problem(case.wait, case, nil, "soon"))
      local err
      later(function()
        err = problem(case.wait, case)
        case:stop()
      end)
      case:wait()
      assert.matches("the loop is running already", err)
    end)
  end)

  describe("errors in callbacks", function()
    it("are raised from wait, with their traceback and whose they are", function()
      later(function() error("boom") end)
      local err = problem(case.wait, case)
      assert.matches("^[^\n]*testing_spec.lua:%d+: boom\nstack traceback:", err)
      assert.matches("\nin timer after 0 ms at .-testing_spec.lua:%d+$", err)
    end)

    it("are raised from wait by streams' handlers, too", function()
      local a = case.context:socket(zmq.PAIR, { linger = 0, bind = "inproc://testing-errors" })
      local b = case.context:socket(zmq.PAIR, { linger = 0, connect = "inproc://testing-errors" })
      local stream = eddy.stream(a, case.loop)
      stream:on_recv(function(msg) error("got " .. msg[1]) end)
      b:send("x")
      assert.matches("got x", problem(case.wait, case))
      stream:close()
      b:close()
    end)

    it("keep what they are: fields, and a failed assertion", function()
      later(function() case.context:socket(zmq.REQ):connect("nonsense") end)
      local ok, err = pcall(case.wait, case)
      assert.is_false(ok)
      assert.equal("EINVAL", err.name)
      assert.matches("connect nonsense.*stack traceback", tostring(err))
      case.context:destroy(0)
      later(function() assert.equal(1, 2) end)
      ok, err = pcall(case.wait, case)
      assert.is_false(ok)
      assert.equal("failure", getmetatable(err).__type)
    end)

    it("win over a stop, and stop the wait at once", function()
      later(function()
        case:stop("value")
        error("boom")
      end)
      assert.matches("boom", problem(case.wait, case))
    end)

    it("are raised by the next wait, or by close", function()
      later(error, "first")
      case.loop:add_callback(case.loop.stop, case.loop)
      later(case.loop.stop, case.loop)
      case.loop:start()
      case.loop:start()
      assert.matches("first", problem(case.wait, case))
      later(error, "second")
      later(case.loop.stop, case.loop)
      case.loop:start()
      assert.matches("second", problem(case.close, case))
    end)

    it("are logged but for the first one", function()
      later(error, "first")
      later(error, "second")
      later(case.loop.stop, case.loop)
      testing.expect_log("timer.*second", function() case.loop:start() end)
      assert.matches("first", problem(case.wait, case))
    end)
  end)

  describe("the leak check", function()
    local function left(open)
      open()
      return (problem(case.close, case):gsub("[^%s(]*testing_spec.lua:%d+", "HERE"))
    end

    it("names what is left: streams, timers, handlers, signals, sockets", function()
      local err = left(function()
        local stream = eddy.stream(case.context:socket(zmq.PULL), case.loop)
        stream.name = "the feed"
        case.loop:call_later(1e6, function() end)
        case.loop:call_every(1e6, function() end)
        case.loop:add_handler(case.context:socket(zmq.SUB), function() end)
        case.loop:on_signal("SIGHUP", function() end)
        case.loop:add_waker(function() end)
        case.context:socket(zmq.REP, { bind = "inproc://testing-leak" })
      end)
      assert.equal(table.concat({ "",
        "  REP socket at inproc://testing-leak",
        "  SUB socket",
        "  handler of SUB socket",
        "  handler of signal SIGHUP",
        "  stream (the feed)",
        "  timer after 1000000 ms at HERE",
        "  timer every 1000000 ms at HERE",
        "  waker (HERE)",
      }, "\n"), err:match("left open:(.*)$"))
    end)

    it("sees sockets that were dropped and collected", function()
      assert.matches("left open:\n  PULL socket$", left(function()
        case.context:socket(zmq.PULL)
        collectgarbage()
        collectgarbage()
      end))
    end)

    it("sees threads that run, and stops them", function()
      local thread = require "eddy.thread"
      local one
      assert.matches("left open:\n  thread poet %(running%)$", left(function()
        one = thread.start { function() require("eddy").sleep(1e9) end, name = "poet" }
        local other = thread.start(function() end)
        other:join()
      end))
      assert.is_true(one:done())
    end)

    it("sees other loops and contexts, and closes what it found there", function()
      local stream, socket
      local err = left(function()
        stream = eddy.stream(zmq.instance():socket(zmq.PULL, { bind = "inproc://testing-a" }))
        socket = zmq.instance():socket(zmq.PULL, { bind = "inproc://testing-b" })
      end)
      assert.matches("PULL socket at inproc://testing%-b\n  stream %(PULL socket at inproc", err)
      assert.is_true(stream:closed())
      assert.is_true(socket.closed)
    end)

    it("is quiet about what was there before, what was closed, and what was done", function()
      local before = zmq.instance():socket(zmq.PULL)
      local other = testing.new()
      local stream = eddy.stream(other.context:socket(zmq.PULL), other.loop)
      other.loop:call_later(0, function() other:stop() end)
      other:wait()
      other.loop:add_callback(function() end)
      stream:close()
      other:close()
      before:close()
    end)

    it("can be left out", function()
      local other = testing.new { leak_check = false }
      eddy.stream(other.context:socket(zmq.PUSH, { connect = "tcp://127.0.0.1:1" }), other.loop)
        :send("nobody")
      other:close()
    end)
  end)

  describe("the virtual clock", function()
    before_each(function() case:virtual_time() end)

    it("makes an hour of timers pass in milliseconds", function()
      local count, real, before = 0, C.eddy_time(), case.loop:time()
      local timer = case.loop:call_every(1000, function() count = count + 1 end)
      case.loop:call_later(3600001, case.stop, case, "an hour")
      assert.equal("an hour", (case:wait()))
      timer:cancel()
      assert.equal(3600, count)
      assert.equal(3600001, case.loop:time() - before)
      assert.is_true(C.eddy_time() - real < 3000)
    end)

    it("advances by a time: timers fire each at its own", function()
      local fired, before = {}, case.loop:time()
      local function note() fired[#fired + 1] = case.loop:time() - before end
      local timer = case.loop:call_every(10, note)
      case.loop:call_later(25, note)
      case.loop:call_later(31, note)
      case:advance(30)
      assert.same({ 10, 20, 25, 30 }, fired)
      assert.equal(30, case.loop:time() - before)
      case:advance(0)
      assert.equal(4, #fired)
      case:advance(1)
      assert.same({ 10, 20, 25, 30, 31 }, fired)
      timer:cancel()
    end)

    it("advances in a callback by moving the clock", function()
      local order = {}
      case.loop:call_later(50, function() order[#order + 1] = "timer" end)
      case.loop:add_callback(function()
        case:advance(100)
        order[#order + 1] = "callback"
      end)
      case:wait(function() return #order == 2 end)
      assert.same({ "callback", "timer" }, order)
    end)

    it("keeps a stop in an advance for the wait", function()
      case.loop:call_later(1, case.stop, case, "early")
      local late
      case.loop:call_later(2, function() late = true end)
      case:advance(2)
      assert.is_true(late)
      assert.equal("early", (case:wait()))
    end)

    it("raises what a callback raised in an advance", function()
      case.loop:call_later(1, error, "boom")
      assert.matches("boom", problem(case.advance, case, 2))
      case:advance(2)
    end)

    it("leaves the limit of a wait in real time", function()
      local before, real = case.loop:time(), C.eddy_time()
      assert.matches("20 ms are over", problem(case.wait, case, 20))
      assert.is_true(C.eddy_time() - real >= 20)
      assert.equal(before, case.loop:time())
      local timer = case.loop:call_every(1000, function() end)
      assert.matches("20 ms are over", problem(case.wait, case, 20))
      assert.is_true(case.loop:time() - before >= 1000)
      timer:cancel()
    end)

    it("lets real sockets work: the loop waits for them while no timer is there", function()
      local rep = case.context:socket(zmq.REP, { linger = 0, bind = "tcp://127.0.0.1:*" })
      local req = case.context:socket(zmq.REQ, { linger = 0, connect = rep.last_endpoint })
      local server, client = eddy.stream(rep, case.loop), eddy.stream(req, case.loop)
      server:on_recv(function(msg) server:send(msg[1] .. "!") end)
      client:on_recv(function(msg) case:stop(msg[1]) end)
      local before = case.loop:time()
      for i = 1, 20 do
        client:send("hello " .. i)
        assert.equal("hello " .. i .. "!", (case:wait()))
      end
      assert.equal(before, case.loop:time())
      server:close()
      client:close()
    end)

    it("beats no message that is there already", function()
      local a = case.context:socket(zmq.PAIR, { linger = 0, bind = "inproc://testing-virtual" })
      local b = case.context:socket(zmq.PAIR, { linger = 0, connect = "inproc://testing-virtual" })
      local stream = eddy.stream(a, case.loop)
      local order = {}
      stream:on_recv(function(msg) order[#order + 1] = msg[1] end)
      case.loop:call_later(1, function() order[#order + 1] = "timeout" end)
      b:send("reply")
      case:wait(function() return #order == 2 end)
      assert.same({ "reply", "timeout" }, order)
      stream:close()
      b:close()
    end)

    it("is an option, too, and needed for advance", function()
      local other = testing.new { virtual_time = true }
      other:advance(3600000)
      other:close()
      other = testing.new()
      assert.matches("not virtual", problem(other.advance, other, 1))
      other:close()
      assert.matches("expected a number", problem(case.advance, case, -1))
      assert.matches("expected a number", problem(case.advance, case, math.huge))
    end)
  end)

  describe("expect_log", function()
    local function log(text) case.loop:_log(text) end

    it("takes texts that match, also of other loops, and returns the first", function()
      local other = eddy.loop.new()
      assert.equal("one thing", testing.expect_log("^one %a+$", function()
        other:_log("one thing")
        log("one other")
      end))
      other:close()
    end)

    it("fails when nothing matched, and tells what was logged instead", function()
      assert.matches('nothing was logged that matches "one"; logged: nothing',
        problem(testing.expect_log, "one", function() end))
      -- The outer one keeps the text from stderr.
      testing.expect_log("two", function()
        assert.matches("logged: two", problem(testing.expect_log, "one", function() log("two") end))
      end)
    end)

    it("takes an error in a callback, which then counts as expected", function()
      local text = testing.expect_log("timer.*boom", function()
        later(error, "boom")
        stop_later()
        case:wait()
      end)
      assert.matches("stack traceback", text)
    end)

    it("raises what the function raises, and is over then", function()
      assert.matches("odd", problem(testing.expect_log, "x", function() error("odd") end))
      testing.expect_log("outer", function() log("outer") end)
    end)

    it("refuses what makes no sense", function()
      assert.matches("expected a pattern", problem(testing.expect_log, nil, print))
      assert.matches("expected a function", problem(testing.expect_log, "x"))
    end)
  end)

  describe("coroutine tests", function()
    it("pass arguments in, and results out", function()
      assert.same({ 2, nil, 1 }, { case:run(function(a, b) return b, nil, a end, nil, 1, 2) })
      assert.equal(3, testing.async(function(a) return a end)(3))
      assert.equal(0, select("#", case:run(function() end)))
    end)

    it("run on the loop of the case", function()
      assert.equal(case.loop, (case:run(eddy.loop.current)))
    end)

    it("may yield, for what the loop brings", function()
      local function pause(ms)
        local thread = coroutine.running()
        case.loop:call_later(ms, function() assert(coroutine.resume(thread, "back")) end)
        return coroutine.yield()
      end
      assert.equal("back", (case:run(function() return pause(1) end)))
      case:virtual_time()
      case:run(function() pause(3600000) end)
    end)

    it("fail with the error of the function, its traceback, or that of a callback", function()
      local err = problem(case.run, case, function() error("boom") end)
      assert.matches("testing_spec.lua:%d+: boom\nstack traceback:", err)
      assert.matches("again", problem(case.run, case, function()
        later(error, "again")
        coroutine.yield()
      end))
    end)

    it("fail when the time is up: an explicit limit, or the default one", function()
      assert.matches("run: 5 ms are over, and the function %(.-:%d+%) has not ended", problem(
        case.run, case, function() coroutine.yield() end, 5))
      assert.matches("5 ms are over", problem(testing.async(function() coroutine.yield() end, 5)))
    end)

    it("take no stop for their end", function()
      assert.equal("end", (case:run(function()
        case.loop:stop()
        case:stop("value")
        return "end"
      end)))
      assert.equal("value", (case:wait()))
    end)

    it("make a case when there is none, with its checks", function()
      case:close()
      local test = testing.async(function(n)
        assert.not_equal(eddy.loop.instance(), eddy.loop.current())
        return n
      end)
      assert.equal(7, test(7))
      assert.matches("left open:\n  timer", problem(testing.async(function()
        eddy.loop.current():call_later(1e6, function() end)
      end)))
      assert.matches("boom", problem(testing.async(function() error("boom") end)))
    end)

    it("refuse what makes no sense", function()
      assert.matches("run: expected a function", problem(case.run, case))
      assert.matches("async: expected a function", problem(testing.async))
    end)

    it("are what `it` takes", testing.async(function()
      assert.is_truthy(coroutine.running())
      assert.equal(case.loop, eddy.loop.current())
    end, 1000))
  end)

  describe("ports", function()
    it("are free, and can be bound at once", function()
      for _ = 1, 20 do
        local port = testing.free_port()
        case.context:socket(zmq.REP, { bind = "tcp://127.0.0.1:" .. port }):close(0)
      end
    end)

    it("are bound and returned", function()
      local socket = case.context:socket(zmq.REP, { linger = 0 })
      local port = testing.bind_unused_port(socket)
      assert.equal("tcp://127.0.0.1:" .. port, socket.last_endpoint)
      socket:close()
    end)
  end)
end)

describe("lua/testing: each", function()
  local case = testing.each { virtual_time = true }
  local first

  for i = 1, 2 do
    it("opens a case for each test (" .. i .. ")", function()
      assert.not_equal(first, case.loop)
      first = case.loop
      case:advance(1000)
    end)
  end
end)
