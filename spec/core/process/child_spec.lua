local C, ffi = require "spec.support.room" "base/faults"
local support = require "spec.core.support"
local errno = support.errno

-- A plan of a command; what it points at is kept with it.
local kept = setmetatable({}, { __mode = "k" })
local function plan_of(words, fields)
  local plan, list = ffi.new "eddy_spawn", ffi.new("const char *[?]", #words + 1)
  for i, word in ipairs(words) do list[i - 1] = word end
  plan.program, plan.arguments = words[1], list
  plan.streams[0], plan.streams[1], plan.streams[2] = C.EDDY_NULL, C.EDDY_NULL, C.EDDY_INHERIT
  for key, value in pairs(fields or {}) do
    if type(key) == "number" then plan.streams[key] = value else plan[key] = value end
  end
  kept[plan] = { words, list, fields }
  return plan
end

local function state_of(pid)
  local file = io.open("/proc/" .. pid .. "/stat")
  local state = file and file:read("*a"):match("%) (%a)")
  if file then file:close() end
  return state
end

describe("core/process/child", function()
  local world, exits
  support.each(function(...) world, exits = ..., {} end)

  local function spawn(words, fields)
    local plan = plan_of(words, fields)
    return C.eddy_child_spawn(world.loop, plan), plan
  end

  -- Turns the loop until something is so; how children end meanwhile is kept.
  local function turn_until(is_so)
    world:turn_until(function(events)
      for _, event in ipairs(events) do
        if event.kind == "EXITED" then exits[event.id] = { event.value, event.number } end
      end
      return is_so(events)
    end)
  end

  -- How it ended: its code and its signal.
  local function ending(id)
    turn_until(function() return exits[id] end)
    return unpack(exits[id])
  end

  local function await_ready(pipe)
    assert.equal(0, C.eddy_pipe_want(world.loop, pipe, C.EDDY_READ))
    turn_until(function(events)
      for _, event in ipairs(events) do
        if event.kind == "READY" and event.id == pipe then return true end
      end
    end)
  end

  -- What can be read at once from a pipe; nil at its end.
  local function read(pipe)
    local buffer = ffi.new "char[4096]"
    local size = C.eddy_pipe_read(world.loop, pipe, buffer, 4096)
    assert.is_true(size >= 0)
    return size > 0 and ffi.string(buffer, size) or nil
  end

  -- All that comes through a pipe, until its end.
  local function read_all(pipe)
    local text, part = {}, ""
    while part do
      text[#text + 1] = part
      await_ready(pipe)
      part = read(pipe)
    end
    assert.equal(0, C.eddy_pipe_want(world.loop, pipe, 0))
    return table.concat(text)
  end

  it("tells how a child ended, once, and leaves no zombie", function()
    local id, plan = spawn { "sh", "-c", "exit 7" }
    assert.is_true(id > 0)
    assert.equal(1, C.eddy_loop_alive(world.loop))
    assert.same({ 7, 0 }, { ending(id) })
    assert.equal(0, C.eddy_loop_alive(world.loop))
    assert.is_nil(state_of(plan.pid))
    assert.equal(-errno.ESRCH, C.eddy_child_kill(world.loop, id, 15, 0))
    assert.same({}, world:turn(0))
  end)

  it("tells the signal that ended one", function()
    local id = spawn { "sleep", "60" }
    assert.equal(0, C.eddy_child_kill(world.loop, id, 9, 0))
    assert.same({ -1, 9 }, { ending(id) })
  end)

  it("connects pipes, and closes what the child has", function()
    local PIPE = C.EDDY_PIPE
    local id, plan = spawn({ "sh", "-c", "cat; echo complaint >&2" },
      { [0] = PIPE, [1] = PIPE, [2] = PIPE })
    assert.equal(5, C.eddy_pipe_write(world.loop, plan.pipes[0], "hello", 5))
    assert.equal(0, C.eddy_pipe_close(world.loop, plan.pipes[0]))
    assert.equal(-errno.EBADF, C.eddy_pipe_close(world.loop, plan.pipes[0]))
    assert.equal("hello", read_all(plan.pipes[1]))
    assert.equal("complaint\n", read_all(plan.pipes[2]))
    assert.same({ 0, 0 }, { ending(id) })
  end)

  it("has a channel beside the standard streams, and joins two of these", function()
    local id, plan = spawn({ "sh", "-c", "cat <&7 >&8; echo out; echo err >&2" },
      { channel = 7, [1] = C.EDDY_PIPE, [2] = C.EDDY_JOINED })
    C.eddy_pipe_write(world.loop, plan.pipes[C.EDDY_CHANNEL], "over it", 7)
    C.eddy_pipe_close(world.loop, plan.pipes[C.EDDY_CHANNEL])
    assert.equal("over it", read_all(plan.pipes[C.EDDY_CHANNEL + 1]))
    assert.equal("out\nerr\n", read_all(plan.pipes[1]))
    assert.equal(0, plan.pipes[2])
    assert.same({ 0, 0 }, { ending(id) })
  end)

  it("gives it the descriptors that it is to have, whatever numbers they have here", function()
    local file = io.tmpfile()
    file:write("kept")
    file:flush()
    local fd = C.eddy_file_descriptor(ffi.cast("void *", file))
    local pairs_ = ffi.new("int32_t[4]", { 3, fd, fd, 3 }) -- they change places
    local other = io.tmpfile()
    local id, plan = spawn({ "sh", "-c", "cat /proc/self/fd/3; ls /proc/self/fd | wc -l" },
      { descriptors = pairs_, descriptor_count = 1, [1] = C.EDDY_PIPE })
    -- 0, 1, 2, 3, and the one that ls opens
    assert.equal("kept5\n", read_all(plan.pipes[1]))
    assert.same({ 0, 0 }, { ending(id) })
    other:close()
    file:close()
  end)

  it("says of what a spawn failed, and leaves nothing", function()
    local PROGRAM, DIRECTORY, DESCRIPTOR = C.EDDY_SPAWN_PROGRAM, C.EDDY_SPAWN_DIRECTORY,
      C.EDDY_SPAWN_DESCRIPTOR
    for _, case in ipairs {
      { { "no-such-program" }, {}, "ENOENT", PROGRAM },
      { { "/no/such/program" }, {}, "ENOENT", PROGRAM },
      { { "/etc/passwd" }, {}, "EACCES", PROGRAM },
      { { "/etc/passwd/x" }, {}, "ENOTDIR", PROGRAM },
      { { "true" }, { directory = "/no/such/folder" }, "ENOENT", DIRECTORY },
      { { "true" }, { [1] = 9999 }, "EBADF", DESCRIPTOR },
      { { "true" }, { descriptors = ffi.new("int32_t[2]", { 3, 9999 }), descriptor_count = 1 },
        "EBADF", DESCRIPTOR },
      { { "true" }, { [1] = -4 }, "EINVAL", C.EDDY_SPAWN_START },
      { { "true" }, { [0] = -5 }, "EINVAL", C.EDDY_SPAWN_START },
      { { "true" }, { channel = -1 }, "EINVAL", C.EDDY_SPAWN_START },
    } do
      local result, plan = spawn(case[1], case[2])
      assert.same({ -errno[case[3]], case[4] }, { result, plan.failed })
    end
    assert.equal(0, C.eddy_loop_alive(world.loop))
  end)

  it("looks for a program in the child's PATH", function()
    local folder = os.tmpname()
    os.remove(folder)
    os.execute("mkdir " .. folder)
    local path = folder .. "/only-there"
    local file = assert(io.open(path, "w"))
    file:write("#!/bin/sh\nexit 4\n")
    file:close()
    local environment = ffi.new("const char *[2]")
    local text = "PATH=/nowhere:" .. folder .. ":/usr/bin:/bin"
    environment[0] = text
    local result, plan = spawn({ "only-there" }, { environment = environment })
    assert.same({ -errno.EACCES, C.EDDY_SPAWN_PROGRAM }, { result, plan.failed })
    os.execute("chmod +x " .. path)
    local id = spawn({ "only-there" }, { environment = environment })
    assert.same({ 4, 0 }, { ending(id) })
    os.remove(path)
    os.remove(folder)
  end)

  it("reaches the whole group of one that leads one", function()
    local id, plan = spawn({ "sh", "-c", "sleep 60 & echo $!; wait" },
      { [1] = C.EDDY_PIPE, flags = C.EDDY_CHILD_GROUP })
    await_ready(plan.pipes[1])
    local grandchild = tonumber(read(plan.pipes[1]))
    assert.is_string(state_of(grandchild))
    assert.equal(0, C.eddy_child_kill(world.loop, id, 15, 1))
    assert.same({ -1, 15 }, { ending(id) })
    -- Whoever adopted it asks how it ended, or not.
    repeat local state = state_of(grandchild) until not state or state == "Z"
  end)

  it("asks all to end, waits for it, and kills what goes on, with the loop", function()
    local one, first = spawn { "sleep", "60" }
    local _, deaf = spawn({ "sh", "-c", "trap '' TERM; echo; while :; do sleep 60; done" },
      { [1] = C.EDDY_PIPE, flags = C.EDDY_CHILD_GROUP })
    await_ready(deaf.pipes[1])
    local _, free = spawn({ "sleep", "60" }, { flags = C.EDDY_CHILD_DETACHED })
    repeat until C.eddy_children_stop(world.loop, 10) == 1
    assert.same({ -1, 15 }, { ending(one) })
    assert.is_nil(state_of(first.pid))
    local loop = ffi.new "eddy_loop *[1]"
    assert.equal(0, C.eddy_loop_new(loop))
    C.eddy_loop_free(world.loop)
    world.loop = loop[0]
    assert.is_nil(state_of(deaf.pid))
    assert.is_string(state_of(free.pid))
    os.execute("kill " .. free.pid)
    repeat until state_of(free.pid) == "Z"
    assert.same({ 0, 0 }, { ending((spawn { "true" })) })
    assert.is_nil(state_of(free.pid)) -- a spawn asks about those that were left
  end)

  it("writes to nobody without a signal", function()
    local id, plan = spawn({ "true" }, { [0] = C.EDDY_PIPE })
    ending(id)
    assert.equal(-errno.EPIPE, C.eddy_pipe_write(world.loop, plan.pipes[0], "x", 1))
  end)

  it("tells its end later when the batch has no room", function()
    local id, plan = spawn { "true" }
    repeat until state_of(plan.pid) == "Z"
    C.eddy__fault_plan(C.EDDY__FAULT_ALLOC, 0, 1, errno.ENOMEM)
    assert.same({}, world:turn(0))
    assert.same({ 0, 0 }, { ending(id) })
  end)

  it("knows that one has ended, also when nobody can tell how", function()
    local id = spawn { "true" }
    C.eddy__fault_plan(C.EDDY__FAULT_WAITPID, 0, 1, errno.ECHILD)
    assert.same({ -1, 0 }, { ending(id) })
  end)

  it("keeps a thousand short ones in flat memory", function()
    for _ = 1, 1000 do ending((spawn { "/bin/true" })) end
    local stats = world:stats()
    assert.equal(0, stats.handlers)
  end)

  it("is not there for stale ids", function()
    assert.equal(-errno.ESRCH, C.eddy_child_kill(world.loop, 12345, 15, 0))
    for _, call in ipairs { "eddy_pipe_read", "eddy_pipe_write" } do
      assert.equal(-errno.EBADF, C[call](world.loop, 12345, ffi.new "char[1]", 1))
    end
    assert.equal(-errno.EBADF, C.eddy_pipe_want(world.loop, 12345, C.EDDY_READ))
    assert.equal(-errno.EBADF, C.eddy_pipe_close(world.loop, 12345))
  end)
end)
