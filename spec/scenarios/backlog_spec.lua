-- SIGTERM while messages wait: what can be sent is sent, and the rest is told of.
local full = require "spec.support.full"
local process = require "spec.support.process"

local check, shell, timed, quote = process.check, process.shell, process.timed, process.quote
local host = quote(EDDY_HOST)

local RUNS = full.size(3, 100)
local BACKLOG = full.size(20000, 100000)
local SIZES = { 30, 100, 1000 } -- of messages, in bytes
local DRAIN_MS = 300
local LATE_MS = full.size(5000, 500) -- after the drain time
local SECOND_MS = full.size(5000, 100) -- after the second signal

-- Sends the signal, and prints how many us the end took from there.
local KILL = [[
  began=$EPOCHREALTIME; kill -TERM $pid; wait $pid; ended=$EPOCHREALTIME
  echo $(( ${ended/[.,]/} - ${began/[.,]/} ))]]

describe("SIGTERM with a backlog", function()
  local script, remove_scripts = process.scripts()
  after_each(remove_scripts)

  local head = [[
    local eddy, zmq = require "eddy", require "eddy.zmq"
    local loop = eddy.loop.instance()
    local function ready()
      local pipe = io.open(os.getenv("ready"), "w")
      pipe:write("ready\n")
      pipe:close()
    end
  ]]

  -- Runs a script and, once it called ready(), these commands, which have its pid as $pid.
  local function signalled(options, text, commands)
    return shell(([[
      export dir=$(mktemp -d); export ready=$dir/ready; mkfifo $ready
      %s %s %s & pid=$!
      read line <$ready
      %s
      wait $pid; code=$?
      rm -r $dir; exit $code]]):format(host, options, script(head .. text), commands))
  end

  -- The signal, and then a peer, where what waits goes out at last: it runs this with its `pull`.
  local function kill_and_pull(code)
    return ([[
      kill -TERM $pid
      %s -e 'local zmq = require "eddy.zmq"
        local path = "ipc://" .. os.getenv("dir") .. "/late"
        local pull = zmq.instance():socket(zmq.PULL, { bind = path })
        %s' &]]):format(host, code)
  end

  it("sends what it can, says for each stream how much that was, and exits with 0", function()
    local _, err = check(0, signalled("--drain 10000", [[
      local full = eddy.stream(zmq.instance():socket(zmq.PUSH, { sndhwm = 1, immediate = 1,
        connect = "ipc://" .. os.getenv("dir") .. "/late" }))
      full.name = "invoices"
      for i = 1, 40 do full:send(("x"):rep(100000)) end
      loop:call_later(60000, print)
      loop:add_callback(ready)]],
      kill_and_pull "for i = 1, 40 do assert(#pull:recv() == 100000) end"))
    assert.equal("eddy: invoices: all 40 messages that waited were sent\n", err)
  end)

  it("says how many it could not send, and exits with 75", function()
    local took, code, _, err = timed(signalled, "--drain 200", [[
      for name, count in pairs { orders = 3, invoices = 5 } do
        local stream = eddy.stream(zmq.instance():socket(zmq.PUSH))
        stream.name = name
        for i = 1, count do stream:send("nobody is there") end
      end
      loop:call_later(60000, print)
      loop:add_callback(ready)]], "kill -TERM $pid")
    assert.equal(75, code)
    assert.equal([[
eddy: invoices: 0 of 5 messages that waited were sent, 5 were not
eddy: orders: 0 of 3 messages that waited were sent, 3 were not
eddy: 8 messages were not sent within 200 ms
]], err)
    assert.message(took).is_true(took < 5000)
  end)

  -- The peer reads a message a ms, until the host is gone; then what is left. The kernel's buffers
  -- are small, so that most of the backlog is not in them. It is of tcp: over ipc, a libzmq whose
  -- queue is full forgets what the kernel still has for it when the other side leaves.
  local peer = [[
    local zmq, ffi = require "eddy.zmq", require "ffi"
    ffi.cdef "int kill(int pid, int signal); int usleep(unsigned us);"
    local pid, endpoint, gone = tonumber(arg[1]), arg[2], arg[3]
    local pull = zmq.instance():socket(zmq.PULL, { rcvhwm = 10, rcvbuf = 65536, rcvtimeo = 300,
      linger = 0, connect = endpoint })
    local function is_gone()
      local file = io.open(gone)
      return file and file:close()
    end
    local count, size, is_slow = 0, nil, true
    while true do
      local head = pull:recv()
      if not head and is_gone() then break end
      if head then
        count = count + 1
        size = size or #head
        assert(#head == size)
        if count == 1 then ffi.C.kill(pid, 15) end
        if is_slow then
          ffi.C.usleep(1000)
          is_slow = not is_gone()
        end
      end
    end
    print(count)]]

  -- One run with messages of that size: how many were received, how many are told of, how long
  -- after the drain time it ended.
  local function run(size)
    local out, err = check(0, signalled("--drain " .. DRAIN_MS, ([[
      local stream = eddy.stream(zmq.instance():socket(zmq.PUSH,
        { sndhwm = 10, sndbuf = 65536, bind = "tcp://127.0.0.1:*" }))
      stream.name = "orders"
      stream:set_send_limit { bytes = 2 ^ 30 }
      for i = 1, %d do stream:send(("x"):rep(%d)) end
      local file = io.open(os.getenv("dir") .. "/endpoint", "w")
      file:write(stream.socket.last_endpoint)
      file:close()
      loop:call_later(60000, print)
      loop:add_callback(ready)
      loop:start()
      print(loop:time())]]):format(BACKLOG, size), ([[
      %s %s $pid $(cat $dir/endpoint) $dir/gone & peer=$!
      wait $pid; code=$?; %s -e 'print(require("eddy.base.libeddy").C.eddy_time())'; touch $dir/gone
      wait $peer; rm -r $dir; [ $code = 75 ]; exit]]):format(host, script(peer), host)))
    local began, ended, received = out:match("^([%d.]+)\n([%d.]+)\n(%d+)\n$")
    assert.message(out .. err).is_truthy(received)
    local left = tonumber(err:match("were sent, (%d+) were not"))
    local held = tonumber(err:match("libzmq may have (%d+) more for each peer")) or 0
    assert.message(err).is_truthy(left)
    return tonumber(received), left, held, ended - began - DRAIN_MS, out .. err
  end

  it("loses nothing that it does not tell of, with a peer that is slow", function()
    local times, most_held = {}, 0
    for i = 1, RUNS do
      local size = SIZES[i % #SIZES + 1]
      local received, left, held, late, text = run(size)
      assert.message(text).is_true(received <= BACKLOG - left)
      assert.message(text).is_true(received + left + held >= BACKLOG)
      assert.message(late .. " ms: " .. text).is_true(late <= LATE_MS)
      times[i], most_held = late, math.max(most_held, held)
    end
    full.figure("SIGTERM with a backlog", "%d of %d times none of %d messages was lost that was " ..
      "not told of (libzmq's are %d at most); the end came %d ms after the drain time at most",
      #times, RUNS, BACKLOG, most_held, full.quantile(times, 1))
  end)

  it("tells of what libzmq has, also when nothing waited for it, and waits no longer", function()
    local out, err = check(75, signalled("--drain 50", [[
      local stream = eddy.stream(zmq.instance():socket(zmq.PUSH,
        { linger = -1, connect = "ipc://" .. os.getenv("dir") .. "/nobody" }))
      stream.name = "orders"
      for i = 1, 7 do stream:send("nobody is there") end
      loop:call_later(60000, print)
      loop:add_callback(ready)]], KILL))
    assert.equal("eddy: orders: libzmq may have 7 more for each peer\n" ..
      "eddy: what libzmq had left was not sent within 50 ms\n", err)
    assert.message(out).is_true(out / 1000 - 50 < LATE_MS)
  end)

  it("does not say that all was sent where a linger drops what libzmq has", function()
    local _, err = check(0, signalled("--drain 10000", [[
      local stream = eddy.stream(zmq.instance():socket(zmq.PUSH, { sndhwm = 2, immediate = 1,
        linger = 0, connect = "ipc://" .. os.getenv("dir") .. "/late" }))
      stream.name = "orders"
      for i = 1, 3 do stream:send("one") end
      local silent = eddy.stream(zmq.instance():socket(zmq.PUB, { linger = 0 }))
      silent:send("nobody is there")
      loop:call_later(60000, print)
      loop:add_callback(ready)]],
      kill_and_pull "pull.rcvtimeo = 1000 repeat until not pull:recv()"))
    assert.equal("eddy: orders: 3 of 3 messages that waited were sent, 0 were not; libzmq may " ..
      "have 3 more for each peer\n", err)
  end)

  it("ends at once at a second signal", function()
    local times = {}
    for i = 1, RUNS do
      local out, err = check(128 + 15, signalled("--drain 50000", [[
        local stream = eddy.stream(zmq.instance():socket(zmq.PUSH))
        stream:send("nobody is there")
        loop:call_later(60000, print)
        loop:add_callback(ready)
        loop:start()
        ready()]], "kill -TERM $pid; read line <$ready; " .. KILL))
      times[i] = tonumber(out) / 1000
      assert.message(times[i] .. err).is_true(times[i] < SECOND_MS)
    end
    full.figure("a second signal", "%d of %d ended at once, the latest after %.1f ms", #times, RUNS,
      full.quantile(times, 1))
  end)
end)
