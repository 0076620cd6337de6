-- What scripts do with plain sockets: each makes what it needs in a fresh context and on a fresh
-- loop, and returns what came of it, the same each time. A public function that none of them calls
-- fails the spec.
local ffi = require "ffi"
local counters = require "eddy.counters"
local metrics = require "eddy.metrics"
local hostile = require "spec.lua.reentrancy.hostile"
local profile = require "eddy.profile"
local support = require "spec.lua.support"
local zmq = require "eddy.zmq"

pcall(ffi.cdef, "int getpid(void);")

local calls = {}

local function failure(...) return tostring(select(2, pcall(...))) end

function calls.messages()
  local a, b = support.pair(zmq.PAIR, zmq.PAIR)
  local got = {}
  for i = 1, 5 do
    a:send_multipart(hostile.words(i, "word"))
    got[#got + 1] = b:recv_multipart()
    a:send("one" .. i)
    got[#got + 1] = b:recv()
    a:send_multipart(hostile.made_up(i))
    got[#got + 1] = b:recv_multipart()
    a:send_multipart { zmq.frame("in a frame"), "beside it", ("large"):rep(100) }
    for _, frame in ipairs(b:recv_multipart(0, false)) do got[#got + 1] = frame.bytes end
    a:send(zmq.frame("alone"))
    local frame = b:recv(0, false)
    got[#got + 1], got[#got + 2] = frame.bytes, #frame
    got[#got + 1] = tostring(frame)
    frame:close()
    got[#got + 1] = tostring(frame)
  end
  a:send_string "text"
  got[#got + 1] = b:recv_string()
  a:send_json { 1, 2, { x = "y", none = zmq.json_list {} } }
  got[#got + 1] = b:recv_json()
  a:send_serialized({ 1, 2 }, function(list) return { "<" .. list[1], list[2] .. ">" } end)
  got[#got + 1] = b:recv_serialized(function(list) return table.concat(list, ",") end)
  a:send "into"
  local buffer = ffi.new("char[10]")
  got[#got + 1], got[#got + 2] = b:recv_into(buffer), ffi.string(buffer, 4)
  got[#got + 1] = select(2, b:recv(zmq.DONTWAIT)).name
  got[#got + 1] = b:poll(0, zmq.POLLIN + zmq.POLLOUT)
  got[#got + 1] = tostring(b:peer())
  got[#got + 1] = failure(a.send, a, {})
  got[#got + 1] = failure(a.send_multipart, a, { "x", 1 })
  return got
end

function calls.frames()
  local a, b = support.pair(zmq.PAIR, zmq.PAIR)
  local frame = zmq.frame(("kept"):rep(20), true)
  local tracker = a:send_multipart({ frame, "and tracked" }, 0, false, true)
  local copy = zmq.frame(frame)
  local got = { b:recv_multipart(), copy.bytes, zmq.is_frame(frame),
    tostring(frame:get "Nothing") }
  copy:close()
  local all = zmq.tracker(tracker, frame)
  got[#got + 1] = tostring(all:wait(0))
  frame:close()
  got[#got + 1] = all:wait(5000)
  a:send("x", 0, true, true):wait(0)
  got[#got + 1] = b:recv()
  return got
end

function calls.sockets(loop, context)
  local got = {}
  local a, b = context:socket(zmq.SUB, { linger = 7, subscribe = { "a", "b" } }),
    context:socket(zmq.PUB)
  a:subscribe "c"
  a:unsubscribe "b"
  a:set("rcvhwm", 12)
  a.maxmsgsize, a.routing_id = 2 ^ 40, "name"
  for _, name in ipairs { "linger", "rcvhwm", "maxmsgsize", "routing_id", "type" } do
    got[name] = a:get(name)
  end
  got.port = b:bind_to_random_port("tcp://127.0.0.1") > 0
  local endpoint = b.last_endpoint
  a:connect(endpoint)
  a:disconnect(endpoint)
  b:unbind(endpoint)
  got.scoped = { b:with_bind(support.inproc(), function(name, x)
    return a:with_connect(name, function(_, y) return x, y end, "y")
  end, "x") }
  got.failed = failure(b.bind, b, "nonsense")
  context:set("max_sockets", 1000)
  context.sndtimeo = 33
  got.context = { context:get "max_sockets", context:get "sndtimeo", tostring(context) }
  a:close()
  b:close(0)
  got.closed = { a.closed, failure(a.recv, a) }
  local own = zmq.context { io_threads = 1 }
  own:socket(zmq.PAIR)
  got.busy = failure(own.term, own)
  own:destroy(0)
  got.kinds = { zmq.is_socket(a), zmq.is_socket(loop), #zmq.option_names() > 50 }
  got.texts = { zmq.version(), zmq.strerror(zmq.EADDRINUSE), zmq.has "ipc", zmq.instance().closed }
  return got
end

function calls.monitors(_, context)
  local a, b = context:socket(zmq.PAIR), context:socket(zmq.PAIR)
  local endpoint = a:bind "tcp://127.0.0.1:*"
  local reader, names = a:get_monitor_socket(), {}
  local own = support.inproc()
  b:monitor(own, zmq.EVENT_CONNECTED)
  local own_reader = context:socket(zmq.PAIR, { connect = own })
  b:connect(endpoint)
  names[1] = zmq.recv_monitor_message(own_reader).name
  b:monitor(nil)
  repeat
    names[#names + 1] = zmq.recv_monitor_message(reader).name
  until names[#names] == "HANDSHAKE_SUCCEEDED"
  a:disable_monitor()
  names[#names + 1] = zmq.parse_monitor_message(reader:recv_multipart()).name
  return names
end

function calls.polls()
  local a, b = support.pair(zmq.PAIR, zmq.PAIR)
  local file = { fileno = function() return b.fd end }
  local poller = zmq.poller()
  poller:register(a, zmq.POLLIN)
  poller:register(b)
  poller:register(file, zmq.POLLIN)
  poller:modify(b, zmq.POLLIN)
  a:send "x"
  local got = { poller:has(a), poller:has(1), poller:poll(1000)[b], poller:poll(0)[a] or "not" }
  poller:unregister(a)
  got[#got + 1] = poller:has(a)
  local readers, writers, failed = zmq.select({ a, b }, { a }, { b }, 1000)
  got[#got + 1] = { #readers, readers[1] == b, #writers, writers[1] == a, #failed }
  return got
end

function calls.keys()
  local public, secret = zmq.curve_keypair()
  local got = { zmq.curve_public(secret) == public }
  for i = 1, 200 do got[i + 1] = zmq.z85_decode(zmq.z85_encode(("%08d"):format(i))) end
  return got
end

function calls.relays(_, context)
  local got = {}
  for _, name in ipairs { "proxy", "device", "monitored_queue", "proxy_steerable" } do
    local closed = context:socket(zmq.PAIR)
    closed:close()
    got[name] = failure(zmq[name], closed, closed, closed, closed)
  end
  local front, user = support.pair(zmq.PAIR, zmq.PAIR)
  local control, teller = support.pair(zmq.PAIR, zmq.PAIR)
  user:send_multipart { "there", "and back" }
  teller:send "TERMINATE"
  got.ended = zmq.proxy_steerable(front, front, nil, control)
  return got
end

function calls.counters()
  local pid = ffi.C.getpid()
  local entry = counters.process(pid)
  local found = 0
  for _, each in ipairs(counters.processes()) do found = found + (each.pid == pid and 1 or 0) end
  local times = { longest = 1, buckets = { 0, 3, 1 } }
  return { entry.page.pid == pid, found, counters.open { command = "again" },
    counters.quantile(times, 0.5) }
end

local metric = 0

function calls.metrics()
  metric = metric + 1
  local name, got = "spec_reentrancy_" .. metric, {}
  local counter = metrics.counter(name, "x", { "a" }):with { a = 1 }
  local gauge, histogram = metrics.gauge(name .. "_g", "x"), metrics.histogram(name .. "_h", "x")
  for i = 1, 20 do
    counter:inc()
    gauge:set(i)
    gauge:inc()
    gauge:dec(3)
    histogram:observe(i)
  end
  got[1], got[2], got[3] = counter:value(), gauge:value(), histogram:value()
  return got
end

function calls.profiles()
  local got = {}
  for i = 1, 20 do -- one alone makes too little garbage to have anything run in its middle
    profile.start { interval = 1000 }
    got[2 * i - 1] = profile.running()
    profile.stop()
    got[2 * i] = profile.running()
  end
  return got
end

return calls
