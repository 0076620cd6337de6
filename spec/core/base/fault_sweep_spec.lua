local C, ffi = require "spec.support.room" "base/faults"
local support = require "spec.core.support"
local torture = require "spec.core.base.fault_sweep"
local errno, zmq = support.errno, support.zmq

ffi.cdef "int raise(int signal);"

local READ, OWN_LINGER = C.EDDY_READ, C.EDDY_OWN_LINGER

local function check(result)
  if result < 0 then error(ffi.string(C.eddy_error_text(-result)), 0) end
  return result
end

local many = {}
for i = 1, 90 do many[i] = "part " .. i end

-- Turns the loop until something of that kind happened, or something failed, which ends it.
local function await(world, kind, id)
  local all = world:turn_until(function(events)
    for _, event in ipairs(events) do
      if event.kind:find("FAILED") or event.kind == "CLOSED" then return true end
      if event.kind == kind and event.id == id then return true end
    end
  end)
  for _, event in ipairs(all) do
    if event.kind:find("FAILED") or event.kind == "CLOSED" then error("it failed", 0) end
  end
  return all
end

local scenarios = {}

scenarios["plain sockets"] = function(world)
  local rep, req = world:open("REP"), world:open("REQ", { LINGER = 0, SNDTIMEO = 2000 })
  local endpoint = world:join(rep, req)
  check(world:put(req, many, 0))
  assert.same(many, assert(world:get(rep), "no request"))
  check(world:put(rep, "reply"))
  local frame = ffi.new("eddy_frame")
  check(C.eddy_socket_poll(world.context, req, READ, 1000))
  local size = C.eddy_socket_recv_frame(world.context, req, zmq.DONTWAIT, frame)
  C.eddy_frame_close(frame)
  check(size)
  check(C.eddy_socket_disconnect(world.context, req, endpoint))
  check(C.eddy_socket_close(world.context, rep, 0))
end

scenarios["what ends a thread's waits"] = function(world)
  local pull, made = world:open("PULL"), ffi.new "eddy_waits *[1]"
  check(C.eddy_waits_new(made))
  C.eddy_waits_enter(made[0])
  C.eddy_waits_stop(made[0])
  local rc = C.eddy_socket_poll(world.context, pull, READ, -1)
  local why = C.eddy_waits_interrupted()
  C.eddy_waits_enter(nil)
  C.eddy_waits_free(made[0])
  if rc ~= -errno.EINTR then check(rc) end
  assert.equal(C.EDDY_STOPPING, why)
end

scenarios["a name to bind to"] = function(world)
  local pull = world:open("PULL")
  check(C.eddy_socket_bind(world.context, pull, "tcp://localhost:*"))
  local value = ffi.new("char[256]")
  local size = check(C.eddy_socket_get(world.context, pull, zmq.LAST_ENDPOINT, value, 256))
  local endpoint = ffi.string(value, size - 1):gsub("127%.0%.0%.1", "localhost")
  check(C.eddy_socket_unbind(world.context, pull, endpoint))
end

scenarios["a path to bind to"] = function(world)
  local pull, path = world:open("PULL"), os.tmpname()
  os.remove(path)
  local bound = C.eddy_socket_bind(world.context, pull, "ipc://" .. path)
  local unbound = C.eddy_socket_unbind(world.context, pull, "ipc://" .. path)
  os.remove(path)
  check(bound)
  check(unbound)
end

