local C, ffi = require "spec.support.room" "base/faults"
local support = require "spec.core.support"
local torture = require "spec.core.base.fault_sweep"
local errno, zmq = support.errno, support.zmq

local FAILURES, plan, seen = torture.FAILURES, torture.plan, torture.seen

describe("core/base/faults", function()
  local world, pipe
  support.each_with_pipe(function(...) world, pipe = ... end)

  -- Operations that fail with the error of whichever call fails in them. Each undoes itself.
  local operations = {
    loop = function()
      local loop = ffi.new("eddy_loop *[1]")
      local result = C.eddy_loop_new(loop)
      if result == 0 then C.eddy_loop_free(loop[0]) end
      return result
    end,
    context = function()
      local context = ffi.new("eddy_context *[1]")
      local result = C.eddy_context_new(1, context)
      if result == 0 then
        C.eddy_context_term(context[0])
        C.eddy_context_free(context[0])
      end
      return result
    end,
    socket = function()
      local id = C.eddy_socket_open(world.context, zmq.PAIR)
      if id > 0 then C.eddy_socket_close(world.context, id, C.EDDY_OWN_LINGER) end
      return id
    end,
    bind = function()
      local result = C.eddy_socket_bind(world.context, world.socket, "inproc://fault")
      while result == 0 and
        C.eddy_socket_unbind(world.context, world.socket, "inproc://fault") ~= 0 do end
      return result
    end,
    connect = function()
      local result = C.eddy_socket_connect(world.context, world.socket, "tcp://127.0.0.1:9")
      if result == 0 then
        C.eddy_socket_disconnect(world.context, world.socket, "tcp://127.0.0.1:9")
      end
      return result
    end,
    ["watch of a descriptor"] = function()
      local id = C.eddy_watch_fd(world.loop, pipe[0], C.EDDY_READ)
      if id > 0 then C.eddy_watch_close(world.loop, id) end
      return id
    end,
    ["watch of a socket"] = function()
      local id = C.eddy_watch_socket(world.loop, world.context, world.socket, C.EDDY_READ)
      if id > 0 then C.eddy_watch_close(world.loop, id) end
      return id
    end,
    ["poll of a long list"] = function()
      local items = ffi.new("eddy_poll_item[20]")
      for i = 0, 18 do items[i].fd, items[i].events = pipe[0], C.EDDY_READ end
      items[19].context, items[19].socket = world.context, world.socket
      return C.eddy_poll(items, 20, 0)
    end,
    timer = function()
      local id = C.eddy_timer_open(world.loop, 1e12, 0)
      if id > 0 then C.eddy_timer_close(world.loop, id) end
      return id
    end,
    waker = function()
      local id = C.eddy_waker_open(world.loop)
      if id > 0 then C.eddy_waker_close(world.loop, id) end
      return id
    end,
    ["queued message of many parts"] = function()
      local stream = world.stuck
      local parts = {}
      for i = 1, 20 do parts[i] = "part " .. i end
      local result = world:send(stream, parts, 1)
      if result < 0 then assert.equal(world.queued, world:stream_stats(stream).queued) end
      world.queued = world:stream_stats(stream).queued
      return result
    end,
  }

  for name, run in pairs(operations) do
    it("fails a " .. name .. " with the error of any call in it, and leaves nothing", function()
      world.socket = world:open("PAIR")
      world.stuck = world:stream(world:open("PUSH"))
      -- With its first message it takes its place on the counters page, and goes on without one.
      world:send(world.stuck, "first")
      world.queued = world:stream_stats(world.stuck).queued
      local sockets = C.eddy_context_sockets(world.context)
      for call, failure in pairs(FAILURES) do
        local skip = 0
        repeat
          plan(call, skip, 1, failure)
          local result = run()
          local failed = seen(call) > skip
          support.forget_faults()
          -- What was refused while sending is not a failure of the call that queued it, nor is
          -- what undoes the operation one of the operation.
          local is_beside = (call == "ZMQ_GET" and name:find("queued")) or call == "MSG_SEND" or
            call == "ZMQ_UNBIND" or call == "ZMQ_DISCONNECT"
          if failed and not is_beside then
            assert.equal(-errno[failure], result, call .. " " .. skip)
          end
          assert.equal(sockets, C.eddy_context_sockets(world.context))
          world:turn(0)
          skip = skip + 1
        until not failed
        assert.is_true(run() >= 0)
        world:turn(0)
      end
      local stats = world:stats()
      assert.same({ 1, 0, 0 }, { stats.streams, stats.timers, stats.handlers })
    end)
  end

  -- A stream's life with everything in it; each failed call may end it early.
  local function session()
    local many = {}
    for i = 1, 100 do many[i] = "part " .. i end
    local left, right = world:pair("PAIR", "PAIR")
    left, right = world:stream(left, true), world:stream(right, true)
    local timer = C.eddy_timer_open(world.loop, C.eddy_time(), 0)
    local waker = C.eddy_waker_open(world.loop)
    C.eddy_loop_wake(world.loop, waker, 1)
    C.eddy_watch_close(world.loop, C.eddy_watch_fd(world.loop, pipe[0], C.EDDY_READ))
    if world:send(left, many, 1) < 0 then return end
    local got = {}
    world:turn_until(function(events)
      for _, event in ipairs(events) do
        got[event.kind .. event.id] = event
        if event.kind == "CLOSED" then return true end
      end
      return got["SEND_FAILED" .. left] or got["SENT" .. left] and got["RECEIVED" .. right]
    end)
    local received = got["RECEIVED" .. right]
    if received then assert.same({ many }, received.messages) end
    C.eddy_timer_close(world.loop, math.max(timer, 0))
    C.eddy_waker_close(world.loop, math.max(waker, 0))
    C.eddy_stream_close(world.loop, left, 0)
    C.eddy_stream_close(world.loop, right, 0)
    return received ~= nil
  end

  local function fail_each(call, failure, times)
    local skip, failed = 0
    repeat
      plan(call, skip, times, failure)
      local ok, problem = pcall(session)
      failed = seen(call) > skip
      support.forget_faults()
      if not ok then assert.not_matches("waited for", tostring(problem), call .. " " .. skip) end
      C.eddy_context_close_sockets(world.context, 0)
      world:turn(0)
      assert.is_true(session())
      skip = skip + 1
    until not failed or skip > 150
  end

  for call, failure in pairs(FAILURES) do
    it("survives the failure of every single " .. call, function()
      fail_each(call, failure, 1)
    end)
  end

  for call in ("ZMQ_BIND ZMQ_CONNECT ZMQ_GET ZMQ_SET MSG_SEND MSG_RECV"):gmatch("%S+") do
    it("does not let a signal spoil " .. call, function()
      plan(call, 0, 10, "EINTR")
      assert.is_true(session())
    end)
  end

  for call, names in pairs { OPEN = "EACCES EMFILE", LOCK = "ENOLCK EBADF EINTR" } do
    it("binds to a path also when " .. call .. " fails, which is for its lock alone", function()
      for name in names:gmatch("%S+") do
        local path = os.tmpname()
        os.remove(path)
        plan(call, 0, 1, name)
        assert.equal(0, C.eddy_socket_bind(world.context, world:open("PULL"), "ipc://" .. path))
        assert.is_true(seen(call) >= 1)
        support.forget_faults()
        os.remove(path)
      end
    end)
  end

  for _, call in ipairs { "MSG_SEND", "MSG_RECV" } do
    it("survives it when " .. call .. " finds its context terminated", function()
      fail_each(call, "ETERM", 1)
    end)
  end

  it("takes a send that the socket refused for the moment as one to repeat", function()
    for skip = 0, 3 do
      plan("MSG_SEND", skip * 100, 1, "EAGAIN")
      assert.is_true(session())
    end
  end)
end)
