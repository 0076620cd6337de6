local eddy = require "eddy"
local support = require "spec.lua.support"

local MANY = 100000

describe("a queue", function()
  local loop
  support.each(function(...)
    loop = ...
    loop:make_current()
  end)
  after_each(eddy.loop.clear_current)

  local function run(fn) return support.task(loop, fn) end

  it("has its values in their order, up to its limit", function()
    local queue = eddy.queue(2)
    assert.is_true(queue:put("a"):result())
    assert.is_true(queue:try_put(false))
    assert.same({ 2, true }, { queue:size(), queue:full() })
    assert.same({ nil, "EAGAIN" }, { queue:try_put("c"), select(2, queue:try_put "c").name })
    assert.same({ "a", false }, { queue:get():result(), queue:try_get() })
    assert.equal("EAGAIN", select(2, queue:try_get()).name)
  end)

  it("has those who put wait for room, and those who get for values, in order", function()
    for _, limit in ipairs { 0, 1, 3, math.huge } do
      local queue, got = eddy.queue(limit), {}
      for i = 1, 10 do
        loop:spawn(function() queue:put(i):await() end)
      end
      for i = 1, 20 do
        loop:spawn(function() got[i] = queue:get():await() end)
      end
      for i = 11, 20 do
        loop:spawn(function() queue:put(i):await() end)
      end
      support.turns(loop)
      for i = 1, 20 do assert.equal(i, got[i]) end
      assert.equal(0, loop._waiters)
    end
  end)

  it("gives a value that it has handed to one that is cancelled to that one or the next", function()
    local queue, got = eddy.queue(5), {}
    local tasks = {}
    for i = 1, 3 do
      tasks[i] = loop:spawn(function() got[i] = queue:get():await() or "none" end)
    end
    support.turns(loop)
    assert.is_true(tasks[2]:cancel())
    queue:try_put "first"
    assert.is_false(tasks[1]:cancel()) -- it has it
    queue:try_put "second"
    queue:try_put "third"
    support.turns(loop)
    assert.same({ "first", "none", "second" }, got)
    assert.equal("third", queue:try_get())
  end)

  it("is not read by a task that was cancelled, and takes nothing of a put that was", function()
    local queue = eddy.queue(1)
    queue:try_put "kept"
    local put = queue:put "not this"
    assert.is_true(put:cancel())
    local task = loop:spawn(function()
      eddy.sleep(1000)
      local got, err = queue:get():await()
      error(tostring(got) .. err.name)
    end)
    support.turns(loop)
    task:cancel()
    support.turns(loop)
    assert.matches("nilECANCELED", support.take_log())
    assert.same({ "kept", nil }, { queue:try_get(), (queue:try_get()) })
  end)

  it("works under a limit and in a gather", function()
    local queue = eddy.queue(1)
    run(function()
      assert.equal("ETIMEDOUT", select(2, eddy.with_timeout(1, queue:get()):await()).name)
      queue:put(1):await()
      assert.equal("ETIMEDOUT", select(2, eddy.with_timeout(1, queue:put(2)):await()).name)
      local a, b = eddy.gather(queue:get(), queue:get(), queue:put(3)):await()
      assert.same({ 1, 3 }, { a, b })
    end)
    assert.equal(0, queue:size())
  end)

  it("ends with close: what is in it is read, then nil; what is put fails", function()
    local queue, seen, waits = eddy.queue(2), {}, eddy.queue(0)
    local late
    loop:spawn(function()
      late = select(2, pcall(function()
        for i = 1, 9 do queue:put(i):await() end
      end))
    end)
    loop:spawn(function() seen.none = select(2, waits:get():await()).name end)
    support.turns(loop)
    queue:close()
    queue:close()
    waits:close()
    run(function()
      for value in queue:each() do seen[#seen + 1] = value end
    end)
    assert.same({ 1, 2, none = "EPIPE" }, seen)
    assert.matches("^put: queue made at .*queue_spec.lua:%d+ %(closed%): Broken pipe",
      tostring(late))
    assert.error_matches(function() queue:try_put(1) end, "try_put: queue made .*EPIPE")
    assert.error_matches(function() queue:put(1):result() end, "put: queue made .*EPIPE")
    assert.equal("EPIPE", select(2, queue:try_get()).name)
    assert.is_true(queue:closed())
  end)

  it("is named in a deadlock, with where it was made", function()
    local queue = eddy.queue(1)
    queue.name = "jobs"
    local ok, err = pcall(eddy.await, queue:get())
    assert.is_false(ok)
    assert.matches('waits for get of queue "jobs" made at .*queue_spec.lua:%d+', err)
  end)

  it("gives nothing to those whose loop was closed", function()
    local queue, other = eddy.queue(1), eddy.loop.new()
    other:spawn(function() queue:get():await() end)
    other:spawn(other.stop, other)
    other:start()
    other:close()
    queue:try_put "kept"
    assert.equal("kept", queue:try_get())
  end)

  it("holds many that wait and leave in any order, each at the same cost", function()
    local queue, futures = eddy.queue(1), {}
    for i = 1, MANY do futures[i] = queue:get() end
    for i = 1, MANY, 2 do futures[i]:cancel() end
    for i = 2, MANY, 2 do queue:try_put(i) end
    for i = 2, MANY, 2 do assert(futures[i]:result() == i) end
    local puts = {}
    for i = 1, MANY do puts[i] = queue:put(i) end
    for i = 1, MANY do assert(queue:try_get() == i) end
    assert.is_true(puts[MANY]:result())
    queue:close()
    local sum, wide = 0, eddy.queue(math.huge)
    for _ = 1, MANY do
      loop:spawn(function()
        local value = wide:get():await()
        sum = sum + value
      end)
    end
    support.turns(loop, 2)
    for _ = 1, MANY do wide:try_put(1) end
    support.turns(loop, 3)
    assert.equal(MANY, sum)
  end)

  it("says what is wrong with what it is given", function()
    for _, limit in ipairs { "x", -1, 0 / 0, false } do
      assert.error_matches(function() eddy.queue(limit) end,
        "queue: expected a limit")
    end
    assert.error_matches(function() eddy.queue() end, "queue: expected a limit.*got nil")
    assert.error_matches(function() eddy.queue(1):put() end, "put: nil cannot be in a queue")
    assert.error_matches(function() eddy.queue(1):try_put() end, "try_put: nil cannot be")
  end)
end)