scenarios["who may come in"] = function(world)
  local policy, asker = ffi.new("eddy_policy *[1]"), ffi.new("eddy_asker *[1]")
  check(C.eddy_policy_new(policy))
  local ok, err = pcall(function()
    local key = ("k"):rep(40)
    for i = 10, 40 do
      local name = key:sub(3) .. i
      check(C.eddy_policy_allow(policy[0], C.EDDY_ALLOWED_KEY, name, 40, nil, 0, nil, 0))
    end
    check(C.eddy_policy_allow(policy[0], C.EDDY_DENIED_ADDRESS, "10.0.0.0/8", 10, nil, 0, nil, 0))
    check(C.eddy_policy_allow(policy[0], C.EDDY_DENIED_KEY, key, 40, nil, 0, nil, 0))
    check(C.eddy_policy_folder(policy[0], "/proc/self/fdinfo", 1))
    check(C.eddy_asker_new(asker))
    C.eddy_policy_ask(policy[0], asker[0])
    C.eddy_asker_free(asker[0])
    local pull = world:open("PULL")
    check(C.eddy_socket_admit(world.context, pull, policy[0]))
    check(C.eddy_zap_set(world.context, "d", policy[0]))
    check(C.eddy_zap_set(world.context, "d", nil))
    check(C.eddy_zap_cut(world.context, nil, key))
    check(C.eddy_socket_close(world.context, pull, 0))
  end)
  C.eddy_policy_free(policy[0])
  if not ok then error(err, 0) end
end

scenarios["waiting for a list"] = function(world)
  local push, pull = world:pair("PUSH", "PULL")
  local items = ffi.new("eddy_poll_item[20]")
  for i = 0, 19 do
    items[i].context, items[i].socket, items[i].events = world.context, pull, READ
  end
  check(C.eddy_poll(items, 20, 0))
  check(world:put(push, "x"))
  assert.is_true(check(C.eddy_poll(items, 20, 2000)) > 0)
end

