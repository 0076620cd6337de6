local eddy = require "eddy"
local support = require "spec.lua.support"

local future = eddy.future

describe("a future", function()
  local loop
  support.each(function(...) loop = ... end)

  -- Runs fn in a task until it has ended.
  local function run(fn) return support.task(loop, fn) end

  it("has a result once, which may be any values", function()
    local one = eddy.future(loop)
    assert.is_true(future.is(one))
    assert.is_false(one:done() or one:cancelled())
    assert.error_matches(function() one:result() end, "result: future is not done")
    assert.is_true(one:set_result(1, nil, 3))
    assert.is_true(one:done())
    assert.same({ n = 3, 1, nil, 3 }, { n = select("#", one:result()), one:result() })
    assert.is_nil(one:error())
    assert.error_matches(function() one:set_result(2) end, "set_result: .*done already")
    assert.error_matches(function() one:set_error("x") end, "set_error: .*done already")
    assert.is_false(one:cancel())
    local none = future.new(loop)
    none:set_result()
    assert.equal(0, select("#", none:result()))
    local false_one = future.new(loop)
    false_one:set_result(false)
    assert.is_false((run(function() return eddy.await(false_one) end)))
  end)

  it("has an error, of any type, which awaiting raises", function()
    for _, err in ipairs { "text", { "table" }, 7, false } do
      local one = future.new(loop)
      loop:call_later(0, one.set_error, one, err)
      local ok, got = run(function() return pcall(eddy.await, one) end)
      assert.is_false(ok)
      assert.equal(err, got)
      assert.equal(err, one:error())
      assert.equal(err, eddy.gather(one):error())
    end
    assert.error_matches(function() future.new(loop):set_error(nil) end, "expected an error")
  end)

  it("is cancelled: awaiting it returns nil and ECANCELED; its maker need not know", function()
    local one = future.new(loop)
    assert.is_true(one:cancel())
    assert.is_true(one:cancelled() and one:done())
    local _, err = one:result()
    assert.equal("ECANCELED", err.name)
    assert.equal(err, one:error())
    _, err = run(function() return one:await() end)
    assert.equal("ECANCELED", err.name)
    assert.is_false(one:set_result(1))
    assert.is_false(one:set_error("x"))
    assert.is_false(one:cancel())
  end)

  it("tells its callbacks in the next turn, in their order, each with its errors", function()
    local one, order = future.new(loop), {}
    one:add_done_callback(function(done)
      order[#order + 1] = done == one and 1
      error("in a callback")
    end)
    one:add_done_callback(function() order[#order + 1] = 2 end)
    one:set_result("x")
    assert.same({}, order)
    one:add_done_callback(function() order[#order + 1] = 3 end)
    support.turns(loop, 2)
    assert.same({ 1, 2, 3 }, order)
    assert.matches("future_spec.lua:%d+%): .*in a callback", support.take_log())
    assert.error_matches(function() one:add_done_callback(1) end, "expected a function")
  end)

  it("that fails and nobody asks is logged, with the traceback of where it failed", function()
    local function the_maker(one) one:set_error("nobody asks") end
    the_maker(future.new(loop))
    support.turns(loop, 2)
    local log = support.take_log()
    assert.matches("future: nobody asks\nstack traceback", log)
    assert.matches("the_maker", log)
    local heard = future.new(loop)
    heard:set_error("somebody asks")
    heard:error()
    local timed_out = future.new(loop)
    timed_out:cancel()
    support.turns(loop, 2)
  end)

  it("may be awaited by many; all go on in the next turn, in their order", function()
    local one, order = future.new(loop), {}
    local tasks = {}
    for i = 1, 5 do
      tasks[i] = loop:spawn(function()
        assert.equal("x", one:await())
        order[#order + 1] = i
      end)
    end
    loop:call_later(1, function()
      one:set_result("x")
      assert.same({}, order)
    end)
    run(function() eddy.await(eddy.gather(tasks)) end)
    assert.same({ 1, 2, 3, 4, 5 }, order)
  end)

  it("may be awaited on another loop than its own: who waits goes on where he was", function()
    local other = eddy.loop.new()
    local pending = eddy.future.new(other)
    local task = loop:spawn(function()
      local got = pending:await()
      assert.equal(loop, eddy.loop.current())
      return got
    end)
    loop:call_later(1, pending.set_result, pending, "from elsewhere")
    assert.equal("from elsewhere", loop:run_sync(function() return task:await() end, 5000))
    local cancelled = loop:spawn(function() return eddy.future.new(other):await() end)
    loop:call_later(1, cancelled.cancel, cancelled)
    local _, err = loop:run_sync(function() return cancelled:await() end, 5000)
    assert.equal("ECANCELED", err.name)
    other:close()
  end)

  it("belongs to a loop, and mistakes are told at the call", function()
    assert.error_matches(function() eddy.future("x") end, "future: expected a loop, got string")
    assert.error_matches(function() eddy.await("x") end, "await: expected a future, got string")
    assert.error_matches(function() eddy.with_timeout(1, {}) end, "with_timeout: expected a future")
    assert.error_matches(function() eddy.gather(future.new(loop), 1) end, "gather: expected a fut")
    assert.error_matches(function() eddy.spawn(1) end, "spawn: expected a function")
    local closed = eddy.loop.new()
    local left = future.new(closed)
    closed:close()
    assert.error_matches(function() eddy.future(closed) end, "future: the loop is closed")
    left:cancel()
  end)

  describe("of a sleep", function()
    it("suspends its coroutine alone, and leaves no timer", function()
      local ticks, began = 0, loop:time()
      local ticker = loop:call_every(1, function() ticks = ticks + 1 end)
      run(function()
        assert.is_true(eddy.sleep(20):done())
        while ticks < 3 do eddy.await(eddy.sleep(1)) end
        eddy.await(eddy.sleep(0))
      end)
      ticker:cancel()
      assert.is_true(loop:time() - began >= 20)
      assert.equal(0, loop:stats().timers)
    end)

    it("is for a number of milliseconds", function()
      assert.error_matches(function() eddy.sleep("1") end, "sleep: expected a number of milli")
      assert.error_matches(function() eddy.with_timeout(nil, eddy.future()) end,
        "with_timeout: expected a number of milliseconds, got nil")
    end)

    it("is cancelled with its task; awaiting what it returned says the same", function()
      local got
      local task = loop:spawn(function() got = { eddy.await(eddy.sleep(60000)) } end)
      run(function()
        eddy.sleep(1)
        assert.is_true(task:cancel())
        assert.equal(0, loop:stats().timers - 1) -- run_sync's
        eddy.sleep(0)
      end)
      assert.equal("ECANCELED", got[2].name)
    end)
  end)

  describe("with a timeout", function()
    it("is what the other one comes to in time, and leaves no timer", function()
      local result, timers = run(function()
        local one = future.new()
        loop:call_later(1, one.set_result, one, "x")
        local result = eddy.await(eddy.with_timeout(60000, one))
        return result, loop:stats().timers
      end)
      assert.same({ "x", 1 }, { result, timers })
      local err = run(function()
        local failed = future.new()
        failed:set_error("on purpose")
        return select(2, pcall(eddy.await, eddy.with_timeout(60000, failed)))
      end)
      assert.equal("on purpose", err)
      for _ = 1, 1000 do
        local one = future.new(loop)
        eddy.with_timeout(60000, one)
        one:set_result(1)
      end
      assert.equal(0, loop:stats().timers)
    end)

    it("fails with ETIMEDOUT, and the other one is cancelled", function()
      run(function()
        local one = future.new()
        local none, err = eddy.with_timeout(1, one):await()
        assert.is_nil(none)
        assert.equal("ETIMEDOUT", err.name)
        assert.is_true(one:cancelled())
      end)
    end)

    it("leaves the other one to others that wait for it: tasks and the main program", function()
      local one = future.new(loop)
      local task = loop:spawn(function() return one:await() end)
      local limited = eddy.with_timeout(1, one)
      local alone = future.new(loop)
      loop:spawn(function() limited:await() end)
      loop:spawn(function() eddy.with_timeout(1, alone):await() end)
      loop:call_later(10, one.set_result, one, "x")
      loop:call_later(10, alone.set_result, alone, "y")
      assert.equal("y", alone:await())
      assert.equal("x", task:await())
      assert.equal("ETIMEDOUT", limited:error().name)
    end)

    it("when it is cancelled, cancels the other one", function()
      local one = future.new(loop)
      eddy.with_timeout(60000, eddy.with_timeout(60000, one)):cancel()
      assert.is_true(one:cancelled())
      assert.equal(0, loop:stats().timers)
    end)
  end)

  describe("of several", function()
    local function some(count)
      local list = {}
      for i = 1, count do list[i] = future.new(loop) end
      return list
    end

    it("has the results of all in their order, whichever is done first", function()
      local list = some(3)
      for i = 3, 1, -1 do loop:call_later(4 - i, list[i].set_result, list[i], i, "more") end
      assert.same({ 1, 2, 3 }, { run(function() return eddy.gather(unpack(list)):await() end) })
      assert.same({ 1, 2, 3 }, (run(function() return eddy.gather(list):await() end)))
      assert.same({}, (run(function() return eddy.gather({}):await() end)))
      assert.is_true(eddy.gather():done())
      assert.equal(0, select("#", eddy.gather():result()))
      local twice = some(1)[1]
      local both = eddy.gather(twice, twice)
      twice:set_result(7)
      assert.same({ 7, 7 }, { both:result() })
    end)

    it("fails as soon as one does; the others go on, and their errors are told", function()
      local list = some(3)
      local all = eddy.gather(list)
      list[2]:set_error("the second")
      assert.equal("the second", all:error())
      assert.is_false(list[1]:done() or list[3]:done())
      list[3]:set_error("the third")
      list[1]:set_result(1)
      support.turns(loop, 2)
      assert.matches("the third", support.take_log())
    end)

    it("fails when one is cancelled; the others go on", function()
      local list = some(3)
      local all = eddy.gather(list)
      list[2]:cancel()
      assert.equal("ECANCELED", all:error().name)
      assert.is_false(list[1]:done() or list[3]:done())
    end)

    it("that failed holds on to none of the others", function()
      local long, listeners = future.new(loop), {}
      for i = 1, 3 do
        local short = future.new(loop)
        eddy.gather(long, short):error()
        short:cancel()
        listeners[i] = #(long._listeners or {})
      end
      assert.same({ 0, 0, 0 }, listeners)
      assert.is_false(long:done())
    end)

    it("of one that failed before does not wait for those after it", function()
      local failed, long = unpack(some(2))
      failed:cancel()
      eddy.gather(failed, long):error()
      eddy.with_timeout(10, long):cancel()
      assert.is_true(long:cancelled())
    end)

    it("that is cancelled cancels all that nobody else waits for", function()
      local list = some(3)
      list[1]:add_done_callback(function() end)
      eddy.gather(list):cancel()
      assert.same({ false, true, true },
        { list[1]:done(), list[2]:cancelled(), list[3]:cancelled() })
    end)
  end)
end)
