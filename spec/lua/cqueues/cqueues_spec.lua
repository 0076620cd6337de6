local eddy = require "eddy"
local support = require "spec.lua.support"
local zmq = require "eddy.zmq"

local has_cqueues, cqueues = pcall(require, "cqueues")

describe("eddy.cqueues", function()
  if not has_cqueues then
    pending("needs cqueues; on Debian: apt-get install lua-cqueues")
    return
  end

  local condition, promise = require "cqueues.condition", require "cqueues.promise"
  local loop

  support.each(function(...)
    loop = ...
    loop:make_current()
  end)
  after_each(eddy.loop.clear_current)

  it("is a function, and a module of eddy's", function()
    assert.equal(require "eddy.cqueues", eddy.cqueues)
    local queue = cqueues.new()
    assert.equal(queue, eddy.cqueues(queue))
    assert.equal(queue, eddy.cqueues(queue))
    assert.equal(1, #loop._embedded)
    local own = eddy.cqueues()
    assert.not_equal(queue, own)
    assert.equal(own, eddy.cqueues())
    assert.equal(own, eddy.cqueues(own))
    assert.equal(2, #loop._embedded)
  end)

  it("runs what is wrapped in a controller, beside eddy's own", function()
    local queue, seen = eddy.cqueues(), {}
    local pull, push = support.streams(zmq.PULL, zmq.PUSH)
    pull:on_recv(function(msg)
      seen[#seen + 1] = msg[1]
      queue:wrap(function()
        cqueues.sleep(0.001)
        seen[#seen + 1] = "slept"
        loop:stop()
      end)
    end)
    push:send "message"
    support.run(loop)
    assert.same({ "message", "slept" }, seen)
  end)

  it("keeps the loop running while coroutines are in it", function()
    local queue, done = eddy.cqueues(), false
    loop:_run_until_idle()
    queue:wrap(function()
      cqueues.sleep(0.005)
      done = true
    end)
    loop:_run_until_idle()
    assert.is_true(done)
  end)

  it("has a task wait for a function that waits as cqueues' do", function()
    local sum, what = support.task(loop, function()
      local future = eddy.cqueues.run(function(a, b)
        cqueues.sleep(0.001)
        return a + b, coroutine.running() ~= nil
      end, 1, 2)
      assert.matches("^cqueues.run %(.*cqueues_spec.lua:%d+%)", tostring(future))
      return future:await()
    end)
    assert.equal(3, sum)
    assert.is_true(what)
  end)

  it("has the main program wait, too", function()
    assert.equal("slept", eddy.cqueues.run(function()
      cqueues.sleep(0.001)
      return "slept"
    end):await())
  end)

  it("passes errors of such a function on", function()
    local _, err = pcall(support.task, loop, function()
      return eddy.cqueues.run(function()
        cqueues.sleep(0)
        error "broken"
      end):await()
    end)
    assert.matches("cqueues_spec.lua:%d+: broken", tostring(err))
  end)

  it("drops the result of such a function when it is cancelled, but tells its error", function()
    local ends = 0
    local function sleep_and_fail(fails)
      cqueues.sleep(0.002)
      ends = ends + 1
      if fails then error "late" end
    end
    for _, fails in ipairs { false, true } do
      assert.is_true(eddy.cqueues.run(sleep_and_fail, fails):cancel())
    end
    support.wait(loop, function() return ends == 2 end)
    assert.matches("^cqueues.run %(.*late", support.take_log())
  end)

  it("lets a coroutine of cqueues' await a future of eddy's", function()
    local queue, seen = eddy.cqueues(cqueues.new()), {}
    local future = eddy.future()
    queue:wrap(function()
      seen[1], seen[2] = future:await()
      eddy.sleep(1)
      local limited, err = eddy.with_timeout(1, eddy.future()):await()
      seen[3] = limited == nil and err.name
      seen[4] = eddy.spawn(function() return eddy.sleep(1) and "task" end):await()
      loop:stop()
    end)
    loop:call_later(2, function() future:set_result("a", "b") end)
    support.run(loop)
    assert.same({ "a", "b", "ETIMEDOUT", "task" }, seen)
    assert.equal(0, loop._waiters)
  end)

  it("lets several coroutines await one future, and raises its error in each", function()
    local queue, future, errs = eddy.cqueues(), eddy.future(), {}
    for i = 1, 3 do
      queue:wrap(function() errs[i] = select(2, pcall(future.await, future)) end)
    end
    loop:call_later(1, function() future:set_error "broken" end)
    loop:_run_until_idle()
    assert.same({ "broken", "broken", "broken" }, errs)
  end)

  it("lets one use green sockets", function()
    local green = eddy.green.context()
    local a = green:socket(zmq.PAIR, { linger = 0, bind = "inproc://green-cqueues" })
    local b = green:socket(zmq.PAIR, { linger = 0, connect = "inproc://green-cqueues" })
    local got
    eddy.cqueues():wrap(function() got = a:recv() end)
    eddy.cqueues():wrap(function()
      cqueues.sleep(0.002)
      b:send "hello"
    end)
    loop:_run_until_idle()
    green:destroy(0)
    assert.equal("hello", got)
  end)

  it("leaves what cqueues has for waiting alone", function()
    local queue, cond, answer, seen = eddy.cqueues(), condition.new(), promise.new(), {}
    queue:wrap(function()
      cond:wait()
      seen[1] = "signalled"
      seen[2] = answer:get()
      local values = {}
      for value in coroutine.wrap(function() coroutine.yield(1) coroutine.yield(2) end) do
        values[#values + 1] = value
      end
      seen[3] = table.concat(values, " ")
    end)
    loop:call_later(1, cond.signal, cond)
    loop:call_later(2, answer.set, answer, true, "answer")
    loop:_run_until_idle()
    assert.same({ "signalled", "answer", "1 2" }, seen)
  end)

  it("tells errors of coroutines with their traceback, and goes on", function()
    local queue, is_done = eddy.cqueues(), false
    local function fails()
      cqueues.sleep(0.001)
      error("oops")
    end
    queue:wrap(function() fails() end)
    queue:wrap(function() error { "no text" } end)
    queue:wrap(function()
      cqueues.sleep(0.003)
      is_done = true
    end)
    loop:_run_until_idle()
    assert.is_true(is_done)
    local text = support.take_log()
    assert.matches('embedded loop "cqueues": .*cqueues_spec.lua:%d+: oops\nstack traceback:' ..
      ".*cqueues_spec.lua:%d+: in function 'fails'", text)
    assert.matches("embedded loop \"cqueues\": table", text)
  end)

  it("tells of a coroutine that yields to nobody, which goes on, as the others do", function()
    local seen = {}
    eddy.cqueues():wrap(function()
      coroutine.yield("to nobody")
      seen[#seen + 1] = "after"
      cqueues.sleep(0.001)
      seen[#seen + 1] = "end"
    end)
    eddy.cqueues():wrap(function() seen[#seen + 1] = "other" end)
    loop:_run_until_idle()
    table.sort(seen)
    assert.same({ "after", "end", "other" }, seen)
    assert.matches('embedded loop "cqueues": a coroutine of cqueues\' yielded, and nobody',
      support.take_log())
  end)

  it("takes controllers that come and go", function()
    local sum = 0
    for round = 1, 20 do
      local queue = eddy.cqueues(cqueues.new())
      queue:wrap(function()
        cqueues.sleep(0.001)
        sum = sum + round
      end)
      loop:_run_until_idle()
      if round % 2 == 0 then eddy.cqueues.remove(queue) else queue:close() end
      support.turns(loop, 2)
    end
    assert.equal(210, sum)
    assert.is_false(loop._embedded)
    assert.equal(0, loop._expected)
    assert.equal(0, loop:stats().handlers)
  end)

  it("runs nothing of a controller that was taken out", function()
    local queue, ran = eddy.cqueues(cqueues.new()), false
    queue:wrap(function() ran = true end)
    eddy.cqueues.remove(queue)
    eddy.cqueues.remove(queue)
    support.turns(loop)
    assert.is_false(ran)
  end)

  describe("when nobody can wake those who wait", function()
    it("tells of coroutines that wait for futures", function()
      eddy.cqueues():wrap(function() eddy.future():await() end)
      local err = select(2, pcall(function() loop:_run_until_idle() end))
      assert.matches("deadlock.*coroutine of cqueues waits for future.*cqueues_spec", err)
    end)

    it("is no deadlock as long as one waits for something else", function()
      local future = eddy.future()
      eddy.cqueues():wrap(function()
        cqueues.sleep(0.005)
        future:set_result "woken"
      end)
      assert.equal("woken", support.task(loop, function() return future:await() end))
      assert.equal("again", eddy.cqueues.run(function()
        cqueues.sleep(0.002)
        return "again"
      end):await())
    end)

    it("forgets those whose controller is gone", function()
      local queue = eddy.cqueues(cqueues.new())
      local future = eddy.future()
      queue:wrap(function() future:await() end)
      support.turns(loop)
      assert.equal(1, loop._waiters)
      eddy.cqueues.remove(queue)
      assert.equal(0, loop._waiters)
      assert.is_true(future:cancelled())
    end)
  end)

  it("refuses a turn inside a turn", function()
    local errs = {}
    eddy.cqueues():wrap(function()
      errs[1] = select(2, pcall(loop.step, loop))
      errs[2] = select(2, pcall(loop.start, loop))
    end)
    loop:_run_until_idle()
    assert.matches("step: a loop is already running", errs[1])
    assert.matches("start: a loop is already running", errs[2])
  end)

  it("refuses what is no controller", function()
    assert.error_matches(function() eddy.cqueues(7) end,
      "expected a controller of cqueues' or a server of lua-http's, got number", 1, true)
    local closed = cqueues.new()
    closed:close()
    assert.error_matches(function() eddy.cqueues(closed) end, "got closed controller")
    assert.error_matches(function() eddy.cqueues(cqueues.new(), 7) end,
      "expected a loop, got number")
    assert.error_matches(function() eddy.cqueues.run(7) end, "expected a function, got number")
  end)

  it("says what to install where cqueues is missing", function()
    local text = support.script [[
      package.path, package.cpath = package.path:gsub("/usr/[^;]*", ""), ""
      print(pcall(function() return require("eddy").cqueues() end))
    ]]
    assert.matches("eddy.cqueues needs cqueues; on Debian: apt%-get install lua%-cqueues", text)
  end)

  it("has the watchdog name it when a step takes long", function()
    local text = support.script [[
      local eddy = require "eddy"
      eddy.loop.set_watchdog { report = 20 }
      eddy.cqueues():wrap(function()
        local till = eddy.loop.instance():time() + 100
        while eddy.loop.instance():time() < till do end
      end)
    ]]
    assert.matches('embedded loop "cqueues": its handler has run for', text)
  end)
end)
