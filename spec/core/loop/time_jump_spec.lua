local C, ffi = require "spec.support.room" "loop/time_jump"
local support = require "spec.core.support"
local errno, names = support.errno, support.names

describe("core/loop/time_jump", function()
  local world
  support.each(function(...)
    world = ...
    C.eddy_loop_virtual_time(world.loop, 1000)
    assert.equal(0, C.eddy_loop_tell_gaps(world.loop, 1))
  end)

  local function lose(ms)
    assert.equal(0, C.eddy_loop_advance(world.loop, ms))
    return world:turn(0)
  end

  it("is more than five seconds that nobody chose to wait for, and is told once", function()
    assert.same({}, lose(0))
    assert.same({}, lose(5000))
    local events = lose(5001)
    assert.same({ "GAP", 5001, 0 }, { names(events), events[1].number, events[1].id })
    assert.same({}, lose(0))
    assert.equal(60000, lose(60000)[1].number)
  end)

  it("is told at once: a loop does not wait with it", function()
    C.eddy_loop_advance(world.loop, 6000)
    assert.equal("GAP", names(world:turn(-1)))
  end)

  it("comes before the timers that it made late", function()
    for due = 1100, 60000, 20000 do C.eddy_timer_open(world.loop, due, 0) end
    assert.equal("GAP TIMER TIMER TIMER", names(lose(60000)))
  end)

  it("is no wait for a timer, however long", function()
    C.eddy_timer_open(world.loop, 3600000, 0)
    assert.equal("TIMER", names(world:turn(-1)))
    assert.equal(3600000, C.eddy_loop_time(world.loop))
  end)

  it("is told to none that did not ask, nor what was before they did", function()
    C.eddy_loop_tell_gaps(world.loop, 0)
    assert.same({}, lose(60000))
    C.eddy_loop_advance(world.loop, 60000)
    C.eddy_loop_tell_gaps(world.loop, 1)
    assert.same({}, world:turn(0))
    assert.equal(6000, lose(6000)[1].number)
  end)

  it("is none when the loop's clock becomes another", function()
    C.eddy_loop_virtual_time(world.loop, 1e9)
    assert.same({}, world:turn(0))
  end)

  it("keeps no loop alive", function()
    assert.equal(0, C.eddy_loop_alive(world.loop))
  end)

  it("is told by the next turn when there was no memory", function()
    C.eddy__fault_plan(C.EDDY__FAULT_ALLOC, 0, 1, errno.ENOMEM)
    assert.same({}, lose(6000))
    assert.equal(6000, world:turn(0)[1].number)
  end)

  it("is also more than a second for which the machine was suspended, seen after a wait", function()
    local gap = ffi.new("eddy__time_jump")
    C.eddy__time_jump_watch(gap, 0, 1)
    local asleep = gap.asleep
    local function sleep(ms, asked)
      gap.asleep, gap.lost = gap.asleep - ms, 0
      C.eddy__time_jump_measure(gap, 0, asked)
      return math.floor(gap.lost / 100 + 0.5) * 100
    end
    assert.equal(0, sleep(2000, 0))
    assert.equal(2000, sleep(0, 100))
    assert.equal(0, sleep(900, 100))
    assert.equal(0, sleep(0, math.huge))
    assert.equal(3000, sleep(3000, math.huge))
    -- Asked in the middle of being stopped, it was less for a moment.
    assert.equal(0, sleep(-3000, 100))
    assert.is_true(gap.asleep >= asleep + 2999)
  end)
end)
