-- What the specs of the core share: a loop with a context of its own, sockets, and turns that
-- end when something has happened.
local C, ffi = require "spec.support.room" "base/faults"

ffi.cdef [[
int fcntl(int fd, int command, ...);
int pipe(int fds[2]);
int close(int fd);
ssize_t read(int fd, void *buffer, size_t size);
ssize_t write(int fd, const void *buffer, size_t size);
struct support_pollfd { int fd; short events, revents; };
int poll(struct support_pollfd *items, unsigned long count, int timeout);
]]

local PATIENCE_MS, DESCRIPTORS, F_GETFD = 10000, 256, 1

local zmq = {}
do
  local array = ffi.new("const eddy_constant *[1]")
  for i = 0, C.eddy_constants(array) - 1 do
    zmq[ffi.string(array[0][i].name)] = array[0][i].value
  end
end

local errno = {}
for number = 1, 133 do
  local name = C.eddy_error_name(number)
  if name ~= nil then errno[ffi.string(name)] = number end
end
errno.ENOTSUP, errno.EFSM, errno.ETERM = 95, 156384763, 156384765

local kinds = {}
for name in ("RECEIVED RECEIVE_FAILED SENT SEND_FAILED FULL DRAINED CLOSED READY SIGNAL WOKEN "
  .. "OVERDUE INTERRUPTED TIMER GAP EXITED"):gmatch("%S+") do
  kinds[tonumber(C["EDDY_" .. name])] = name
end

local function check(result)
  if result >= 0 then return result end
  error(ffi.string(C.eddy_error_text(-result)), 3)
end

local function descriptors()
  local open = 0
  for fd = 0, DESCRIPTORS do
    if ffi.C.fcntl(fd, F_GETFD) ~= -1 then open = open + 1 end
  end
  return open
end

-- Waits until a descriptor can be read, without touching what stands behind it.
local function wait_readable(fd)
  local item = ffi.new("struct support_pollfd", fd, 1)
  assert(ffi.C.poll(item, 1, PATIENCE_MS) == 1, "the descriptor stays silent")
end

local function part_string(part) return ffi.string(part.data, part.size) end

