-- What scripts do with a loop, devices and logs: each makes what it needs in a fresh context and
-- on a fresh loop, and returns what came of it, the same each time. A public function that none of
-- them calls fails the spec.
local ffi = require "ffi"
local eddy = require "eddy"
local hostile = require "spec.lua.reentrancy.hostile"
local support = require "spec.lua.support"
local zmq = require "eddy.zmq"

local calls = {}

-- Runs the loop until something is so.
local function until_so(loop, is_so)
  local ticks = 0
  local timer = loop:call_every(1, function()
    ticks = ticks + 1
    if is_so() or ticks > 5000 then loop:stop() end
  end)
  loop:start()
  timer:stop()
  assert(is_so(), "it never was so")
end

local function text_of(msg)
  local list = {}
  for i, part in ipairs(msg) do list[i] = tostring(part) end
  return table.concat(list, "|")
end

local function failure(...) return tostring(select(2, pcall(...))) end

function calls.streams(loop)
  local a, b = support.streams(zmq.PAIR, zmq.PAIR, "tcp")
  local got, sent, events = {}, {}, {}
  b:on_recv(function(msg) got[#got + 1] = table.concat(msg, "|") end)
  a:on_send(function(msg, err) sent[#sent + 1] = text_of(msg) .. tostring(err) end)
  a:on_err(print)
  a:set_budget(5)
  a:set_priority(1)
  a:trace(function() end)
  a:trace(nil)
  b:set_concurrency(2)
  a:set_send_limit { messages = 100 }
  b:on_event(function(event) events[event.name] = true end)
  b:supervise()
  b:supervise(false)
  for i = 1, 10 do
    a:send("single " .. i)
    a:send_multipart(hostile.words(i % 4 + 1, "of " .. i))
    a:send("told " .. i, { callback = function(msg) sent[#sent + 1] = "own " .. msg[1] end })
    a:send(zmq.frame("framed " .. i))
  end
  a:send_json { 1 }
  until_so(loop, function() return #got == 41 and #sent == 41 end)
  b:on_recv(function(msg) got[#got + 1] = msg[1].bytes .. #msg end, false)
  a:send_multipart { "frames", "of strings" }
  a:send "single frame"
  until_so(loop, function() return #got == 43 end)
  got.stats = a:stats().messages_out
  got.states = { a:closed(), a:sending(), b:receiving(), a.name ~= nil }
  b:on_event(nil)
  return { got, sent, type(events) }
end

function calls.json_streams(loop)
  local rep, req = support.streams(zmq.REP, zmq.REQ)
  local got = {}
  rep:on_err(function(err) got[#got + 1] = err.name .. err.received end)
  rep:on_recv_json(function(value, msg) rep:send_json { value[1] + 1, #msg } end)
  req:on_recv(function(msg)
    got[#got + 1] = msg[1]
    if #got == 1 then req:send "[1" end
  end)
  req:send "[1]"
  until_so(loop, function() return #got == 3 end)
  got.now = eddy.now() > 1e12
  return got
end

function calls.more_streams(loop)
  local a, b = support.streams(zmq.PAIR, zmq.PAIR)
  local got = {}
  b:on_recv_stream(function(stream, msg)
    got[#got + 1] = tostring(stream == b) .. msg[1]
    got.peer = select("#", pcall(stream.peer, stream))
  end)
  a:on_send_stream(function(stream, msg) got[#got + 1] = tostring(stream == a) .. #msg end)
  a:send_multipart { "flushed", "at once" }
  got.flushed = { a:flush(zmq.POLLOUT), b:flush(zmq.POLLIN, 5) }
  a:stop_on_send()
  b:stop_on_recv()
  a:on_full(print)
  a:on_drain(print)
  a:stop_on_err()
  a:set("linger", 3)
  got.linger = a:get "linger"
  local name = support.inproc()
  a:bind(name)
  a:unbind(name)
  got.port = a:bind_to_random_port "tcp://127.0.0.1" > 0
  local other = "tcp://127.0.0.1:1"
  a:connect(other)
  a:disconnect(other)
  local sub = eddy.stream(support.pair(zmq.SUB, zmq.PUB), loop)
  sub:subscribe "x"
  sub:unsubscribe "x"
  a:on_close(function() got.closed = true end)
  got.lost = a:close { drain = 100 }
  return got
end

-- Every method of frames and views, by name: what the views of a message say.
local function read_all(part)
  local got = { #part, part[1], part:sub(2, 3), part:find("2") or 0, part == "text",
    part:equals(part.bytes), part.more, part.peer ~= nil }
  for _, name in ipairs { "u8", "i8", "u16be", "u16le", "i16be", "i16le", "u32be", "u32le", "i32be",
    "i32le", "f32be", "f32le", "f64be", "f64le", "u64be", "u64le", "i64be", "i64le" } do
    got[#got + 1] = tostring(part[name](part))
  end
  for i = 1, #got do got[i] = tostring(got[i]) end
  return table.concat(got, " ")
end

function calls.views(loop)
  local a, b = support.streams(zmq.PAIR, zmq.PAIR, "tcp")
  local got, kept, stale = {}, {}, 0
  b:on_recv(function(msg)
    kept[#kept + 1] = msg[#msg]
    for _, part in ipairs(msg) do
      got[#got + 1] = read_all(part) .. tostring(part["Socket-Type"]) .. part:get "Socket-Type"
    end
    local frame = zmq.frame(msg[1])
    if #msg == 1 then eddy.sleep(0) end
    got[#got + 1] = read_all(frame)
    b:send_multipart(msg)
    b:flush()
    got[#got + 1] = read_all(msg[1])
    b:send(msg[1])
  end, "view")
  local back = {}
  a:on_recv(function(msg)
    back[#back + 1] = msg[1].bytes .. #msg
  end, false)
  for i = 1, 8 do
    local text = ("message %04d "):format(i)
    if i % 2 == 0 then a:send(text:rep(i)) else a:send_multipart { text, text:rep(9) } end
  end
  until_so(loop, function() return #back == 16 end)
  until_so(loop, function() return #got == 28 end)
  loop:run_sync(function() eddy.sleep(1) end)
  table.sort(back)
  table.sort(got)
  for _, view in ipairs(kept) do stale = stale + (pcall(tostring, view) and 0 or 1) end
  return { got, back, stale }
end

function calls.requests(loop)
  local rep, req = support.streams(zmq.REP, zmq.REQ)
  local got = {}
  rep:set_error_reply { "sorry", "indeed" }
  loop:on_error(function() end)
  rep:on_recv(function(msg)
    if #got == 1 then error "no" end
    if #got == 2 then return rep:send("two of " .. msg[2]) end
    rep:send_multipart(msg)
  end)
  req:on_recv(function(msg)
    got[#got + 1] = table.concat(msg, "|")
    if #got < 4 then req:send_multipart { "request", tostring(#got) } end
  end)
  req:send_multipart { "request", "0" }
  until_so(loop, function() return #got == 4 end)
  got.discarded = req:discard()
  return got
end

function calls.loops(loop)
  local got = {}
  local function note(...) got[#got + 1] = table.concat({ ... }, " ") end
  local r, w = support.pair(zmq.PAIR, zmq.PAIR)
  loop:add_handler(r, function(socket) note("handler", socket:recv()) end)
  loop:update_handler(r, loop.READ)
  w:send "ready"
  loop:add_callback(note, "callback", 1)
  local timer = loop:call_every(1, function() got.ticked = true end)
  timer:set_jitter(0.1)
  timer:set_callback(function() got.ticked = true end)
  timer:stop()
  timer:start()
  loop:call_at(loop:time() + 2, function() got.at = true end)
  local signal = loop:on_signal("USR1", note)
  signal:cancel()
  local waker = loop:add_waker(function(number) note("woken", number) end)
  require("eddy.base.libeddy").C.eddy_loop_wake(waker.loop_pointer, waker.id, 42)
  loop:on_gap(note)
  loop:on_error(note)
  until_so(loop, function() return #got == 3 and got.at and got.ticked end)
  table.sort(got)
  got.active = { timer:active(), loop:running(), loop:stats().errors }
  timer:cancel()
  waker:close()
  loop:remove_handler(r)
  got.sync = loop:run_sync(function() return 1 end, 1000)
  got.spawned = loop:spawn(function(...) return select("#", ...) end, 1, 2):await()
  local default = eddy.loop.initialized() and eddy.loop.instance()
  eddy.loop.clear_instance()
  loop:install()
  eddy.loop.install(loop)
  loop:make_current()
  eddy.loop.make_current(loop)
  got.current = { eddy.loop.current() == loop, eddy.loop.instance() == loop, eddy.loop.is(loop) }
  eddy.loop.clear_current()
  eddy.loop.clear_instance()
  if default then eddy.loop.install(default) end
  eddy.loop.set_log(nil)
  eddy.loop.set_log_limit(10)
  eddy.service.status "text"
  eddy.service.ready()
  eddy.loop.set_watchdog(nil)
  local other = eddy.loop.new()
  other:close()
  return got
end

function calls.other_loops(loop)
  local inner, got = eddy.loop.new(), { steps = 0 }
  local due = loop:time() + 1
  local embedded = loop:embed { fd = inner:fd(), name = "inner", -- whose descriptor is silent
    step = function() got.steps, due = got.steps + 1, nil end,
    timeout = function() return due and due - loop:time() end }
  until_so(loop, function() return got.steps == 1 end)
  got.text = tostring(embedded)
  embedded:close()
  inner:add_callback(function() got.is_called = true end)
  got.now, got.is_alive, got.later = inner:timeout(), inner:step(), tostring(inner:timeout())
  inner:close()
  return got
end

local has_cqueues, cqueues = pcall(require, "cqueues")
if has_cqueues then
  function calls.cqueues(loop)
    loop:make_current()
    local queue, got = eddy.cqueues(cqueues.new()), {}
    local future = eddy.future()
    queue:wrap(function() got[1] = future:await() end)
    got[2] = eddy.cqueues.run(function(...)
      cqueues.sleep(0.001)
      future:set_result "future"
      return ...
    end, "run"):await()
    until_so(loop, function() return got[1] end)
    eddy.cqueues.remove(queue)
    eddy.loop.clear_current()
    return got
  end
end

if pcall(require, "luv") then
  function calls.luv(loop)
    local uv = eddy.luv(loop)
    loop:make_current()
    local got = { eddy.luv.await(function(done) uv.fs_realpath("/", done) end) }
    eddy.loop.clear_current()
    return got
  end
end

function calls.futures(loop)
  local got = {}
  eddy.loop.make_current(loop)
  local function run()
    local future = eddy.future.new(loop)
    future:add_done_callback(function(done) got.called = done:done() end)
    loop:call_later(1, future.set_result, future, "a", "b")
    got.awaited = { eddy.await(future) }
    got.is = { eddy.future.is(future), future:cancelled(), tostring(future:error()) }
    local failed = eddy.future(loop)
    failed:set_error "no"
    got.failed = failure(failed.result, failed)
    local tasks = {}
    for i = 1, 5 do
      tasks[i] = eddy.spawn(function() eddy.sleep(i % 2) return "task " .. i end)
    end
    got.gathered = eddy.gather(tasks):await()
    local task = eddy.spawn(eddy.sleep, 1000)
    got.limited = select(2, eddy.with_timeout(1, task):await()).name
    got.cancelled = { task:cancel(), select(2, task:await()).name }
  end
  eddy.async.run(run)
  until_so(loop, function() return got.called end)
  eddy.loop.clear_current()
  return got
end

local function tasks_of(loop, fn)
  eddy.loop.make_current(loop)
  local got = loop:spawn(fn):await()
  eddy.loop.clear_current()
  return got
end

function calls.waits(loop)
  return tasks_of(loop, function()
    local queue, event, lock, semaphore = eddy.queue(2), eddy.event(), eddy.lock(),
      eddy.semaphore(2)
    local got, tasks = { event.is_set(event) }, {}
    for i = 1, 6 do
      tasks[i] = eddy.spawn(function()
        event:wait():await()
        semaphore:with(function() lock:with(eddy.sleep, 0) end)
        queue:put("value " .. i):await()
      end)
    end
    event:set()
    for i = 1, 5 do got[#got + 1] = queue:get():await() .. i end
    eddy.gather(tasks):await()
    event:clear()
    local which = eddy.first { event:wait(), queue:get(), cancel = true }
    got.first = { which:await() }
    got.tried = { queue:try_put(1), queue:full(), queue:size(), queue:try_get(),
      semaphore:try_acquire(), semaphore:left(), (semaphore:acquire():await()) }
    semaphore:release()
    got.held = { lock:acquire():await(), lock:locked() }
    lock:release()
    queue:try_put "last"
    queue:close()
    for value in queue:each() do got[#got + 1] = value end
    got.closed = queue:closed()
    return got
  end)
end

-- A pair of sockets of another kind.
local function own_pair(context)
  local endpoint = support.inproc()
  return context:socket(zmq.PAIR, { bind = endpoint, linger = 0 }),
    context:socket(zmq.PAIR, { connect = endpoint, linger = 0 })
end

function calls.async(loop)
  local context = eddy.async.context()
  local a, b = own_pair(context)
  local got = tasks_of(loop, function()
    local list, waits = {}, {}
    for i = 1, 5 do
      waits[#waits + 1] = b:recv_multipart()
      a:send_multipart(hostile.words(i, "async"))
    end
    for i, each in ipairs(waits) do list[i] = each:await() end
    a:send "alone"
    list[#list + 1] = b:recv():await()
    a:send_string "text"
    list[#list + 1] = b:recv_string():await()
    a:send_json { "json" }
    list[#list + 1] = b:recv_json():await()
    a:send_serialized("x", function(x) return { x, x } end)
    list[#list + 1] = b:recv_serialized(table.concat):await()
    local buffer = ffi.new("char[4]")
    a:send "into"
    list[#list + 1] = b:recv_into(buffer):await()
    list[#list + 1] = b:poll(1):await()
    local poller = eddy.async.poller()
    poller:register(b, zmq.POLLIN)
    local ready = poller:poll(1000)
    a:send "ready"
    list[#list + 1] = ready:await()[b]
    list[#list + 1] = eddy.async.instance() == eddy.async.instance()
    return list
  end)
  context:destroy(0)
  return got
end

function calls.green(loop)
  local context = eddy.green.context()
  local a, b = own_pair(context)
  local got = tasks_of(loop, function()
    local list = {}
    local reader = eddy.spawn(function()
      for _ = 1, 5 do list[#list + 1] = b:recv_multipart() end
      list[#list + 1] = b:recv()
      list[#list + 1] = { b:poll(1000) }
      list[#list + 1] = b:recv_string()
    end)
    for i = 1, 5 do a:send_multipart(hostile.words(i, "green")) end
    a:send "alone"
    a:send "text"
    reader:await()
    local poller = eddy.green.poller()
    poller:register(b, zmq.POLLIN)
    a:send "ready"
    list[#list + 1] = poller:poll(1000)[b]
    list[#list + 1] = #(eddy.green.select({ b }, nil, nil, 1000))
    for _, name in ipairs { "proxy", "device" } do
      local task = eddy.spawn(eddy.green[name], a, a)
      eddy.sleep(1)
      task:cancel()
    end
    list[#list + 1] = eddy.green.instance() == eddy.green.instance()
    return list
  end)
  context:destroy(0)
  return got
end

function calls.devices()
  local devices, got = eddy.devices, {}
  local device = devices.device(zmq.QUEUE, zmq.PULL, zmq.PUSH)
  local made = { device, devices.proxy(zmq.PAIR, zmq.PAIR, zmq.PUB),
    devices.steerable(zmq.PAIR, zmq.PAIR), devices.monitored_queue(zmq.PAIR, zmq.PAIR),
    devices.front { shard = 1 } }
  for i, each in ipairs(made) do
    for _, side in ipairs { "in", "out", "mon", "ctrl" } do
      if each[side .. "_type"] then
        each["setsockopt_" .. side](each, "linger", i)
        each["bind_" .. side](each, support.inproc())
        each["connect_" .. side](each, support.inproc())
        got[#got + 1] = each["bind_" .. side .. "_to_random_port"](each, "tcp://127.0.0.1") > 0
      end
    end
    got[#got + 1] = tostring(each)
  end
  device:start()
  device:pause()
  got.paused = device:stats().paused
  device:resume()
  got.running = { device:done(), tostring(device:error()), tostring(device:reason()) }
  device:stop()
  got.joined = { device:join(5000), device:done(), device:reason() }
  for i = 2, 5 do made[i]:stop() end
  return got
end

function calls.fronts()
  local front, got, endpoint = eddy.devices.front(), {}, support.inproc()
  local clients = support.inproc()
  front:bind_in(clients)
  front:bind_out(endpoint)
  front:start()
  local given
  local worker = eddy.front.worker { connect = endpoint, credit = 2, handle = function(msg, job)
    if msg[1] == "later" and not given then
      given = true
      return job:give_back()
    end
    job:reply { "re", msg[1] }
  end }
  local client = zmq.instance():socket(zmq.DEALER, { linger = 0, connect = clients })
  local stream = eddy.stream(client)
  stream:on_recv(function(msg)
    got[#got + 1] = msg[2] .. msg[3]
    if #got == 2 then eddy.loop.current():stop() end
  end)
  stream:send_multipart { "", "now" }
  stream:send_multipart { "", "later" }
  eddy.loop.current():start()
  table.sort(got)
  got[3] = tostring(worker):gsub("%d+", "n")
  worker:stop()
  stream:close(0)
  front:stop()
  got[5], got[4] = front:join(5000), front:stats().in_sent -- which counts what was sent before
  return got
end

function calls.threads()
  local one = eddy.thread.start({ function(...) return ... end, name = "echo" },
    hostile.words(3, "thread"), nil, 5)
  local got = { one:join(20000) }
  local other = eddy.thread.start { function()
    require("eddy").sleep(1e9)
  end, name = "sleeps" }
  got.late = tostring(select(2, other:join(1)))
  other:stop(20000)
  got.ended = { other:join(20000), other:done(), other:error() }
  return got
end

function calls.processes(loop)
  local process, got = eddy.process, {}
  return tasks_of(loop, function()
    for i = 1, 2 do
      local lines = {}
      local child = process.spawn { "cat", stdin = "pipe", stdout = "pipe", stderr = "pipe" }
      child:on_line(function(line) lines[#lines + 1] = line end)
      child.stderr:on_data(print)
      for n = 1, 5 do child:write(("line %d of %d\n"):format(n, i)) end
      child:close_stdin()
      child:unref():ref()
      got[#got + 1] = { child.exit:await(), lines, child:stats(), child:running() }
    end
    local child = process.spawn { "printf", "a\nb", stdout = "pipe" }
    child.stdout:on_line(nil)
    got[#got + 1] = { child.stdout:read_all():await(), child.exit:await() }
    child = process.spawn { "sleep", "60" }
    got[#got + 1] = { child:kill(0 + 10), select(2, child.exit:await()) }
    got[#got + 1] = { select(2, process.spawn({ "sleep", "60" }):stop(5000):await()) }
    got[#got + 1] = { process.run { "cat", input = "all of it" }:await() }
    got.failure = failure(process.spawn, { "no-such-command" })
    return got
  end)
end

function calls.jobs(loop)
  local pool, got = eddy.jobs { module = "spec.lua.jobs.resize", workers = 2, queue = 3,
    loop = loop }, {}
  return tasks_of(loop, function()
    local futures = {}
    for i = 1, 6 do futures[i] = pool:call("echo", hostile.words(3, "job" .. i), i) end
    for i, each in ipairs(futures) do got[i] = { each:await() } end
    local failing = pool:call("fail", "on purpose")
    got.failure = failure(failing.await, failing)
    pool:call("sleep", 60):cancel()
    got.stats = type(pool:stats().wait)
    got.closed = { pool:close(5000):await() }
    return got
  end)
end

function calls.logs()
  local log, got = eddy.log, {}
  local pub, sub = support.pair(zmq.PUB, zmq.SUB)
  sub:subscribe ""
  local handler = log.pub_handler(pub, { root_topic = "root" })
  pcall(log.add_level, "NOTICE", 25)
  local function keep(record) got[#got + 1] = record.text .. record.level_name end
  for i, logger in ipairs { log.logger("plain", { handlers = { keep } }),
    log.topic_logger("topics", { handlers = { keep } }) } do
    logger:add_handler(handler)
    for _, level in ipairs { "debug", "info", "warn", "error", "critical" } do
      logger[level](logger, "text", i)
    end
    logger:notice("of our own", i)
    logger:log("INFO", "sub::%s %d", "x", i)
    logger:set_level "WARN"
    got[#got + 1] = logger:enabled "INFO"
    logger:remove_handler(handler)
  end
  while sub:poll(0) > 0 do got[#got + 1] = table.concat(sub:recv_multipart(), "|") end
  local stderr = log.stderr_handler()
  stderr:set_level(100)
  stderr:set_formatter "{message}"
  handler:set_level "ERROR"
  handler:set_formatter("{level}", "ERROR")
  stderr:handle { level = 10 }
  handler:handle { level = 10 }
  stderr:close()
  handler:close()
  local path = os.tmpname()
  local file = log.file_handler(path, { repeats = 1 })
  file:set_formatter(log.json_formatter { by = "spec" })
  local records = log.logger("file", { handlers = { file } })
  for i = 1, 3 do records:warn { "line %d", number = i } end
  got.reopened = log.reopen() > 0
  file:reopen()
  file:set_level "ERROR"
  file:handle { level = 10 }
  file:close()
  for line in io.lines(path) do got[#got + 1] = line:gsub('"time":"[^"]*"', "") end
  os.remove(path)
  return got
end

return calls
