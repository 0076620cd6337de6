local C, ffi = require("eddy.base.libeddy").C, require "ffi"
local support = require "spec.core.support"
local errno, names = support.errno, support.names

ffi.cdef [[
typedef struct lua_State lua_State;
lua_State *luaL_newstate(void);
void luaL_openlibs(lua_State *L);
int luaL_loadstring(lua_State *L, const char *code);
int lua_pcall(lua_State *L, int arguments, int results, int handler);
void lua_close(lua_State *L);
int pthread_create(unsigned long *thread, const void *attributes, void *(*start)(void *),
                   void *argument);
int pthread_join(unsigned long thread, void **result);
]]

-- What a thread does, as a finalizer of a Lua state of its own: lua_close is a C function of
-- one argument, so it may be a thread's start.
local THREAD = [[
local ffi = require "ffi"
ffi.cdef "int eddy_loop_wake(void *loop, uint32_t waker, double number);"
local C, loop = ffi.C, ffi.cast("void *", %s)
last_will = newproxy(true)
getmetatable(last_will).__gc = function()
  for i = 1, %d do C.eddy_loop_wake(loop, %d, i) end
end
]]

local function start(loop, waker, count)
  local state = ffi.C.luaL_newstate()
  ffi.C.luaL_openlibs(state)
  local address = tostring(ffi.cast("uintptr_t", loop))
  assert(ffi.C.luaL_loadstring(state, THREAD:format(address, count, waker)) == 0)
  assert(ffi.C.lua_pcall(state, 0, 0, 0) == 0)
  local thread = ffi.new("unsigned long[1]")
  local run = ffi.cast("void *(*)(void *)", ffi.C.lua_close)
  assert(ffi.C.pthread_create(thread, nil, run, state) == 0)
  return thread[0]
end

describe("core/loop/wakeups", function()
  local world
  support.each(function(...) world = ... end)

  local function waker()
    local id = C.eddy_waker_open(world.loop)
    assert.is_true(id > 0)
    return id
  end

  local function wake(id, number) return C.eddy_loop_wake(world.loop, id, number) end

  local function woken(events)
    local list = {}
    for i, event in ipairs(events) do
      assert.equal("WOKEN", event.kind)
      list[i] = { event.id, event.number }
    end
    return list
  end

  it("brings each number, to its waker, in order", function()
    local a, b = waker(), waker()
    for _, call in ipairs { { a, 1 }, { b, 2.5 }, { a, -3 }, { a, 1 } } do
      assert.equal(0, wake(call[1], call[2]))
    end
    assert.same({ { a, 1 }, { b, 2.5 }, { a, -3 }, { a, 1 } }, woken(world:turn(5000)))
    assert.same({}, woken(world:turn(0)))
  end)

  it("brings thousands of them", function()
    local id = waker()
    for i = 1, 5000 do wake(id, i) end
    local events = world:turn(5000)
    assert.equal(5000, #events)
    for i = 1, 5000 do assert.equal(i, events[i].number) end
  end)

  it("keeps what has no room for the next turn", function()
    local id = waker()
    for i = 1, 100 do wake(id, i) end
    C.eddy__fault_plan(C.EDDY__FAULT_ALLOC, 1, 1, errno.ENOMEM)
    assert.equal(64, #world:turn(0))
    wake(id, 101)
    local events = world:turn(0)
    assert.equal(37, #events)
    assert.same({ 65, 101 }, { events[1].number, events[37].number })
  end)

  it("tells the caller when there is no memory", function()
    local id = waker()
    C.eddy__fault_plan(C.EDDY__FAULT_ALLOC, 0, 1, errno.ENOMEM)
    assert.equal(-errno.ENOMEM, wake(id, 1))
    assert.equal(0, wake(id, 2))
    assert.same({ { id, 2 } }, woken(world:turn(0)))
  end)

  it("is alive while it is open, and stale when closed", function()
    local id = waker()
    assert.equal(1, C.eddy_loop_alive(world.loop))
    assert.equal(0, C.eddy_waker_close(world.loop, id))
    assert.equal(0, C.eddy_loop_alive(world.loop))
    assert.equal(-errno.EBADF, C.eddy_waker_close(world.loop, id))
    assert.equal(-errno.EBADF, C.eddy_stream_close(world.loop, waker(), 0))
  end)

  it("ends the turn of a loop that sleeps, from another thread, losing no number", function()
    local threads, ids, last, count = {}, {}, {}, 3000
    for i = 1, 3 do
      ids[i] = waker()
      threads[i] = start(world.loop, ids[i], count)
      last[ids[i]] = 0
    end
    local taken = 0
    while taken < 3 * count do
      for _, event in ipairs(woken(world:turn(5000))) do
        assert.equal(last[event[1]] + 1, event[2])
        last[event[1]], taken = event[2], taken + 1
      end
    end
    for _, thread in ipairs(threads) do ffi.C.pthread_join(thread, nil) end
    assert.same({}, woken(world:turn(0)))
  end)

  describe("interrupt", function()
    it("ends a turn with its value, once", function()
      assert.equal(0, C.eddy_loop_interrupt(world.loop, 15))
      local events = world:turn(-1)
      assert.equal("INTERRUPTED", names(events))
      assert.same({ 15, 0 }, { events[1].value, events[1].id })
      assert.equal("", names(world:turn(0)))
    end)

    it("tells the last value of several, before the wake-ups", function()
      local id = waker()
      wake(id, 1)
      C.eddy_loop_interrupt(world.loop, 2)
      C.eddy_loop_interrupt(world.loop, 9)
      local events = world:turn(-1)
      assert.equal("INTERRUPTED WOKEN", names(events))
      assert.equal(9, events[1].value)
    end)

    it("refuses what is no value", function()
      assert.equal(-errno.EINVAL, C.eddy_loop_interrupt(world.loop, 0))
      assert.equal(-errno.EINVAL, C.eddy_loop_interrupt(world.loop, -1))
      assert.equal("", names(world:turn(0)))
    end)

    it("waits for room in the batch", function()
      C.eddy_loop_interrupt(world.loop, 3)
      C.eddy__fault_plan(C.EDDY__FAULT_ALLOC, 0, 1, errno.ENOMEM)
      assert.equal("", names(world:turn(0)))
      assert.equal("INTERRUPTED", names(world:turn(0)))
    end)
  end)

  it("wait in a bounded number", function()
    local id, most = waker(), tonumber(C.EDDY_WAKEUPS)
    for i = 1, most do assert(wake(id, i) == 0) end
    assert.equal(-errno.ENOBUFS, wake(id, 0))
    assert.equal(most, C.eddy_loop_turn(world.loop, 0))
    assert.equal(most, C.eddy_loop_events(world.loop)[most - 1].number)
    assert.equal(0, wake(id, 1))
  end)
end)
