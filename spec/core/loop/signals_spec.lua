local C, ffi = require("eddy.base.libeddy").C, require "ffi"
local support = require "spec.core.support"
local errno, names = support.errno, support.names

ffi.cdef [[
int raise(int signal);
typedef struct { unsigned long words[16]; } support_sigset;
int pthread_sigmask(int how, const support_sigset *set, support_sigset *before);
int sigismember(const support_sigset *set, int signal);
]]

local USR1, USR2 = C.eddy_signal_number("USR1"), C.eddy_signal_number("USR2")

describe("core/loop/signals", function()
  local world
  before_each(function() world = support.world() end)

  after_each(function()
    world:close()
    local set = ffi.new("support_sigset")
    ffi.C.pthread_sigmask(0, nil, set)
    for _, number in ipairs { USR1, USR2 } do
      assert.equal(0, ffi.C.sigismember(set, number))
    end
  end)

  local function watch(number)
    assert.equal(0, C.eddy_signal_watch(world.loop, number))
  end

  it("brings a signal as an event, and does nothing else with it", function()
    watch(USR1)
    assert.equal("", names(world:turn(0)))
    ffi.C.raise(USR1)
    local events = world:turn(-1)
    assert.equal("SIGNAL", names(events))
    assert.same({ USR1, 0 }, { events[1].value, events[1].id })
    assert.equal("", names(world:turn(0)))
  end)

  it("takes several signals, and gives each back alone", function()
    watch(USR1)
    watch(USR2)
    assert.equal(2, C.eddy_loop_alive(world.loop))
    assert.equal(0, C.eddy_signal_unwatch(world.loop, USR1))
    assert.equal(1, C.eddy_loop_alive(world.loop))
    ffi.C.raise(USR2)
    assert.equal(USR2, world:event("SIGNAL").value)
    assert.equal(0, C.eddy_signal_unwatch(world.loop, USR2))
    watch(USR1)
    ffi.C.raise(USR1)
    assert.equal(USR1, world:event("SIGNAL").value)
  end)

  it("refuses what is no signal, cannot be caught, or is watched already", function()
    watch(USR1)
    local KILL, STOP = C.eddy_signal_number("KILL"), C.eddy_signal_number("STOP")
    for _, number in ipairs { 0, -1, 1000, KILL, STOP } do
      assert.equal(-errno.EINVAL, C.eddy_signal_watch(world.loop, number))
    end
    assert.equal(-errno.EBUSY, C.eddy_signal_watch(world.loop, USR1))
    assert.equal(-errno.ENOENT, C.eddy_signal_unwatch(world.loop, USR2))
    assert.equal(-errno.EINVAL, C.eddy_signal_unwatch(world.loop, 1000))
    assert.equal(1, C.eddy_loop_alive(world.loop))
  end)

  it("belongs to one loop of the process, until that gives it back or is freed", function()
    watch(USR1)
    local other = support.world()
    assert.equal(-errno.EBUSY, C.eddy_signal_watch(other.loop, USR1))
    C.eddy_signal_unwatch(world.loop, USR1)
    assert.equal(0, C.eddy_signal_watch(other.loop, USR1))
    other:close()
    watch(USR1)
    world:close()
    world = support.world()
    watch(USR1)
  end)

  it("keeps a signal until the batch has room", function()
    watch(USR1)
    ffi.C.raise(USR1)
    C.eddy__fault_plan(C.EDDY__FAULT_ALLOC, 0, 2, errno.ENOMEM)
    assert.equal("", names(world:turn(0)))
    assert.equal("SIGNAL", names(world:turn(0)))
  end)

  it("watches nothing when the kernel refuses", function()
    for _, reserved in ipairs { 32, 33 } do -- for the threads of the C library
      assert.equal(-errno.EINVAL, C.eddy_signal_watch(world.loop, reserved))
      assert.equal(-errno.EINVAL, C.eddy_signal_watch(world.loop, reserved))
    end
    assert.equal(0, C.eddy_loop_alive(world.loop))
  end)

  local function is_blocked(number)
    local set = ffi.new("support_sigset")
    ffi.C.pthread_sigmask(0, nil, set)
    return ffi.C.sigismember(set, number) == 1
  end

  it("blocks no signal", function()
    watch(USR1)
    assert.is_false(is_blocked(USR1))
  end)

  it("comes also where it is blocked, and is blocked again afterwards", function()
    local BLOCK, UNBLOCK = 0, 1
    local set = ffi.new("support_sigset")
    set.words[0] = 2 ^ (USR1 - 1)
    ffi.C.pthread_sigmask(BLOCK, set, nil)
    ffi.C.raise(USR1)
    watch(USR1)
    assert.equal(USR1, world:event("SIGNAL").value)
    C.eddy_signal_unwatch(world.loop, USR1)
    assert.is_true(is_blocked(USR1))
    ffi.C.pthread_sigmask(UNBLOCK, set, nil)
  end)

  it("is told as often as it came, a bounded number of times a turn", function()
    local COUNT = 200
    watch(USR1)
    watch(USR2)
    for _ = 1, COUNT do
      ffi.C.raise(USR1)
      ffi.C.raise(USR2)
    end
    local came, most = { [USR1] = 0, [USR2] = 0 }, 0
    while came[USR1] + came[USR2] < 2 * COUNT do
      local events = world:turn(-1)
      most = math.max(most, #events)
      for _, event in ipairs(events) do came[event.value] = came[event.value] + 1 end
    end
    assert.same({ [USR1] = COUNT, [USR2] = COUNT }, came)
    assert.is_true(most < 2 * COUNT)
    assert.equal("", names(world:turn(0)))
  end)

  it("that came before it is watched anew is forgotten", function()
    watch(USR1)
    ffi.C.raise(USR1)
    C.eddy_signal_unwatch(world.loop, USR1)
    watch(USR1)
    assert.equal("", names(world:turn(0)))
  end)

  it("knows signals by name", function()
    assert.equal(15, C.eddy_signal_number("TERM"))
    assert.equal(15, C.eddy_signal_number("SIGTERM"))
    assert.equal(2, C.eddy_signal_number("SIGINT"))
    for _, name in ipairs { "", "SIG", "NOSUCH", "SIGSIGTERM", "term" } do
      assert.equal(0, C.eddy_signal_number(name))
    end
  end)
end)
