local eddy = require "eddy"
local support = require "spec.lua.support"

describe("a task", function()
  local loop
  support.each(function(...) loop = ... end)

  local function suspend(ms) support.suspend(loop, ms) end

  it("runs a function in a coroutine, from the next turn on, with arguments", function()
    local got
    local task = loop:spawn(function(...)
      suspend(1)
      got = { n = select("#", ...), ... }
      return "x", nil, "y"
    end, 1, nil, 3)
    assert.is_nil(got)
    assert.is_false(task:done())
    assert.error_matches(function() task:result() end, "not done")
    task:add_done_callback(function(done)
      assert.equal(task, done)
      loop:stop()
    end)
    support.run(loop)
    assert.same({ n = 3, 1, nil, 3 }, got)
    assert.same({ "x", nil, "y" }, { task:result() })
    assert.is_nil(task:error())
    task:add_done_callback(function() loop:stop() end)
    support.run(loop)
  end)

  it("that fails is logged with its traceback, and keeps its error", function()
    local task = loop:spawn(function()
      suspend(1)
      error({ "on purpose" })
    end)
    task:add_done_callback(function() loop:call_later(0, loop.stop, loop) end)
    support.run(loop)
    assert.matches("task %(.*task_spec%.lua:%d+%).*stack traceback.*task_spec%.lua",
      support.take_log())
    assert.same({ "on purpose" }, task:error())
    assert.has_error(function() task:result() end)
  end)

  it("that fails is not logged when somebody awaits it, or asks for its error", function()
    local function fail()
      suspend(1)
      error("on purpose", 0)
    end
    local awaited = loop:spawn(fail)
    loop:spawn(function()
      local ok, err = pcall(awaited.await, awaited)
      assert.same({ false, "on purpose" }, { ok, err })
    end)
    loop:spawn(fail):add_done_callback(function(task)
      assert.equal("on purpose", task:error())
      loop:call_later(1, loop.stop, loop)
    end)
    support.run(loop)
  end)

  it("that was cancelled has ended for whoever awaits it after that", function()
    local log = {}
    local task = loop:spawn(function()
      local _, err = eddy.sleep(60000)
      log[#log + 1] = err.name
    end)
    support.turns(loop, 2)
    task:cancel()
    assert.is_true(task:done() and task:cancelled())
    local _, err = task:await()
    assert.same({ "ECANCELED", "ECANCELED" }, { err.name, log[1] })
    _, err = task:await()
    assert.equal("ECANCELED", err.name)
    local other = loop:spawn(function()
      eddy.sleep(60000)
      log[#log + 1] = "first"
    end)
    support.task(loop, function()
      eddy.sleep(1)
      other:cancel()
      eddy.await(other)
      log[#log + 1] = "then"
    end)
    assert.same({ "ECANCELED", "first", "then" }, log)
  end)

  it("that failed as the loop stopped is told of when the loop is closed", function()
    local task = loop:spawn(function() error("on purpose") end)
    task:add_done_callback(function() loop:stop() end)
    support.run(loop)
    loop:close()
    assert.matches("on purpose", support.take_log())
  end)

  it("that fails with what it awaited is logged with the whole way that the error came", function()
    local function first() error("on purpose") end
    local function second() loop:spawn(first):await() end
    loop:spawn(second):add_done_callback(function() loop:call_later(0, loop.stop, loop) end)
    support.run(loop)
    local log = support.take_log()
    local here = debug.getinfo(1, "S").short_src:gsub("%W", "%%%0")
    local place = here .. ":%d+: in function"
    assert.matches(place .. ".*\nawaited by:\n\t[^\n]*" .. place, log)
    -- An error that came otherwise has no such way.
    loop:spawn(error, "another"):add_done_callback(function()
      loop:call_later(0, loop.stop, loop)
    end)
    support.run(loop)
    assert.not_matches("awaited by", support.take_log())
  end)

  describe("run by run_sync", function()
    it("has the loop run until it has ended, and its results come back", function()
      assert.same({ 1, nil, 3 }, { loop:run_sync(function()
        assert.equal(loop, eddy.loop.current())
        suspend(1)
        return 1, nil, 3
      end) })
      assert.is_nil((loop:run_sync(function() end)))
    end)

    it("awaits the future that a function returned alone", function()
      assert.same({ 1, nil, 3 }, { loop:run_sync(function()
        return loop:spawn(function()
          suspend(1)
          return 1, nil, 3
        end)
      end) })
      assert.error_matches(function()
        loop:run_sync(function() return loop:spawn(function() error("of the task") end) end)
      end, "of the task")
      local none, err = loop:run_sync(function() return eddy.future.new(loop) end, 5)
      assert.is_nil(none)
      assert.equal("ETIMEDOUT", err.name)
    end)

    it("raises its error, which is not logged", function()
      local ok, err = pcall(loop.run_sync, loop, function()
        suspend(1)
        error({ "mine" })
      end)
      assert.is_false(ok)
      assert.same({ "mine" }, err)
    end)

    it("has so long, and no longer", function()
      local none, err = loop:run_sync(function() suspend(60000) end, 5)
      assert.is_nil(none)
      assert.equal("ETIMEDOUT", err.name)
      assert.equal(7, loop:run_sync(function() return 7 end, 1000))
    end)

    it("comes back with what was there when the time was up", function()
      local function busy()
        local ends = loop:time() + 20
        repeat until loop:time() >= ends
        return 7
      end
      assert.equal(7, loop:run_sync(busy, 10))
    end)

    it("begins nothing when a loop runs already", function()
      local begun, problem = false, nil
      loop:add_callback(function()
        problem = select(2, pcall(loop.run_sync, loop, function() begun = true end))
        loop:call_later(1, function()
          assert.is_false(begun)
          loop:stop()
        end)
      end)
      support.run(loop)
      assert.matches("run_sync: a loop is already running", problem)
    end)

    it("does not stop the loop once it has returned", function()
      assert.is_false(pcall(loop.run_sync, loop, function()
        loop:stop()
        suspend(1)
      end))
      local passed = false
      loop:call_later(10, function()
        passed = true
        loop:stop()
      end)
      support.run(loop)
      assert.is_true(passed)
    end)

    it("says so when the loop is stopped first", function()
      local ok, err = pcall(loop.run_sync, loop, function()
        loop:stop()
        suspend(60000)
      end)
      assert.is_false(ok)
      assert.equal("EINTR", err.name)
      assert.matches("stopped before", err.message)
    end)

    it("is ended by a signal in order, as any wait of the main program", function()
      local text, code = support.script(([[
local eddy, zmq = require "eddy", require "eddy.green"
local pull = zmq.instance():socket(zmq.PULL, { bind = "inproc://a" })
eddy.loop.instance():call_later(0, function() %s end)
eddy.loop.instance():run_sync(function() pull:recv() end)
print "not reached"]]):format(support.interrupt_soon "TERM"))
      assert.equal("", text)
      assert.equal(0, code)
    end)
  end)
end)