-- Reads up to `most` whole messages, each a list of strings.
local function read(inbox, most)
  local messages = {}
  while inbox.head < inbox.tail and #messages < (most or math.huge) do
    local message = {}
    repeat
      local part = inbox.parts[inbox.head]
      message[#message + 1] = part_string(part)
      inbox.head = inbox.head + 1
    until part.more == 0
    messages[#messages + 1] = message
  end
  return messages
end

-- An array of eddy_part, and the strings that keep its bytes.
local function parts_of(strings)
  local parts = ffi.new("eddy_part[?]", #strings)
  for i, text in ipairs(strings) do
    parts[i - 1].data, parts[i - 1].size = text, #text
  end
  return parts, #strings
end

-- With a process's first context comes one that is kept, and has a descriptor: made here, it is
-- not taken for one that is left open.
local first = ffi.new("eddy_context *[1]")
check(C.eddy_context_new(1, first))
check(C.eddy_context_term(first[0]))
C.eddy_context_free(first[0])

local World = {}
World.__index = World

local function new_world()
  local before = descriptors()
  local loop, context = ffi.new("eddy_loop *[1]"), ffi.new("eddy_context *[1]")
  check(C.eddy_loop_new(loop))
  local result = C.eddy_context_new(1, context)
  if result < 0 then C.eddy_loop_free(loop[0]) end
  check(result)
  return setmetatable({
    loop = loop[0], context = context[0], before = before, names = 0, unread = false,
  }, World)
end

local function forget_faults()
  for call = 0, tonumber(C.EDDY__FAULT_CALLS) - 1 do C.eddy__fault_plan(call, 0, 0, 0) end
end

-- Frees everything, and looks whether anything is left open.
function World:close()
  forget_faults()
  local missed = self:stats().missed_wakeups
  C.eddy_context_close_sockets(self.context, 0)
  C.eddy_loop_free(self.loop)
  check(C.eddy_context_term(self.context))
  C.eddy_context_free(self.context)
  assert(missed == 0, "wake-ups were missed")
  -- A context whose owner did not terminate it ends in a thread of its own.
  local deadline = C.eddy_time() + PATIENCE_MS
  repeat
    if descriptors() <= self.before then return end
  until C.eddy_time() > deadline
  error("descriptors are left open")
end

function World:stats()
  local stats = ffi.new("eddy_loop_stats")
  check(C.eddy_loop_stats_get(self.loop, stats))
  return stats
end

function World:endpoint()
  self.names = self.names + 1
  return "inproc://" .. self.names
end

-- Opens a socket of that type, with integer or string options by name.
function World:open(kind, options)
  local socket = check(C.eddy_socket_open(self.context, zmq[kind]))
  for name, value in pairs(options or {}) do self:set(socket, name, value) end
  return socket
end

function World:set(socket, name, value)
  local bytes = type(value) == "string" and value or ffi.new("int[1]", value)
  local size = type(value) == "string" and #value or 4
  check(C.eddy_socket_set(self.context, socket, zmq[name], bytes, size))
end

-- Binds one socket and connects the other one to it. Without an endpoint, by inproc; with
-- one that ends in a star, by what it was bound to.
function World:join(bound, connected, endpoint)
  endpoint = endpoint or self:endpoint()
  check(C.eddy_socket_bind(self.context, bound, endpoint))
  if endpoint:sub(-1) == "*" then
    local value = ffi.new("char[256]")
    local size = C.eddy_socket_get(self.context, bound, zmq.LAST_ENDPOINT, value, 256)
    endpoint = ffi.string(value, check(size) - 1)
  end
  check(C.eddy_socket_connect(self.context, connected, endpoint))
  return endpoint
end

-- A connected pair of sockets of these types.
function World:pair(kind, other, options, other_options)
  local a, b = self:open(kind, options), self:open(other, other_options)
  self:join(a, b)
  return a, b
end

function World:stream(socket, receiving)
  local stream = check(C.eddy_stream_open(self.loop, self.context, socket))
  if receiving then check(C.eddy_stream_receive(self.loop, stream, 1)) end
  return stream
end

-- A stream whose socket can take no message, its peer, and a function that connects the two.
function World:stuck(messages, bytes, policy)
  local socket, peer, endpoint = self:open("PUSH"), self:open("PULL"), self:endpoint()
  local stream = self:stream(socket)
  check(C.eddy_stream_limit(self.loop, stream, messages or -1, bytes or -1, policy or 0))
  check(C.eddy_socket_bind(self.context, peer, endpoint))
  return stream, peer, function()
    check(C.eddy_socket_connect(self.context, socket, endpoint))
  end, socket
end

function World:stream_stats(stream)
  local stats = ffi.new("eddy_stream_stats")
  check(C.eddy_stream_stats_get(self.loop, stream, stats))
  return stats
end

-- Sends through a stream: a string, or a list of them. Returns the core's result without the
-- number, and the number.
function World:send(stream, message, report)
  local parts, count = parts_of(type(message) == "string" and { message } or message)
  local result = C.eddy_stream_send_parts(self.loop, stream, parts, count, report or 0)
  if result < 0 then return result end
  return result % 4, math.floor(result / 4)
end

-- Sends through a plain socket, without waiting unless `flags` are given.
function World:put(socket, message, flags)
  local parts, count = parts_of(type(message) == "string" and { message } or message)
  return C.eddy_socket_send_parts(self.context, socket, parts, count, flags or zmq.DONTWAIT)
end

-- Receives a whole message from a plain socket, as a list of strings; nil when none comes.
function World:get(socket, timeout)
  if check(C.eddy_socket_poll(self.context, socket, C.EDDY_READ, timeout or 5000)) == 0 then
    return nil
  end
  local message, part = {}, ffi.new("eddy_received")
  repeat
    check(C.eddy_socket_recv(self.context, socket, zmq.DONTWAIT, part))
    message[#message + 1] = part_string(part)
    C.eddy_received_close(part)
  until part.more == 0
  return message
end

-- Receives so many messages from a plain socket, in one string; no more may be there.
function World:heads(socket, count)
  local list = {}
  for i = 1, count do list[i] = table.concat(self:get(socket) or { "nothing" }, ",") end
  assert(not self:get(socket, 0), "there are more messages")
  return table.concat(list, " ")
end

-- One turn; its events, with the messages they brought unless `self.unread`.
function World:turn(timeout)
  local events = {}
  for i = 0, check(C.eddy_loop_turn(self.loop, timeout or 0)) - 1 do
    local raw = C.eddy_loop_events(self.loop)[i]
    local event = {
      kind = kinds[raw.kind], id = raw.id, value = raw.value, reported = raw.reported,
      number = raw.number, inbox = raw.inbox,
    }
    if event.kind == "RECEIVED" and not self.unread then event.messages = read(raw.inbox) end
    events[#events + 1] = event
  end
  return events
end

-- Turns the loop until `done(events)`, which is given all events since the call, of whose kinds it
-- sees the names ("SENT"); returns them.
function World:turn_until(done)
  local all, deadline = {}, C.eddy_time() + PATIENCE_MS
  repeat
    for _, event in ipairs(self:turn(10)) do all[#all + 1] = event end
    if done(all) then return all end
  until C.eddy_time() > deadline
  error("what was waited for has not happened", 2)
end

-- The first event of that kind (and id) in the list, turning the loop when there is no list.
function World:event(kind, id)
  local found
  self:turn_until(function(events)
    for _, event in ipairs(events) do
      if event.kind == kind and (not id or event.id == id) then found = found or event end
    end
    return found
  end)
  return found
end

-- Turns the loop until `count` messages came through the stream; returns them.
function World:messages(stream, count)
  local messages, seen = {}, 0
  self:turn_until(function(events)
    for i = seen + 1, #events do
      local event = events[i]
      if event.kind == "RECEIVED" and event.id == stream then
        for _, message in ipairs(event.messages) do messages[#messages + 1] = message end
      end
    end
    seen = #events
    return #messages >= count
  end)
  return messages
end

-- The kinds of these events, as one string.
local function names(events)
  local list = {}
  for i, event in ipairs(events) do list[i] = event.kind end
  return table.concat(list, " ")
end

-- Makes a world before each test of the spec that calls this, and closes it after the test.
-- set(world) may go on from there.
local function each(set)
  local spec, world = getfenv(set), nil -- busted's functions belong to the file that is run
  spec.before_each(function()
    world = new_world()
    set(world)
  end)
  spec.after_each(function() world:close() end)
end

-- The same, with a pipe: set(world, pipe). An end that a test closed is -1.
local function each_with_pipe(set)
  local spec, pipe = getfenv(set), nil
  spec.after_each(function()
    for i = 0, 1 do
      if pipe[i] >= 0 then ffi.C.close(pipe[i]) end
    end
  end)
  each(setfenv(function(world)
    pipe = ffi.new("int[2]")
    assert(ffi.C.pipe(pipe) == 0)
    set(world, pipe)
  end, spec))
end

return {
  each = each, each_with_pipe = each_with_pipe,
  world = new_world, zmq = zmq, errno = errno, read = read, parts_of = parts_of, names = names,
  descriptors = descriptors, wait_readable = wait_readable, forget_faults = forget_faults,
}
