local C, ffi = require "spec.support.room" "loop/timer_heap"

describe("core/loop/timer_heap", function()
  local timers

  before_each(function()
    timers = ffi.new("eddy__timer_heap")
    C.eddy__timer_heap_init(timers)
  end)

  after_each(function() C.eddy__timer_heap_free(timers) end)

  local function arm(due, timer)
    timer = timer or ffi.new("eddy__timer_node")
    assert.equal(0, C.eddy__timer_heap_reserve(timers))
    C.eddy__timer_heap_arm(timers, timer, due)
    return timer
  end

  local function expire(now)
    local timer = C.eddy__timer_heap_expire(timers, now)
    return timer ~= nil and timer or nil
  end

  it("has no deadline when empty", function()
    assert.equal(math.huge, C.eddy__timer_heap_next(timers))
    assert.is_nil(expire(1e9))
  end)

  it("expires by deadline, then by age", function()
    local b, a, c, d = arm(2), arm(1), arm(2), arm(3)
    assert.equal(1, C.eddy__timer_heap_next(timers))
    assert.is_nil(expire(0.5))
    assert.equal(a, expire(2))
    assert.equal(b, expire(2))
    assert.equal(c, expire(2))
    assert.is_nil(expire(2))
    assert.equal(d, expire(3))
  end)

  it("counts a timer that is armed again as the youngest", function()
    local a, b = arm(1), arm(1)
    C.eddy__timer_heap_arm(timers, a, 1)
    assert.equal(b, expire(1))
    assert.equal(a, expire(1))
    assert.is_nil(expire(1))
  end)

  it("does what a sorted list does, whatever the order of operations", function()
    math.randomseed(7)
    local armed, age = {}, 0
    for _ = 1, 5000 do
      local dice = math.random()
      if dice < 0.5 then
        local due = math.random(1, 50)
        age = age + 1
        armed[#armed + 1] = { due = due, age = age, timer = arm(due) }
      elseif dice < 0.8 and #armed > 0 then
        local gone = table.remove(armed, math.random(#armed))
        C.eddy__timer_heap_disarm(timers, gone.timer)
        assert.equal(0, gone.timer.position)
      else
        table.sort(armed, function(x, y)
          if x.due ~= y.due then return x.due < y.due end
          return x.age < y.age
        end)
        local now = math.random(1, 50)
        local expected = armed[1] and armed[1].due <= now and table.remove(armed, 1)
        assert.equal(expected and expected.timer, expire(now) or expected and nil)
      end
      assert.equal(#armed, timers.count)
    end
  end)

  it("finds the next point of a grid, and skips the missed ones", function()
    assert.equal(20, C.eddy__timer_heap_grid(10, 10, 10))
    assert.equal(20, C.eddy__timer_heap_grid(10, 10, 19.9))
    assert.equal(30, C.eddy__timer_heap_grid(10, 10, 20))
    assert.equal(50, C.eddy__timer_heap_grid(10, 10, 45))
    assert.is_true(C.eddy__timer_heap_grid(10, 1e-300, 45) > 45)
  end)

  it("tells when there is no memory, and stays as it was", function()
    local faults = require "spec.support.room" "base/faults"
    for _ = 1, 16 do arm(1) end
    faults.eddy__fault_plan(faults.EDDY__FAULT_ALLOC, 0, 1, 12)
    assert.equal(-12, C.eddy__timer_heap_reserve(timers))
    assert.equal(16, timers.reserved)
    assert.equal(0, C.eddy__timer_heap_reserve(timers))
  end)
end)
