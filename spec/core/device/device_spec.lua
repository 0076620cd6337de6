local C, ffi = require "spec.support.room" "device/device"
require "spec.support.room" "base/faults"
local support = require "spec.core.support"
local errno = support.errno

ffi.cdef "int getpid(void);"

describe("core/device/device", function()
  local world, front, left, back, right, devices

  before_each(function()
    world, devices = support.world(), {}
    front, left = world:pair("PULL", "PUSH")
    back, right = world:pair("PUSH", "PULL")
  end)

  after_each(function()
    for _, device in ipairs(devices) do
      C.eddy_device_stop(device, C.EDDY_STOPPED)
      C.eddy_device_free(device)
    end
    C.eddy__device_end_all(world.context)
    world:close()
  end)

  local function device_of(in_socket, out_socket, contexts)
    local plan, made = ffi.new("eddy_device_plan"), ffi.new("eddy_device *[1]")
    for place, socket in pairs { [C.EDDY_IN] = in_socket, [C.EDDY_OUT] = out_socket } do
      plan.contexts[place] = contexts and contexts[place] or world.context
      plan.sockets[place] = socket
    end
    plan.prefix_sizes[0], plan.prefix_sizes[1] = -1, -1
    assert.equal(0, C.eddy_device_new(plan, made))
    return made[0]
  end

  local function started(...)
    local device = device_of(...)
    assert.equal(0, C.eddy_device_start(device))
    devices[#devices + 1] = device
    return device
  end

  it("relays in a thread until it is stopped, and closes the sockets", function()
    local device = started(front, back)
    for i = 1, 100 do world:put(left, tostring(i), 0) end
    for i = 1, 100 do assert.same({ tostring(i) }, world:get(right)) end
    assert.equal(0, C.eddy_device_wait(device, 0))
    assert.equal(0, C.eddy_device_wait(device, 5))
    C.eddy_device_stop(device, C.EDDY_STOPPED)
    assert.equal(C.EDDY_STOPPED, C.eddy_device_wait(device, 10000))
    assert.equal(C.EDDY_STOPPED, C.eddy_device_wait(device, -1))
    assert.equal(-errno.EBADF, C.eddy_socket_close(world.context, front, 0))
    assert.equal(2, C.eddy_context_sockets(world.context))
  end)

  it("lets through what came in before it was stopped", function()
    local device = started(front, back)
    C.eddy_device_pause(device, 1)
    for i = 1, 50 do world:put(left, tostring(i)) end
    C.eddy_device_pause(device, 0)
    C.eddy_device_stop(device, C.EDDY_STOPPED)
    for i = 1, 50 do assert.same({ tostring(i) }, world:get(right)) end
  end)

  it("ends also under a flood, and in the middle of nothing", function()
    local device = started(front, back)
    local start = C.eddy_time()
    C.eddy_device_stop(device, C.EDDY_STOPPED)
    repeat
      world:put(left, "flood")
      while world:get(right, 0) do end
    until C.eddy_device_wait(device, 0) ~= 0
    assert.is_true(C.eddy_time() - start < 5000)
  end)

  -- A message that goes round for ever: what each end receives is what the other one sent.
  local function endless()
    local near, far = world:pair("PAIR", "PAIR")
    world:put(near, "round and round")
    return started(near, far)
  end

  it("ends in 100 ms while messages keep coming", function()
    local took
    for _ = 1, 20 do -- a busy machine may take longer, but not each time
      local device = endless()
      local start = C.eddy_time()
      C.eddy_device_stop(device, C.EDDY_STOPPED)
      assert.equal(C.EDDY_STOPPED, C.eddy_device_wait(device, 10000))
      took = C.eddy_time() - start
      assert.is_true(took >= 99)
      if took < 190 then return end
    end
    error("it took " .. took .. " ms")
  end)

  it("has ended, when its context's devices were told to, though messages keep coming", function()
    local device = endless()
    C.eddy__device_end_all(world.context)
    assert.equal(-errno.ETERM, C.eddy_device_wait(device, 0))
  end)

  it("keeps the first reason to end", function()
    local device = started(front, back)
    C.eddy_device_stop(device, -errno.EINTR)
    C.eddy_device_stop(device, C.EDDY_STOPPED)
    assert.equal(-errno.EINTR, C.eddy_device_wait(device, -1))
  end)

  it("ends with the context, also when nobody has its pointer", function()
    local device = started(front, back)
    devices = {}
    C.eddy_device_free(device)
    world:put(left, "x")
    assert.same({ "x" }, world:get(right))
    C.eddy__device_end_all(world.context)
    C.eddy__device_end_all(world.context)
  end)

  it("is ended by eddy_context_term, but not before the sockets are closed", function()
    local device = started(front, back)
    assert.equal(-errno.EBUSY, C.eddy_context_term(world.context))
    assert.equal(0, C.eddy_device_wait(device, 0))
    C.eddy_context_close_sockets(world.context, 0)
    assert.equal(0, C.eddy_context_term(world.context))
    assert.equal(-errno.ETERM, C.eddy_device_wait(device, 0))
    local new = ffi.new("eddy_context *[1]")
    assert.equal(0, C.eddy_context_new(1, new))
    C.eddy_context_free(world.context)
    world.context = new[0]
  end)

  it("leaves other contexts' devices alone", function()
    local device = started(front, back)
    local other = support.world()
    C.eddy__device_end_all(other.context)
    other:close()
    world:put(left, "x")
    assert.same({ "x" }, world:get(right))
    assert.equal(0, C.eddy_device_wait(device, 0))
  end)

  it("counts for those who ask from another thread", function()
    local device, stats = started(front, back), ffi.new("eddy_device_stats")
    for i = 1, 10 do world:put(left, { "abc", tostring(i - 1) }, 0) end
    for _ = 1, 10 do world:get(right) end
    local deadline = C.eddy_time() + 5000
    repeat C.eddy_device_stats_get(device, stats)
    until stats.out_sent_bytes == 40 or C.eddy_time() > deadline
    assert.same({ 10, 40, 10, 0 },
      { stats.in_received, stats.out_sent_bytes, stats.out_sent, stats.in_sent })
  end)

  it("leaves the sockets to the caller when it cannot start", function()
    local device = device_of(front, back)
    devices[1] = device
    C.eddy__fault_plan(C.EDDY__FAULT_THREAD, 0, 1, errno.EAGAIN)
    assert.equal(-errno.EAGAIN, C.eddy_device_start(device))
    support.forget_faults()
    assert.equal(4, C.eddy_context_sockets(world.context))
    assert.equal(0, C.eddy_device_start(device))
    assert.equal(-errno.EALREADY, C.eddy_device_start(device))
  end)

  it("wants sockets of one context, for the thread", function()
    local other = support.world()
    local far = other:open("PUSH")
    local device = device_of(front, far, { [C.EDDY_OUT] = other.context })
    assert.equal(-errno.EINVAL, C.eddy_device_start(device))
    C.eddy_device_stop(device, C.EDDY_STOPPED)
    assert.equal(C.EDDY_STOPPED, C.eddy_device_run(device))
    C.eddy_device_free(device)
    other:close()
  end)

  it("takes no signals", function()
    -- How many threads of this process would take a SIGTERM. (libzmq's own block it once they
    -- are up.)
    local function takers()
      local count, threads = 0, io.popen("ls -d /proc/" .. ffi.C.getpid() .. "/task/*")
      -- Read here, not by the command: this thread blocks signals while it starts one.
      for thread in threads:lines() do
        local file = io.open(thread .. "/status")
        local mask = file and file:read("*a"):match("SigBlk:%s*%x*(%x%x%x%x)\n")
        if file then file:close() end
        local takes = mask and
          bit.band(tonumber(mask, 16), 2 ^ (C.eddy_signal_number("TERM") - 1)) == 0
        if takes then count = count + 1 end
      end
      threads:close()
      return count
    end
    started(front, back)
    local deadline = C.eddy_time() + 5000
    while takers() > 1 and C.eddy_time() < deadline do end
    assert.equal(1, takers())
  end)

  it("refuses a wait that is no number, and frees nothing", function()
    local device = device_of(front, back)
    assert.equal(-errno.EINVAL, C.eddy_device_wait(device, 0 / 0))
    assert.equal(0, C.eddy_device_wait(device, -1)) -- it was never started
    C.eddy_device_free(device)
    C.eddy_device_free(nil)
  end)
end)