scenarios["a monitor"] = function(world)
  local bound, connected = world:open("PULL", { LINGER = 0 }), world:open("PUSH", { LINGER = 0 })
  local reader = world:open("PAIR", { RCVHWM = 0 })
  check(C.eddy_socket_monitor(world.context, bound, "inproc://torture-monitor", 0xffff))
  check(C.eddy_socket_connect(world.context, reader, "inproc://torture-monitor"))
  world:join(bound, connected, "tcp://127.0.0.1:*")
  local event = world:get(reader, 2000)
  assert.is_true(event == nil or #event == 2)
  check(C.eddy_socket_monitor(world.context, bound, nil, 0))
  check(C.eddy_socket_monitor(world.context, connected, "inproc://torture-monitor-2", 0xffff))
  check(C.eddy_socket_close(world.context, connected, 0))
  check(C.eddy_socket_close(world.context, bound, 0))
end

scenarios["frames and their trackers"] = function(world)
  local left, right = world:pair("PAIR", "PAIR")
  left, right = world:stream(left), world:stream(right, true)
  local frames = ffi.new("eddy_frame[3]")
  local trackers = {}
  local fine, err = pcall(function()
    check(C.eddy_frame_open(frames[0], ("x"):rep(5000), 5000, 1))
    check(C.eddy_frame_copy(frames[1], frames[0]))
    trackers[1] = C.eddy_tracker_of(frames[1])
    local parts = ffi.new("eddy_part[1]")
    parts[0].data, parts[0].size = ffi.cast("char *", frames), C.EDDY_FRAME
    check(C.eddy_stream_send_parts(world.loop, left, parts, 1, 0))
    world.unread = true
    local inbox = await(world, "RECEIVED", right)[1].inbox
    check(C.eddy_inbox_take(inbox, inbox.head, frames[2]))
    inbox.head = inbox.head + 1
    assert.equal(5000, frames[2]._size)
    assert.equal(0, C.eddy_tracker_wait(trackers[1], 0))
  end)
  for i = 0, 2 do C.eddy_frame_close(frames[i]) end
  if trackers[1] then
    if fine then assert.equal(1, C.eddy_tracker_wait(trackers[1], 5000)) end
    C.eddy_tracker_free(trackers[1])
  end
  assert.equal(0, C.eddy_frame_weight())
  if not fine then error(err, 0) end
end

scenarios["messages that are lent, kept and sent on"] = function(world)
  local left, right = world:pair("PAIR", "PAIR")
  left, right = world:stream(left), world:stream(right, true)
  local loan, frames, text = ffi.new("eddy_loan"), ffi.new("eddy_frame[2]"), ("x"):rep(500)
  local view = ffi.new("eddy_view", loan, 1, 1)
  local function is_lent() return C.eddy_bytes_equal(view, C.EDDY_VIEW, text, #text) == 1 end
  local fine, err = pcall(function()
    check(world:send(left, { "small", text }))
    world.unread = true
    local inbox = await(world, "RECEIVED", right)[1].inbox
    check(C.eddy_inbox_lend(inbox, loan, 2))
    local parts = ffi.new("eddy_part[1]")
    parts[0].data, parts[0].size = ffi.cast("char *", view), C.EDDY_VIEW
    check(C.eddy_stream_send_parts(world.loop, right, parts, 1, 0))
    check(C.eddy_view_keep(view, frames[0]))
    assert.is_true(is_lent())
    world:turn(0)
    if not is_lent() then
      assert.equal(-1, C.eddy_bytes_size(view, C.EDDY_VIEW))
      error("it could not be kept", 0)
    end
  end)
  C.eddy_loan_end(loan)
  assert.is_false(is_lent())
  for i = 0, 1 do C.eddy_frame_close(frames[i]) end
  if not fine then error(err, 0) end
end

scenarios["small frames"] = function(world)
  local left, right = world:pair("PAIR", "PAIR")
  left, right = world:stream(left), world:stream(right, true)
  local group = C.eddy_frame_group_new()
  if group == nil then error("no memory", 0) end
  local frame = ffi.new("eddy_frame")
  local fine, err = pcall(function()
    check(world:send(left, "small"))
    world.unread = true
    local inbox = await(world, "RECEIVED", right)[1].inbox
    assert.equal(1, C.eddy_frame_group_join(group, frame))
    assert.equal(0, C.eddy_frame_group_reset(group, 0))
    check(C.eddy_inbox_take(inbox, inbox.head, frame))
    inbox.head = inbox.head + 1
    assert.equal(1, C.eddy_bytes_equal(frame, C.EDDY_FRAME, "small", 5))
  end)
  C.eddy_frame_close(frame)
  C.eddy_frame_group_free(group)
  if not fine then error(err, 0) end
end

for name, policy in pairs { error = 0, drop_newest = 1, drop_oldest = 2 } do
  scenarios["a full queue that has the policy " .. name] = function(world)
    local stream, peer, connect = world:stuck(3, -1, policy)
    check(C.eddy_stream_await_drain(world.loop, stream, 1))
    for i = 1, 6 do
      local result = world:send(stream, tostring(i), 1)
      if result < 0 and not (policy == 0 and i > 3) then check(result) end
    end
    world:turn(0)
    connect()
    check(C.eddy_stream_drain(world.loop, stream, 1000))
    while world:get(peer, 0) do end
    world:turn(0)
  end
end

scenarios["a ROUTER's queue for peers that do not read"] = function(world)
  local router = world:open("ROUTER", { ROUTER_MANDATORY = 1, SNDHWM = 1, LINGER = 0 })
  local peers, ids = {}, {}
  for i = 1, 3 do
    peers[i] = world:open("DEALER", { RCVHWM = 1, LINGER = 0 })
    if i == 1 then world:join(router, peers[1]) else world:join(peers[i], router) end
    check(world:put(peers[i], "hello", 0))
    ids[i] = assert(world:get(router), "no hello")[1]
  end
  local stream = world:stream(router)
  for number = 1, 8 do
    for i = 1, 3 do check(world:send(stream, { ids[i], tostring(number) }, 1)) end
  end
  world:turn(0)
  while world:get(peers[2], 0) do check(C.eddy_stream_push(world.loop, stream, 100)) end
  check(C.eddy_loop_drain(world.loop, 1))
  world:turn(0)
  assert.is_true(world:stream_stats(stream).queued > 0)
end

scenarios["requests and their replies"] = function(world)
  local req, rep = world:pair("REQ", "REP")
  local stream = world:stream(rep, true)
  check(C.eddy_stream_remind(world.loop, stream, 0))
  check(world:put(req, many, 0))
  world.unread = true
  local inbox = await(world, "RECEIVED", stream)[1].inbox
  local function refused()
    local result = world:send(stream, many, 1)
    if result ~= -errno.EFSM then check(result) end
  end
  refused()
  assert.same({ many }, support.read(inbox))
  check(world:send(stream, many, 1))
  refused()
  await(world, "SENT", stream)
  assert.same(many, assert(world:get(req), "no reply"))
end

scenarios["messages to peers that are gone"] = function(world)
  local stream = world:stream(world:open("ROUTER", { ROUTER_MANDATORY = 1, LINGER = 0 }))
  local peer = ffi.new("char[?]", C.EDDY_PEER_BYTES)
  for i = 1, 3 do check(world:send(stream, { ("peer %d"):format(i), "x" }, i % 2)) end
  for _, event in ipairs(world:turn(0)) do
    if event.kind == "SEND_FAILED" then
      local size = check(C.eddy_stream_lost_peer(world.loop, stream, peer))
      assert.is_true(size == 0 or ffi.string(peer, size):find "^peer %d$" ~= nil)
    end
  end
end

scenarios["a flush"] = function(world)
  local a, b = world:pair("PAIR", "PAIR")
  local left, right = world:stream(a), world:stream(b)
  for i = 1, 5 do check(world:send(left, "m" .. i)) end
  local got = 0
  for _ = 1, 10 do
    local inbox = C.eddy_stream_pull(world.loop, right, 2)
    if inbox == nil then break end
    got = got + #support.read(inbox)
  end
  check(C.eddy_stream_push(world.loop, left, 10))
  assert.is_true(got <= 5)
end

scenarios["signals, timers, wakers and watches"] = function(world)
  local pipe = ffi.new("int[2]")
  assert.equal(0, ffi.C.pipe(pipe))
  local fine, err = pcall(function()
    local usr1 = C.eddy_signal_number("USR1")
    check(C.eddy_signal_watch(world.loop, usr1))
    ffi.C.raise(usr1)
    for i = 1, 40 do check(C.eddy_timer_open(world.loop, C.eddy_time() - i, i % 2)) end
    local waker = check(C.eddy_waker_open(world.loop))
    for i = 1, 90 do check(C.eddy_loop_wake(world.loop, waker, i)) end
    local watch = check(C.eddy_watch_fd(world.loop, pipe[0], READ))
    ffi.C.write(pipe[1], "x", 1)
    local kinds = {}
    world:turn_until(function(events)
      for _, event in ipairs(events) do kinds[event.kind] = true end
      return kinds.SIGNAL and kinds.TIMER and kinds.WOKEN and kinds.READY
    end)
    check(C.eddy_watch_change(world.loop, watch, C.EDDY_WRITE))
    check(C.eddy_watch_close(world.loop, watch))
    check(C.eddy_signal_unwatch(world.loop, usr1))
  end)
  ffi.C.close(pipe[0])
  ffi.C.close(pipe[1])
  if not fine then error(err, 0) end
end

scenarios["a loop inside another one"] = function(world)
  local push, pull = world:pair("PUSH", "PULL")
  local stream = world:stream(pull, true)
  check(C.eddy_loop_fd(world.loop))
  check(world:put(push, "x"))
  await(world, "RECEIVED", stream)
  assert.equal(-1, C.eddy_loop_timeout(world.loop))
end

scenarios["sockets that end under their streams and watches"] = function(world)
  local a, b = world:pair("PAIR", "PAIR")
  local c = world:open("PULL")
  local stream = world:stream(a, true)
  local watch = check(C.eddy_watch_socket(world.loop, world.context, c, READ))
  check(world:send(stream, many, 1))
  check(C.eddy_socket_close(world.context, a, 0))
  check(C.eddy_socket_close(world.context, c, OWN_LINGER))
  local closed = 0
  world:turn_until(function(events)
    closed = 0
    for _, event in ipairs(events) do closed = closed + (event.kind == "CLOSED" and 1 or 0) end
    return closed == 2
  end)
  check(C.eddy_watch_close(world.loop, watch))
  check(C.eddy_stream_close(world.loop, stream, 0))
  check(C.eddy_socket_close(world.context, b, 0))
end

scenarios["a loop that ends with everything open"] = function(world)
  world:stream((world:pair("PAIR", "PAIR")), true)
  local stuck = world:stuck()
  check(world:send(stuck, many, 1))
  check(C.eddy_loop_drain(world.loop, 1))
  local other, context = ffi.new("eddy_loop *[1]"), ffi.new("eddy_context *[1]")
  check(C.eddy_context_new(-1, context))
  local fine, err = pcall(function()
    check(C.eddy_loop_new(other))
    local socket = check(C.eddy_socket_open(context[0], zmq.PAIR))
    check(C.eddy_stream_open(other[0], context[0], socket))
    check(C.eddy_timer_open(other[0], 0, 0))
    check(C.eddy_waker_open(other[0]))
  end)
  C.eddy_loop_free(other[0])
  C.eddy_context_free(context[0])
  check(C.eddy_shutdown(C.eddy_time() + 5000))
  if not fine then error(err, 0) end
end

scenarios["files of keys"] = function()
  local path, room = os.tmpname(), ffi.new("char[16]")
  local exposed = ffi.new("uint32_t[1]")
  os.remove(path)
  local created = C.eddy_key_file_create(path, "whatever", 8, 384)
  if created < 0 then assert.is_nil(io.open(path)) end
  local size = C.eddy_key_file_read(path, room, 16, exposed)
  local text = ffi.string(room, 8)
  local listed = C.eddy_key_folder("/proc/self/fdinfo", room, 16)
  os.remove(path)
  check(created)
  check(size)
  assert.same({ "whatever", 0 }, { text, exposed[0] })
  check(listed)
end

scenarios["a child"] = function(world)
  local plan, words = ffi.new "eddy_spawn", ffi.new("const char *[3]", { "cat", "-" })
  plan.program, plan.arguments, plan.channel = "cat", words, 5
  plan.streams[0], plan.streams[1], plan.streams[2] = C.EDDY_PIPE, C.EDDY_PIPE, C.EDDY_JOINED
  local child = check(C.eddy_child_spawn(world.loop, plan))
  local input, output = plan.pipes[0], plan.pipes[1]
  check(C.eddy_pipe_write(world.loop, input, "hello", 5))
  check(C.eddy_pipe_want(world.loop, input, C.EDDY_WRITE))
  check(C.eddy_pipe_want(world.loop, input, 0))
  check(C.eddy_pipe_want(world.loop, output, READ))
  await(world, "READY", output)
  local buffer = ffi.new "char[16]"
  assert.equal("hello", ffi.string(buffer, check(C.eddy_pipe_read(world.loop, output, buffer, 16))))
  check(C.eddy_pipe_close(world.loop, input))
  check(C.eddy_pipe_want(world.loop, output, 0))
  await(world, "EXITED", child)
  plan.streams[2] = C.EDDY_NULL
  check(C.eddy_child_spawn(world.loop, plan))
  assert.equal(0, check(C.eddy_children_stop(world.loop, 5000)))
  check(C.eddy_child_spawn(world.loop, plan)) -- ends with the loop
end

describe("torture", function()
  for name, scenario in pairs(scenarios) do
    it("leaves nothing of " .. name .. ", whichever call fails", function()
      local ok, _, problem = torture.play(scenario)
      assert.message(tostring(problem)).is_true(ok)
      local failures = 0
      for call in pairs(torture.FAILURES) do
        failures = failures + torture.fail_each(scenario, call)
      end
      assert.is_true(failures > 0)
      assert.is_true(torture.play(scenario))
    end)
  end
end)
