local eddy = require "eddy"
local support = require "spec.lua.support"

local MANY = 100000

describe("what coroutines share", function()
  local loop
  support.each(function(...)
    loop = ...
    loop:make_current()
  end)
  after_each(eddy.loop.clear_current)

  local function run(fn) return support.task(loop, fn) end

  describe("an event", function()
    it("lets all who wait go on, and those who come while it is set", function()
      local event, count = eddy.event(), 0
      for _ = 1, 3 do
        loop:spawn(function()
          event:wait():await()
          count = count + 1
        end)
      end
      support.turns(loop)
      assert.same({ 0, false }, { count, event:is_set() })
      event:set()
      event:clear()
      local late = event:wait()
      support.turns(loop)
      assert.same({ 3, false }, { count, late:done() })
      event:set()
      assert.is_true(late:result())
      assert.is_true(event:wait():result())
    end)

    it("is waited for under a limit, and named in a deadlock", function()
      local event = eddy.event()
      run(function()
        assert.equal("ETIMEDOUT", select(2, eddy.with_timeout(1, event:wait()):await()).name)
      end)
      assert.is_false(event._line.first)
      event.name = "ready"
      assert.error_matches(function() event:wait():await() end,
        'waits for event "ready" made at .*lock_spec.lua:%d+')
    end)

    it("wakes many", function()
      local event, futures = eddy.event(), {}
      for i = 1, MANY do futures[i] = event:wait() end
      futures[MANY / 2]:cancel()
      event:set()
      assert.is_true(futures[1]:result() and futures[MANY]:result())
    end)
  end)

  describe("a lock", function()
    local lock
    before_each(function() lock = eddy.lock() end)

    it("is one coroutine's at a time, in the order in which they ask", function()
      local order = {}
      for i = 1, 5 do
        loop:spawn(function()
          lock:with(function(...)
            order[#order + 1] = "+" .. i .. select("#", ...)
            eddy.sleep(0)
            order[#order + 1] = "-" .. i
          end, nil, nil)
        end)
      end
      support.wait(loop, function() return #order == 10 end)
      assert.equal("+12 -1 +22 -2 +32 -3 +42 -4 +52 -5", table.concat(order, " "))
      assert.is_false(lock:locked())
    end)

    it("is released when the function raises, and returns what it returns", function()
      run(function()
        local function broken() error "in it" end
        local ok, err = pcall(lock.with, lock, broken)
        assert.is_false(ok or lock:locked())
        assert.matches("in it", err)
        assert.same({ n = 2, 1, nil }, { n = select("#", lock:with(function() return 1, nil end)),
          lock:with(function() return 1, nil end) })
      end)
      loop:spawn(function() lock:with(function() error "with its place" end) end)
      support.turns(loop)
      assert.matches("with its place.*lock_spec.lua:%d+: in function", support.take_log())
    end)

    it("is released by nobody else, but by a task that its holder awaits", function()
      local holder = loop:spawn(function()
        lock:acquire():await()
        eddy.sleep(5)
        eddy.spawn(function() lock:release() end):await()
      end)
      support.turns(loop)
      local other = loop:spawn(function()
        local _, err = pcall(lock.release, lock)
        return err
      end)
      support.turns(loop)
      assert.matches("lock_spec.lua:%d+: release: lock made at .* is held by task", other:result())
      support.wait(loop, function() return holder:done() end)
      assert.is_false(lock:locked())
      assert.error_matches(function() lock:release() end, "release: nobody holds the lock made at")
    end)

    it("goes to the next one when its holder ends, which is logged, or is cancelled", function()
      local got = {}
      loop:spawn(function() lock:acquire():await() end)
      loop:spawn(function() got[1] = lock:acquire():await() end)
      support.turns(loop)
      assert.is_true(got[1])
      assert.matches("lock made at .*: task .* ended without releasing it", support.take_log())
      local third = loop:spawn(function()
        lock:acquire():await()
        eddy.sleep(1000)
        eddy.sleep(1000)
      end)
      support.turns(loop)
      third:cancel()
      support.turns(loop)
      assert.is_false(lock:locked())
      support.take_log()
    end)

    it("is the awaiting task's when a task that acquired it has ended", function()
      run(function()
        eddy.spawn(function() lock:acquire():await() end):await()
        assert.is_true(lock:locked())
        lock:release()
      end)
    end)

    it("acquires nothing for those that are cancelled, or whose time is up", function()
      local tasks, got = {}, {}
      lock:acquire()
      for i = 1, 3 do
        tasks[i] = loop:spawn(function()
          got[i] = lock:with(function() return i end) or "none"
        end)
      end
      support.turns(loop)
      tasks[1]:cancel()
      run(function()
        assert.equal("ETIMEDOUT", select(2, eddy.with_timeout(1, lock:acquire()):await()).name)
      end)
      lock:release()
      support.turns(loop)
      assert.same({ "none", 2, 3 }, got)
      assert.is_false(lock:locked())
    end)

    it("says when one would wait for itself, and who holds it in a deadlock", function()
      run(function()
        lock:acquire():await()
        assert.error_matches(function() lock:acquire() end,
          "acquire: lock made at .*: task .* would wait for itself")
        lock:release()
      end)
      lock:acquire()
      assert.error_matches(function() lock:acquire():await() end,
        "acquire: lock made at .*: the main program would wait for itself")
      assert.matches("held by the main program", lock:_waited_for())
      lock:release()
      lock.name = "file"
      loop:spawn(function()
        lock:acquire():await()
        eddy.future():await()
      end)
      support.turns(loop, 2)
      assert.error_matches(function() lock:acquire():await() end,
        'waits for lock "file" made at .*lock_spec.lua:%d+, held by task')
    end)

    it("is not acquired twice by one call of a callback, but by another one", function()
      local second, problem
      loop:add_callback(function()
        lock:acquire()
        problem = select(2, pcall(lock.acquire, lock))
      end)
      loop:add_callback(function() second = lock:acquire() end)
      loop:add_callback(function() lock:release() end)
      support.turns(loop, 2)
      assert.matches("a callback would wait for itself", problem, 1, true)
      assert.is_true(second:result())
      lock:release()
    end)

    it("is not lost with a coroutine that ended, or never goes on", function()
      coroutine.wrap(function() lock:acquire() end)()
      assert.is_false(lock:locked())
      assert.matches("coroutine ended without releasing it", support.take_log())
    end)

    it("is waited for by many, each at the same cost", function()
      local count = 0
      for _ = 1, MANY / 10 do
        loop:spawn(function()
          lock:with(function() count = count + 1 end)
        end)
      end
      support.wait(loop, function() return count == MANY / 10 end)
      lock:acquire()
      run(function()
        local futures = {}
        for i = 1, MANY do futures[i] = lock:acquire() end
        for i = MANY, 1, -1 do futures[i]:cancel() end
      end)
      lock:release()
      assert.is_false(lock:locked())
    end)
  end)

  describe("a semaphore", function()
    it("is had by so many at a time, and in order", function()
      local semaphore, most, now, order = eddy.semaphore(3), 0, 0, {}
      for i = 1, 10 do
        loop:spawn(function()
          semaphore:with(function()
            order[#order + 1] = i
            now = now + 1
            most = math.max(most, now)
            eddy.sleep(0)
            now = now - 1
          end)
        end)
      end
      support.wait(loop, function() return #order == 10 and now == 0 end)
      assert.equal("3 1 2 3 4 5 6 7 8 9 10", most .. " " .. table.concat(order, " "))
      assert.equal(3, semaphore:left())
    end)

    it("has a bound, try_acquire, and no more than was acquired is released", function()
      local semaphore = eddy.semaphore(1)
      assert.is_true(semaphore:try_acquire())
      assert.equal("EAGAIN", select(2, semaphore:try_acquire()).name)
      local waits, next_one = semaphore:acquire(), semaphore:acquire()
      waits:cancel()
      semaphore:release()
      assert.is_true(next_one:result())
      semaphore:release()
      assert.error_matches(function() semaphore:release() end,
        "release: all of the semaphore made at .*lock_spec.lua:%d+ are there")
      for _, limit in ipairs { "x", 0, 1.5, false } do
        assert.error_matches(function() eddy.semaphore(limit) end, "semaphore: expected a whole")
      end
      semaphore:try_acquire()
      assert.error_matches(function() semaphore:acquire():await() end,
        "waits for semaphore made at")
    end)

    it("is released when the function raises", function()
      local semaphore = eddy.semaphore(1)
      run(function()
        assert.is_false((pcall(semaphore.with, semaphore, error, "in it")))
        assert.equal(1, semaphore:left())
        assert.error_matches(function() semaphore:with(1) end, "with: expected a function")
      end)
    end)
  end)
end)
