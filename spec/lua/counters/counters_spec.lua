local ffi = require "ffi"
local counters = require "eddy.counters"
local eddy = require "eddy"
local process = require "spec.support.process"
local support = require "spec.lua.support"
local zmq = require "eddy.zmq"

pcall(ffi.cdef, "int getpid(void);")

describe("eddy.counters", function()
  local loop
  support.each(function(...) loop = ... end)

  local function own() return counters.process(ffi.C.getpid()).page end

  -- What the test's loop has written: the youngest that there is.
  local function shown_loop()
    local found
    for _, each in ipairs(own().loops) do
      if not found or each.number > found.number then found = each end
    end
    return found
  end

  -- What its streams have, by name.
  local function streams()
    local found, number = {}, shown_loop().number
    for _, stream in ipairs(own().streams) do
      if stream.loop == number then found[stream.name] = stream end
    end
    return found
  end

  it("are those of this process, too", function()
    local entry = counters.process(ffi.C.getpid())
    assert.equal(entry.pid, entry.page.pid)
    local pids = {}
    for _, each in ipairs(counters.processes()) do pids[#pids + 1] = each.pid end
    local sorted = { unpack(pids) }
    table.sort(sorted)
    assert.same(sorted, pids)
    assert.is_nil(counters.process(2147483647))
  end)

  it("count what streams do", function()
    local a, b = support.streams(zmq.PAIR, zmq.PAIR)
    a.name = "left"
    b.name = "right"
    local got = 0
    b:on_recv(function()
      got = got + 1
      if got == 3 then loop:stop() end
    end)
    for i = 1, 3 do a:send(("x"):rep(i)) end
    support.run(loop)
    loop:call_later(0, function() loop:stop() end)
    support.run(loop)
    local left, right = streams().left, streams().right
    assert.same({ 3, 6, 0 }, { left.messages_out, left.bytes_out, left.messages_in })
    assert.same({ 3, 6, 3 }, { right.messages_in, right.bytes_in, right.handling.count })
    assert.same({ true, false }, { right.receiving, left.receiving })
    assert.equal(a:stats().bytes_out, left.bytes_out)
    a:close()
    assert.is_nil(streams().left)
  end)

  it("show what is queued, and what was not sent", function()
    local socket = support.lonely(zmq.PUSH)
    local stream = eddy.stream(socket, loop)
    stream.name = "full"
    stream:set_send_limit { messages = 2, policy = "drop_oldest" }
    for _ = 1, 5 do stream:send "abc" end
    local shown = streams().full
    assert.same({ 2, 6, 2, 3, 3, 0 }, { shown.queued, shown.queued_bytes, shown.high_water,
      shown.dropped, shown.dropped_oldest, shown.dropped_newest })
    stream:set_send_limit { messages = 2, policy = "drop_newest" }
    stream:send "abc"
    stream:set_send_limit { messages = 2, policy = "error" }
    assert.is_nil(stream:send "abc")
    shown = streams().full
    assert.same({ 4, 1, 1 }, { shown.dropped, shown.dropped_newest, shown.no_room })
    stream:close()
    assert.equal("full closed with 2 messages not sent", support.take_log())
  end)

  it("know a stream by its name, else by its endpoint", function()
    local context = zmq.context()
    local stream = eddy.stream(context:socket(zmq.PULL, { linger = 0 }), loop)
    assert.is_table(streams().PULL)
    local endpoint = support.inproc()
    stream:bind(endpoint)
    assert.is_table(streams()["PULL " .. endpoint])
    stream.name = "jobs"
    assert.same({ endpoint, "PULL" }, { streams().jobs.endpoint, streams().jobs.type })
    local other = eddy.stream(context:socket(zmq.PUSH, { linger = 0 }), loop)
    other:connect(endpoint)
    assert.is_table(streams()["PUSH " .. endpoint])
    stream:close()
    other:close()
    context:term()
  end)

  it("tell how a loop does", function()
    for _ = 1, 3 do
      loop:call_later(0, function() loop:stop() end)
      support.run(loop)
    end
    local shown = shown_loop()
    assert.is_true(shown.turns >= 3 and shown.lag.count >= 3 and shown.lua_bytes > 1e5)
    assert.same({ "still", 0 }, { shown.state, shown.missed_wakeups })
    local count = #own().loops
    local another = eddy.loop.new()
    assert.equal(count + 1, #own().loops)
    another:close()
    assert.equal(count, #own().loops)
  end)

  it("tell who was let in", function()
    local before, context = own().auth, zmq.context()
    local server_key, server_secret = zmq.curve_keypair()
    local key, secret = zmq.curve_keypair()
    local server = context:socket(zmq.PULL, { linger = 0,
      curve = { secret = server_secret, allow = { key } }, bind = "tcp://127.0.0.1:*" })
    local client = context:socket(zmq.PUSH, { linger = 0, sndtimeo = 5000,
      curve = { secret = secret, server = server_key }, connect = server.last_endpoint })
    client:send "x"
    assert.equal("x", server:recv())
    local after = own().auth
    assert.same({ 1, 0 }, { after.allowed - before.allowed, after.refused - before.refused })
    context:destroy(0)
  end)

  it("have quantiles", function()
    local times = { count = 4, total = 0, longest = 3, buckets = {} }
    for i = 1, 32 do times.buckets[i] = 0 end
    assert.is_nil(counters.quantile(times, 0.5))
    times.buckets[16], times.buckets[17] = 3, 1 -- up to 2.05 ms, up to 4.1 ms
    local half, most = counters.quantile(times, 0.5), counters.quantile(times, 1)
    assert.is_true(half > 1 and half < 2.05)
    assert.equal(3, most)
    local before = { count = 3, total = 0, longest = 2, buckets = {} }
    for i = 1, 32 do before.buckets[i] = 0 end
    before.buckets[16] = 3
    assert.is_true(counters.quantile(times, 0.01, before) > 2)
    assert.is_nil(counters.quantile(times, 0.5, times))
  end)

  it("say what is wrong with an argument", function()
    for text, call in pairs {
      ["process: expected the number of a process, got string"] =
        function() counters.process "1" end,
      ["quantile: expected times, got nil"] = function() counters.quantile(nil, 0) end,
      ["quantile: expected a share from 0 to 1, got 2"] =
        function() counters.quantile({ buckets = {} }, 2) end,
      ["open: expected a table, got nil"] = function() counters.open() end,
      ["open: command: expected a text, got nil"] = function() counters.open {} end,
      ["open: worker: expected a number from 0, got 0.5"] =
        function() counters.open { command = "x", worker = 0.5 } end,
    } do
      assert.has_error(call, text)
    end
  end)

  it("are a program's without the host if it opens them, and nobody's if they are off", function()
    local begin = [[local ffi, counters = require "ffi", require "eddy.counters"
      ffi.cdef "int getpid(void); int unsetenv(const char *name);"
      local function has() return counters.process(ffi.C.getpid()) ~= nil end ]]
    local function run(environment, code)
      return (process.check(0, process.shell(("%s %s -e %s"):format(environment,
        process.quote(EDDY_HOST), process.quote(begin .. code)))))
    end
    local open = "print(has(), counters.open { command = 'x' }, has()) "
    assert.equal("true\ttrue\ttrue\n", run("", open))
    assert.equal("false\tfalse\tfalse\n", run("EDDY_COUNTERS=off", open))
    assert.equal("false\ttrue\ttrue\n", run("EDDY_COUNTERS=off",
      "ffi.C.unsetenv 'EDDY_COUNTERS' " .. open))
  end)
end)
