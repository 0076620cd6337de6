local C = require("eddy.base.libeddy").C
local support = require "spec.core.support"
local errno, names = support.errno, support.names

describe("core/loop/timer", function()
  local world
  support.each(function(...)
    world = ...
    assert.equal(0, C.eddy_loop_virtual_time(world.loop, 1000))
  end)

  local function now() return C.eddy_loop_time(world.loop) end

  local function open(due, period)
    local id = C.eddy_timer_open(world.loop, due, period or 0)
    assert.is_true(id > 0)
    return id
  end

  local function ids(events)
    local list = {}
    for i, event in ipairs(events) do
      assert.equal("TIMER", event.kind)
      list[i] = event.id
    end
    return list
  end

  it("lets virtual time stand still, and jump when there is nothing to do", function()
    local id = open(1500)
    assert.same({}, ids(world:turn(0)))
    assert.equal(1000, now())
    assert.same({ id }, ids(world:turn(-1)))
    assert.equal(1500, now())
  end)

  it("takes a turn's timeout for real time, and jumps beyond it", function()
    local before = C.eddy_time()
    assert.same({}, ids(world:turn(5)))
    assert.equal(1000, now())
    assert.is_true(C.eddy_time() - before >= 5)
    local id = open(3600000)
    assert.same({ id }, ids(world:turn(5)))
    assert.equal(3600000, now())
  end)

  it("moves virtual time by hand, forwards only", function()
    open(1010)
    assert.equal(0, C.eddy_loop_advance(world.loop, 9))
    assert.same({}, ids(world:turn(0)))
    assert.equal(0, C.eddy_loop_advance(world.loop, 1))
    assert.equal(1, #world:turn(0))
    for _, by in ipairs { -1, math.huge, 0 / 0 } do
      assert.equal(-errno.EINVAL, C.eddy_loop_advance(world.loop, by))
    end
    assert.equal(-errno.EINVAL, C.eddy_loop_virtual_time(world.loop, 0 / 0))
  end)

  it("expires by deadline, then by age, all that are due in one turn", function()
    local late, early, same, never = open(1030), open(1010), open(1030), open(2000)
    C.eddy_loop_advance(world.loop, 100)
    assert.same({ early, late, same }, ids(world:turn(0)))
    assert.same({}, ids(world:turn(0)))
    assert.same({ never }, ids(world:turn(-1)))
  end)

  it("is gone with its only tick", function()
    local id = open(1000)
    assert.equal(1, C.eddy_loop_alive(world.loop))
    assert.same({ id }, ids(world:turn(0)))
    assert.equal(0, C.eddy_loop_alive(world.loop))
    world:turn(0)
    assert.equal(-errno.EBADF, C.eddy_timer_close(world.loop, id))
    assert.equal(-errno.EBADF, C.eddy_timer_again(world.loop, id, 0))
  end)

  it("brings no event once it is cancelled", function()
    local id = open(1010)
    assert.equal(0, C.eddy_timer_close(world.loop, id))
    assert.equal(0, C.eddy_loop_alive(world.loop))
    C.eddy_loop_advance(world.loop, 100)
    assert.same({}, ids(world:turn(0)))
    assert.equal(-errno.EBADF, C.eddy_timer_close(world.loop, id))
  end)

  it("does not hand out a slot again while the batch may name it", function()
    local first, second = open(1000), open(1000, 10)
    assert.same({ first, second }, ids(world:turn(0)))
    assert.equal(0, C.eddy_timer_close(world.loop, second))
    local slots = 2 ^ tonumber(C.EDDY_SLOT_BITS)
    for _ = 1, 5 do
      local fresh = open(5000)
      assert.are_not.equal(first % slots, fresh % slots)
      assert.are_not.equal(second % slots, fresh % slots)
    end
    assert.same({}, ids(world:turn(0)))
  end)

  it("ticks on its grid, and skips the ticks that were missed", function()
    local id, times = open(1100, 100), {}
    for i = 1, 6 do
      assert.same({ id }, ids(world:turn(-1)))
      times[i] = now()
      if i == 3 then C.eddy_loop_advance(world.loop, 250) end
      assert.equal(0, C.eddy_timer_again(world.loop, id, 0))
    end
    assert.same({ 1100, 1200, 1300, 1600, 1700, 1800 }, times)
  end)

  it("ticks no second time until its event was handled", function()
    local id = open(1010, 10)
    assert.same({ id }, ids(world:turn(-1)))
    C.eddy_loop_advance(world.loop, 100)
    assert.same({}, ids(world:turn(0)))
    C.eddy_timer_again(world.loop, id, 0)
    C.eddy_timer_again(world.loop, id, 0)
    assert.same({ id }, ids(world:turn(-1)))
    assert.equal(1120, now())
    assert.same({}, ids(world:turn(0)))
  end)

  it("on a grid counts as alive but while its event is handled", function()
    local id = open(1010, 10)
    assert.equal(1, C.eddy_loop_alive(world.loop))
    world:turn(-1)
    assert.equal(0, C.eddy_loop_alive(world.loop))
    for _ = 1, 2 do
      C.eddy_timer_again(world.loop, id, 0)
      assert.equal(1, C.eddy_loop_alive(world.loop))
    end
    C.eddy_timer_close(world.loop, id)
    assert.equal(0, C.eddy_loop_alive(world.loop))
    local other = open(1010, 10)
    world:turn(-1)
    C.eddy_timer_close(world.loop, other)
    assert.equal(0, C.eddy_loop_alive(world.loop))
  end)

  it("takes a step that is longer or shorter by its jitter", function()
    local id = open(1010, 10)
    world:turn(-1)
    assert.equal(0, C.eddy_timer_again(world.loop, id, 5))
    assert.same({ id }, ids(world:turn(-1)))
    assert.equal(1025, now())
    C.eddy_timer_again(world.loop, id, -4)
    world:turn(-1)
    assert.equal(1031, now())
    for _, jitter in ipairs { -10, -100, 0 / 0 } do
      assert.equal(-errno.EINVAL, C.eddy_timer_again(world.loop, id, jitter))
    end
  end)

  it("refuses times that are none", function()
    for _, times in ipairs { { 0 / 0, 0 }, { 1, -1 }, { 1, 0 / 0 }, { 1, math.huge } } do
      assert.equal(-errno.EINVAL, C.eddy_timer_open(world.loop, times[1], times[2]))
    end
    assert.equal(0, C.eddy_loop_alive(world.loop))
  end)

  it("keeps the other timers in order, whatever jitter or deadline one is given", function()
    local endless, ancient = open(1000, 10), open(-math.huge, 10)
    world:turn(0)
    C.eddy_timer_again(world.loop, endless, math.huge)
    C.eddy_timer_again(world.loop, ancient, 0)
    local others = { open(1030), open(1020), open(1010), open(1040) }
    C.eddy_loop_advance(world.loop, 100)
    local seen = {}
    for _ = 1, 3 do
      for _, id in ipairs(ids(world:turn(0))) do
        if id ~= ancient and id ~= endless then seen[#seen + 1] = id end
      end
    end
    assert.same({ others[3], others[2], others[1], others[4] }, seen)
  end)

  it("expires in real time, never early", function()
    local real = support.world()
    local due = C.eddy_time() + 20
    assert.is_true(C.eddy_timer_open(real.loop, due, 0) > 0)
    assert.equal("TIMER", names { real:event("TIMER") })
    assert.is_true(C.eddy_time() >= due)
    real:close()
  end)

  it("waits in the heap when the batch has no room for its event", function()
    local all = {}
    for i = 1, 65 do all[i] = open(1000) end
    C.eddy__fault_plan(C.EDDY__FAULT_ALLOC, 1, 1, errno.ENOMEM)
    local told = ids(world:turn(0))
    assert.equal(64, #told)
    for _, id in ipairs(ids(world:turn(0))) do told[#told + 1] = id end
    assert.same(all, told)
  end)

  it("hears of an interrupt while a stream is busy and time stands still", function()
    local push, pull = world:pair("PUSH", "PULL")
    local stream = world:stream(pull, true)
    C.eddy_stream_budget(world.loop, stream, 1)
    for i = 1, 200 do world:put(push, tostring(i)) end
    world:event("RECEIVED", stream)
    assert.equal(0, C.eddy_loop_interrupt(world.loop, 7))
    local deadline = C.eddy_time() + 20
    world:turn_until(function(events)
      return names(events):find("INTERRUPTED") or C.eddy_time() > deadline
        or world:stream_stats(stream).messages_in == 200
    end)
    assert.is_true(world:stream_stats(stream).messages_in < 200)
  end)
end)
