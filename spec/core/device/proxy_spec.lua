local C, ffi = require "spec.support.room" "device/proxy"
require "spec.support.room" "base/faults"
local support = require "spec.core.support"
local errno = support.errno

local PLACES = { ["in"] = C.EDDY_IN, out = C.EDDY_OUT, mon = C.EDDY_MON, ctrl = C.EDDY_CTRL }

-- The device runs in the thread of the test, which has said before when it is to end.
describe("core/device/proxy", function()
  local world, devices

  before_each(function() world, devices = support.world(), {} end)

  after_each(function()
    for _, device in ipairs(devices) do C.eddy_device_free(device) end
    world:close()
  end)

  -- A device's end of that type, and the peer's.
  local function ends(kind, peer_kind, options, peer_options)
    local mine, peer = world:open(kind, options), world:open(peer_kind, peer_options)
    world:join(mine, peer)
    return mine, peer
  end

  local function device_of(sockets, settings)
    settings = settings or {}
    local plan, made = ffi.new("eddy_device_plan"), ffi.new("eddy_device *[1]")
    for name, place in pairs(PLACES) do
      if sockets[name] then
        plan.contexts[place], plan.sockets[place] = world.context, sockets[name]
      end
    end
    for i = 1, 2 do
      local prefix = settings.prefixes and settings.prefixes[i]
      plan.prefixes[i - 1], plan.prefix_sizes[i - 1] = prefix, prefix and #prefix or -1
    end
    plan.swaps = settings.swaps and 1 or 0
    local result = C.eddy_device_new(plan, made)
    if result < 0 then return nil, result end
    devices[#devices + 1] = made[0]
    return made[0]
  end

  -- Relays what is there, and ends.
  local function relay(sockets, settings)
    local device = device_of(sockets, settings)
    C.eddy_device_stop(device, C.EDDY_STOPPED)
    return C.eddy_device_run(device), device
  end

  local function stats(device)
    local filled = ffi.new("eddy_device_stats")
    C.eddy_device_stats_get(device, filled)
    return filled
  end

  it("carries whole messages both ways, and counts them", function()
    local front, left = ends("PAIR", "PAIR")
    local back, right = ends("PAIR", "PAIR")
    world:put(left, { "a", "", "ccc" })
    world:put(left, "d")
    world:put(right, { "ee", "f" })
    local result, device = relay { ["in"] = front, out = back }
    assert.equal(C.EDDY_STOPPED, result)
    assert.same({ "a", "", "ccc" }, world:get(right))
    assert.same({ "d" }, world:get(right))
    assert.same({ "ee", "f" }, world:get(left))
    local counted = stats(device)
    assert.same({ 2, 5, 1, 3, 1, 3, 2, 5, 0 }, { counted.in_received, counted.in_received_bytes,
      counted.in_sent, counted.in_sent_bytes, counted.out_received, counted.out_received_bytes,
      counted.out_sent, counted.out_sent_bytes, counted.dropped })
    assert.equal(C.EDDY_ENDS, C.eddy_device_failed(device))
  end)

  it("carries messages of many parts, and large ones", function()
    local front, left = ends("PULL", "PUSH")
    local back, right = ends("PUSH", "PULL")
    local many, large = {}, ("x"):rep(3000000)
    for i = 1, 100 do many[i] = "part " .. i end
    world:put(left, many)
    world:put(left, { large, "end" })
    relay { ["in"] = front, out = back }
    assert.same(many, world:get(right))
    assert.is_true(world:get(right)[1] == large)
  end)

  it("gives the other direction its turn after so many parts without bytes", function()
    local front, left = ends("PAIR", "PAIR")
    local back, right = ends("PAIR", "PAIR")
    local watched, monitor = ends("PUSH", "PULL")
    local many = {}
    for i = 1, C.EDDY_BATCH_BYTES / 64 / 4 do many[i] = "" end
    for _ = 1, 8 do world:put(left, many) end
    world:put(right, "and back")
    relay { ["in"] = front, out = back, mon = watched }
    local sizes = {}
    for i = 1, 9 do sizes[i] = #world:get(monitor) end
    assert.same({ #many, #many, #many, #many, 1, #many, #many, #many, #many }, sizes)
    for _ = 1, 8 do assert.equal(#many, #world:get(right)) end
    assert.same({ "and back" }, world:get(left))
  end)

  it("receives only what the other side can take", function()
    local front, left = ends("PULL", "PUSH")
    local back = world:open("PUSH") -- nobody is there
    world:put(left, "kept")
    relay { ["in"] = front, out = back }
    assert.same({ "kept" }, world:get(front))
  end)

  it("loses nothing and keeps the order when the other side fills up", function()
    local front, left = ends("PULL", "PUSH")
    local back, right = ends("PUSH", "PULL", { SNDHWM = 3 }, { RCVHWM = 3 })
    for i = 1, 200 do world:put(left, { tostring(i), "x" }) end
    local _, device = relay { ["in"] = front, out = back }
    assert.is_true(stats(device).out_sent < 200)
    assert.equal(stats(device).out_sent, stats(device).in_received)
    for i = 1, stats(device).out_sent do
      assert.same({ tostring(i), "x" }, world:get(right))
    end
    -- The one in hand is lost with the device; all others wait still.
    assert.same({ tostring(stats(device).out_sent + 2), "x" }, world:get(front))
  end)

  it("answers itself with one socket", function()
    local rep, req = ends("REP", "REQ")
    world:put(req, { "a", "b" })
    relay { ["in"] = rep, out = rep }
    assert.same({ "a", "b" }, world:get(req))
  end)

  it("keeps the turns of REQ and REP", function()
    local rep, req = ends("REP", "REQ")
    local asks, answers = ends("REQ", "REP")
    world:put(req, "question")
    relay { ["in"] = rep, out = asks }
    assert.same({ "question" }, world:get(answers))
    world:put(answers, "answer")
    relay { ["in"] = rep, out = asks }
    assert.same({ "answer" }, world:get(req))
  end)

  it("leaves alone what a type cannot do", function()
    local front, left = ends("SUB", "XPUB", { SUBSCRIBE = "" })
    local back, right = ends("XPUB", "SUB")
    world:set(right, "SUBSCRIBE", "t")
    assert.equal(nil, world:get(front, 0)) -- it has seen its peer now
    assert.same({ "\1" }, world:get(left))
    world:put(left, "topic")
    -- The subscription that XPUB tells of has no way to SUB.
    assert.equal(C.EDDY_STOPPED, (relay { ["in"] = front, out = back }))
    assert.equal(nil, world:get(left, 0))
  end)

  it("shows the monitor every message, with what tells where it came from", function()
    local front, left = ends("PAIR", "PAIR")
    local back, right = ends("PAIR", "PAIR")
    local mon, watcher = ends("PUSH", "PULL")
    local sockets = { ["in"] = front, out = back, mon = mon }
    world:put(left, { "a", "b" })
    relay(sockets)
    assert.same({ "a", "b" }, world:get(watcher))
    world:put(left, { "c", "d" })
    world:put(right, "e")
    relay(sockets, { prefixes = { "i\0n", "" } })
    assert.same({ "i\0n", "c", "d" }, world:get(watcher))
    assert.same({ "", "e" }, world:get(watcher))
    assert.same({ "a", "b" }, world:get(right))
    assert.same({ "c", "d" }, world:get(right))
    assert.same({ "e" }, world:get(left))
  end)

  it("holds messages while the monitor takes none, and can be ended", function()
    local front, left = ends("PULL", "PUSH")
    local back, right = ends("PUSH", "PULL")
    local mon = world:open("PUSH")
    world:put(left, "held")
    assert.equal(C.EDDY_STOPPED, (relay { ["in"] = front, out = back, mon = mon }))
    assert.same({ "held" }, world:get(front))
    assert.equal(nil, world:get(right, 0))
  end)

  it("lets the first two parts change places, for the monitor too", function()
    local front, left = ends("PAIR", "PAIR")
    local back, right = ends("PAIR", "PAIR")
    local mon, watcher = ends("PUSH", "PULL")
    world:put(left, { "from", "to", "body" })
    world:put(left, "alone")
    relay({ ["in"] = front, out = back, mon = mon }, { prefixes = { "in", "out" }, swaps = true })
    assert.same({ "to", "from", "body" }, world:get(right))
    assert.same({ "alone" }, world:get(right))
    assert.same({ "in", "to", "from", "body" }, world:get(watcher))
  end)

  it("drops and counts a message that a socket refuses, and goes on", function()
    local front, left = ends("PULL", "PUSH")
    local back, right = ends("ROUTER", "DEALER", { ROUTER_MANDATORY = 1 })
    world:put(left, { "nobody", "x" })
    local result, device = relay { ["in"] = front, out = back }
    assert.equal(C.EDDY_STOPPED, result)
    assert.equal(1, stats(device).dropped)
    assert.equal(nil, world:get(right, 0))
  end)

  it("says which socket failed, and how", function()
    local front, left = ends("PULL", "PUSH")
    local back, right = ends("PUSH", "PULL")
    local result, device = relay { ["in"] = front, out = back, mon = world:open("SUB") }
    assert.equal(-errno.ENOTSUP, result)
    assert.equal(C.EDDY_MON, C.eddy_device_failed(device))
    local sockets = { ["in"] = front, out = back }
    for _, case in ipairs {
      { C.EDDY__FAULT_MSG_RECV, 0, C.EDDY_IN }, { C.EDDY__FAULT_MSG_SEND, 0, C.EDDY_OUT },
      { C.EDDY__FAULT_ZMQ_GET, 0, C.EDDY_IN }, { C.EDDY__FAULT_ZMQ_GET, 1, C.EDDY_OUT },
    } do
      world:put(left, "x")
      C.eddy__fault_plan(case[1], case[2], 1, errno.ENOTSUP)
      result, device = relay(sockets)
      assert.equal(-errno.ENOTSUP, result)
      assert.equal(case[3], C.eddy_device_failed(device))
      support.forget_faults()
    end
    assert.equal(nil, world:get(right, 0))
  end)

  it("goes on after a signal, and says what the kernel refuses", function()
    local front, back = world:open("PULL"), world:open("PUSH")
    for _, case in ipairs { { errno.EINTR, 3, errno.ENOMEM }, { errno.EFAULT, 1, errno.EFAULT } } do
      local device = device_of { ["in"] = front, out = back }
      C.eddy__fault_plan(C.EDDY__FAULT_POLL, 0, case[2], case[1])
      C.eddy__fault_plan(C.EDDY__FAULT_ZMQ_GET, case[2] * 2 + 1, 1, errno.ENOMEM)
      assert.equal(-case[3], C.eddy_device_run(device))
      support.forget_faults()
    end
  end)

  it("survives the lack of memory", function()
    local front, left = ends("PULL", "PUSH")
    local back, right = ends("PUSH", "PULL")
    local sockets = { ["in"] = front, out = back }
    world:put(left, "x")
    for skip = 0, 3 do
      C.eddy__fault_plan(C.EDDY__FAULT_ALLOC, skip, 1, errno.ENOMEM)
      local device, result = device_of(sockets, { prefixes = { "in", "out" } })
      if device then
        C.eddy_device_stop(device, C.EDDY_STOPPED)
        result = C.eddy_device_run(device)
      end
      local failed = C.eddy__fault_count(C.EDDY__FAULT_ALLOC) > skip
      assert.equal(failed and -errno.ENOMEM or C.EDDY_STOPPED, result)
      support.forget_faults()
    end
    assert.same({ "x" }, world:get(right))
    for _, call in ipairs { C.EDDY__FAULT_EVENTFD, C.EDDY__FAULT_MSG_INIT } do
      C.eddy__fault_plan(call, 0, 1, errno.ENOMEM)
      local _, result = device_of(sockets, { prefixes = { "in" } })
      assert.equal(-errno.ENOMEM, result)
      support.forget_faults()
    end
  end)

  describe("with a control socket", function()
    local front, left, back, right

    before_each(function()
      front, left = ends("PAIR", "PAIR")
      back, right = ends("PAIR", "PAIR")
    end)

    -- Runs until the last of these commands, which is TERMINATE.
    local function steer(kind, peer_kind, commands)
      local ctrl, peer = ends(kind, peer_kind)
      for _, command in ipairs(commands) do world:put(peer, command) end
      local device = device_of { ["in"] = front, out = back, ctrl = ctrl }
      return peer, C.eddy_device_run(device), device
    end

    it("ends at TERMINATE", function()
      local peer, result = steer("PAIR", "PAIR", { "TERMINATE" })
      assert.equal(C.EDDY_TERMINATED, result)
      assert.equal(nil, world:get(peer, 0))
    end)

    it("holds messages from PAUSE to RESUME", function()
      world:put(left, "x")
      local _, _, device = steer("PULL", "PUSH", { "PAUSE", "TERMINATE" })
      assert.equal(1, stats(device).paused)
      assert.equal(nil, world:get(right, 0))
      steer("PULL", "PUSH", { "PAUSE", "RESUME", "TERMINATE" })
      assert.same({ "x" }, world:get(right))
    end)

    it("tells statistics in eight frames", function()
      for _, kinds in ipairs { { "PAIR", "PAIR" }, { "DEALER", "DEALER" } } do
        local peer = steer(kinds[1], kinds[2], { "STATISTICS", "TERMINATE" })
        local frames = world:get(peer)
        assert.equal(8, #frames)
        for _, frame in ipairs(frames) do assert.equal(("\0"):rep(8), frame) end
        assert.equal(nil, world:get(peer, 0))
      end
    end)

    it("answers what it does not know with an error, and goes on", function()
      local peer, result = steer("PAIR", "PAIR",
        { "FLY", "", { "PAUSE", "RESUME" }, "pause", ("x"):rep(1000), "TERMINATE" })
      assert.equal(C.EDDY_TERMINATED, result)
      for _, word in ipairs { "FLY", "", "RESUME", "pause", ("x"):rep(32) } do
        assert.same({ "ERROR unknown command '" .. word ..
          "'; known: PAUSE RESUME TERMINATE STATISTICS" }, world:get(peer))
      end
      local many = {}
      for i = 1, 50 do many[i] = "TERMINATE" end
      for _, kinds in ipairs { { "PAIR", "PAIR" }, { "ROUTER", "DEALER" } } do
        peer = steer(kinds[1], kinds[2], { many, "TERMINATE" })
        local complaint = world:get(peer)
        assert.matches("^ERROR", complaint[#complaint])
      end
    end)

    it("answers REP and ROUTER at every command", function()
      assert.same({ "" }, world:get((steer("REP", "REQ", { "TERMINATE" }))))
      local peer = steer("ROUTER", "REQ", { "TERMINATE" })
      assert.same({ "" }, world:get(peer))
      peer = steer("ROUTER", "DEALER", { "PAUSE", { "", "what" }, { "id", "TERMINATE" } })
      assert.same({ "" }, world:get(peer))
      assert.matches("^ERROR unknown command 'what'", world:get(peer)[2])
      assert.same({ "id", "" }, world:get(peer))
    end)

    it("shows no commands to the monitor", function()
      local ctrl, peer = ends("PAIR", "PAIR")
      local mon, watcher = ends("PUSH", "PULL")
      world:put(peer, "TERMINATE")
      C.eddy_device_run(device_of { ["in"] = front, out = back, mon = mon, ctrl = ctrl })
      assert.equal(nil, world:get(watcher, 0))
    end)
  end)

  it("refuses sockets that are not there or taken, and a second run", function()
    local front, back = world:open("PULL"), world:open("PUSH")
    local function run(sockets) return C.eddy_device_run((device_of(sockets))) end
    assert.equal(-errno.EBADF, run { ["in"] = front })
    assert.equal(-errno.EBADF, run { ["in"] = front, out = 12345 })
    assert.equal(-errno.EINVAL, run { ["in"] = front, out = back, mon = front })
    local taken = world:open("PULL")
    world:stream(taken)
    local device = device_of { ["in"] = taken, out = back }
    assert.equal(-errno.EBUSY, C.eddy_device_run(device))
    assert.equal(C.EDDY_IN, C.eddy_device_failed(device))
    local _, ran = relay { ["in"] = front, out = back }
    assert.equal(-errno.EALREADY, C.eddy_device_run(ran))
  end)
end)
