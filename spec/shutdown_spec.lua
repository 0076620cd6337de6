-- How the host ends: signals, what waits, output that nobody reads, whatever scripts left.
local process = require "spec.process"
local C = require("eddy.c").C

local eddy, shell, quote = process.eddy, process.shell, process.quote
local host = quote(EDDY_HOST)

local function check(expected_code, code, out, err)
  assert.message(out .. err).equal(expected_code, code)
  return out, err
end

-- How long fn takes, in ms, and what it returns.
local function timed(fn, ...)
  local began = C.eddy_time()
  local code, out, err = fn(...)
  return C.eddy_time() - began, code, out, err
end

describe("the end of the host", function()
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

  describe("after SIGTERM with a backlog", function()
    -- What waits goes out when its peer is there at last: `connect` is after the signal.
    it("sends what it can, says for each stream how much that was, and exits with 0", function()
      local _, err = check(0, signalled("--drain 10000", [[
        local full = eddy.stream(zmq.instance():socket(zmq.PUSH, { sndhwm = 1, immediate = 1,
          connect = "ipc://" .. os.getenv("dir") .. "/late" }))
        full.name = "invoices"
        for i = 1, 40 do full:send(("x"):rep(100000)) end
        loop:call_later(60000, print)
        loop:add_callback(ready)]], ([[
        kill -TERM $pid
        %s -e 'local zmq = require "eddy.zmq"
          local path = "ipc://" .. os.getenv("dir") .. "/late"
          local pull = zmq.instance():socket(zmq.PULL, { bind = path })
          for i = 1, 40 do assert(#pull:recv() == 100000) end' &]]):format(host)))
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

    it("loses nothing that it does not tell of, with a peer that is slow", function()
      local out, err = check(75, signalled("--drain 300", [[
        local path = "ipc://" .. os.getenv("dir") .. "/slow"
        local stream = eddy.stream(zmq.instance():socket(zmq.PUSH, { sndhwm = 10, bind = path }))
        stream.name = "orders"
        for i = 1, 3000 do stream:send(("x"):rep(10000)) end
        loop:call_later(60000, print)
        loop:add_callback(ready)]], ([[
        %s -e 'local zmq = require "eddy.zmq"
          local eddy = require "eddy"
          local pull = zmq.instance():socket(zmq.PULL, { rcvhwm = 10, rcvtimeo = 1500, linger = 0,
            connect = "ipc://" .. os.getenv("dir") .. "/slow" })
          local count, head = 0, pull:recv()
          os.execute("kill -TERM " .. arg[1])
          while head do
            count = count + 1
            if count < 30 then zmq.poller():poll(0) os.execute("sleep 0.01") end
            assert(#head == 10000)
            head = pull:recv()
          end
          print(count)' $pid & slow=$!
        wait $pid; code=$?; wait $slow; rm -r $dir; exit $code]]):format(host)))
      local received = tonumber(out)
      local left = err:match("orders: %d+ of %d+ messages that waited were sent, (%d+) were not")
      local held = tonumber(err:match("libzmq may have (%d+) more")) or 0
      assert.message(err).is_truthy(left)
      assert.message(out .. err).is_true(received <= 3000 - left)
      -- One more is on its way out of libzmq when its socket is closed.
      assert.message(out .. err).is_true(received + left + held + 1 >= 3000)
    end)

    it("ends at once at a second signal", function()
      local took = timed(function()
        check(128 + 15, signalled("--drain 50000", [[
          local stream = eddy.stream(zmq.instance():socket(zmq.PUSH))
          stream:send("nobody is there")
          loop:call_later(60000, print)
          loop:add_callback(ready)]], "while kill -TERM $pid 2>/dev/null; do sleep 0.05; done"))
      end)
      assert.message(took).is_true(took < 10000)
    end)
  end)

  describe("when nobody reads the standard output", function()
    it("stops the loop in order, with 141", function()
      for _ = 1, 5 do
        local out, err = check(128 + 13, shell(("set -o pipefail; %s -e %s | head -1"):format(host,
          quote [[
            local loop = require("eddy").loop.instance()
            loop:call_every(1, function() print("tick") end)
            loop:start()
            io.stderr:write("in order\n")]])))
        assert.equal("tick\n", out)
        assert.equal("in order\n", err)
      end
    end)

    it("ends a handler that goes on printing all the same", function()
      local took = timed(function()
        check(128 + 13, shell(("set -o pipefail; %s -e %s | head -1"):format(host, quote [[
          local loop = require("eddy").loop.instance()
          loop:call_later(1, function() while true do print("tick") end end)]])))
      end)
      assert.message(took).is_true(took < 10000)
    end)

    it("still says 75 when messages were not sent", function()
      check(75, shell(("set -o pipefail; %s --drain 20 -e %s | head -1"):format(host, quote [[
        local eddy, zmq = require "eddy", require "eddy.zmq"
        eddy.stream(zmq.instance():socket(zmq.PUSH)):send("nobody is there")
        eddy.loop.instance():call_every(1, function() print("tick") end)]])))
    end)

    it("does not end because of any other pipe, whose writer gets an error", function()
      local out = check(0, eddy("-e", [[
        local loop = require("eddy").loop.instance()
        loop:call_later(1, function()
          local pipe = io.popen("exec <&-; echo >$ready", "w")
          local ok, err
          repeat ok, err = pipe:write(("x"):rep(100000)) until not ok
          print(err)
        end)]]))
      assert.equal("Broken pipe\n", out)
    end)

    it("leaves SIGPIPE to the programs that are started as it is", function()
      local out = check(0, eddy("-e", [[
        print(io.popen("sed -n s/SigIgn:.//p /proc/self/status"):read("*l"))]]))
      local _, before = shell("sed -n s/SigIgn:.//p /proc/self/status")
      assert.equal(before, out)
    end)
  end)

  -- Each of these with each way to end: in time, and with its own exit code.
  local left = {
    nothing = "",
    ["a loop that never ran"] = "eddy.loop.new():call_later(60000, print)",
    ["a stream that was dropped"] = [[
      eddy.stream(zmq.instance():socket(zmq.PULL, { bind = "inproc://x" }), eddy.loop.new())
      collectgarbage()]],
    ["sockets that linger for ever"] = [[
      for _, context in ipairs { zmq.instance(), zmq.context { io_threads = 1 } } do
        local socket = context:socket(zmq.PUSH, { linger = -1, connect = "tcp://127.0.0.1:1" })
        for i = 1, 1000 do socket:send("nobody is there", zmq.DONTWAIT) end
      end]],
    ["a monitor, a poller, frames and a signal's handler"] = [[
      keep = { zmq.instance():socket(zmq.PUSH):get_monitor_socket(), zmq.poller(), zmq.frame("x"),
        eddy.loop.new():on_signal("USR1", print) }]],
    ["a task that waits"] = "eddy.loop.new():spawn(function() coroutine.yield() end)",
  }
  local endings = {
    ["the script's end"] = { 0, "loop:stop() loop:start()" },
    ["an error"] = { 1, "error('on purpose')" },
    ["os.exit"] = { 7, "os.exit(7)" },
    ["os.exit in a handler"] = { 7, "loop:add_callback(os.exit, 7) loop:start()" },
    ["SIGTERM"] = { 0, "loop:call_later(1, function() ffi.C.raise(15) end) " ..
      "loop:call_later(60000, print) loop:start()" },
  }
  for thing, make in pairs(left) do
    it("comes in time with " .. thing .. ", however it comes", function()
      for name, ending in pairs(endings) do
        local took, code, out, err = timed(eddy, "--drain", "50", "-e", [[
          local eddy, zmq, ffi = require "eddy", require "eddy.zmq", require "ffi"
          ffi.cdef "int raise(int signal);"
          local loop = eddy.loop.instance() ]] .. make .. "\n" .. ending[2])
        assert.message(name .. ": " .. out .. err).equal(ending[1], code)
        assert.message(name .. ": " .. took .. " ms").is_true(took < 5000)
      end
    end)
  end

  it("comes though a finalizer or the output does not end, and says so", function()
    local endless = "P = newproxy(true) getmetatable(P).__gc = function() while true do end end "
    for code, ending in pairs { [1] = "", [3] = "os.exit(3)" } do
      local took = timed(function()
        local _, err = check(code, eddy("--drain", "100", "-e", endless .. ending))
        assert.matches("^eddy: something does not end", err)
      end)
      assert.message(took).is_true(took < 5000)
    end
    local took = timed(shell, ("%s --drain 100 -e %s | { sleep 3; cat >/dev/null; }"):format(host,
      quote [[io.stdout:setvbuf("full", 2000000) io.write(("x"):rep(1000000))]]))
    assert.message(took).is_true(took < 6000)
  end)

  it("tells of errors in finalizers, when they happen and at the end, and exits with 1", function()
    local finalizers = {
      "P = newproxy(true) getmetatable(P).__gc = function() error('on purpose') end",
      "P = newproxy(newproxy(true)) getmetatable(P).__gc = function() error('on purpose') end",
      "P = ffi.gc(ffi.new('int[1]'), function() error('on purpose') end)",
      "P = ffi.metatype('struct {int x;}', { __gc = function() error('on purpose') end })()",
    }
    for _, make in ipairs(finalizers) do
      for _, finish in ipairs { "", "P = nil collectgarbage() collectgarbage() print 'after'" } do
        local out, err = check(1, eddy("-e", "local ffi = require 'ffi' " .. make .. " " .. finish))
        assert.matches("^eddy: finalizer %(%(%-e%):1%): %(%-e%):1: on purpose\nstack traceback:",
          err)
        if finish ~= "" then assert.equal("after\n", out) end
      end
    end
  end)

  it("comes when the context is terminated under a loop at work", function()
    local out, err = check(1, eddy("-e", [[
      local eddy, zmq, ffi = require "eddy", require "eddy.zmq", require "ffi"
      ffi.cdef "int zmq_ctx_shutdown(void *context);"
      for round = 1, 50 do
        local loop, context = eddy.loop.new(), zmq.context { io_threads = 1 }
        local pull = context:socket(zmq.PULL, { bind = "inproc://x" })
        local push = eddy.stream(context:socket(zmq.PUSH, { connect = "inproc://x" }), loop)
        local stream, count = eddy.stream(pull, loop), 0
        stream:on_close(function() loop:stop() end)
        stream:on_recv(function(msg)
          count = count + 1
          push:send_multipart(msg)
          push:send_multipart(msg)
          if count == round then
            assert(ffi.C.zmq_ctx_shutdown(ffi.cast("void **", context._c)[0]) == 0)
          end
        end)
        push:send("x")
        loop:call_later(5000, function() error("the loop goes on") end)
        loop:start()
        loop:close()
      end
      error("all rounds ended", 0)]]))
    assert.equal("", out)
    local told = "PULL socket[^\n]*the stream is closed: [^\n]*%(ETERM%)\n"
    assert.equal(50, select(2, err:gsub(told, "")))
    assert.matches("all rounds ended", err)
  end)

  it("may be kill -9, and a new start goes on: whole messages, over ipc and tcp", function()
    local out = check(9, shell(([[
      export dir=$(mktemp -d)
      %s --drain 50 %s; code=$?; rm -r $dir; exit $code]]):format(host, script [==[
      local eddy, zmq, ffi = require "eddy", require "eddy.zmq", require "ffi"
      ffi.cdef "int kill(int pid, int signal);"
      local dir, loop = os.getenv("dir"), eddy.loop.instance()
      local probe = zmq.instance():socket(zmq.PULL)
      local tcp = "tcp://127.0.0.1:" .. probe:bind_to_random_port("tcp://127.0.0.1")
      probe:close()
      local server = dir .. "/server.lua"
      local file = io.open(server, "w")
      file:write([=[
        local eddy, zmq = require "eddy", require "eddy.zmq"
        local pid = io.open("/proc/self/stat"):read("*n")
        local back = eddy.stream(zmq.instance():socket(zmq.PUSH, { connect = arg[1] }))
        for i = 2, 3 do
          local socket = zmq.instance():socket(zmq.PULL)
          -- The last thread of the one before may not be gone yet.
          for try = 1, 200 do
            local ok, err = pcall(socket.bind, socket, arg[i])
            if ok then break end
            if try == 200 then error(err) end
            os.execute("sleep 0.02")
          end
          local stream = eddy.stream(socket)
          stream:on_recv(function(msg)
            back:send_multipart { tostring(pid), arg[i], unpack(msg) }
          end)
        end]=])
      file:close()
      local results = eddy.stream(zmq.instance():socket(zmq.PULL,
        { bind = "ipc://" .. dir .. "/back" }))
      local endpoints = { "ipc://" .. dir .. "/in", tcp }
      -- A new server, once the one before is gone, whose port it takes.
      local function start(before)
        local wait = before and ("while read -r _ _ state _ 2>/dev/null </proc/%s/stat && " ..
          "[ $state != Z ]; do sleep 0.01; done; "):format(before) or ""
        os.execute(("(%sexec %s %s ipc://%s/back %s %s) &"):format(wait, arg[1], server, dir,
          unpack(endpoints)))
      end
      local body = ("x"):rep(20000)
      for _, endpoint in ipairs(endpoints) do
        local push = eddy.stream(zmq.instance():socket(zmq.PUSH,
          { connect = endpoint, immediate = 1, linger = 0, reconnect_ivl = 20 }))
        push:set_send_limit { messages = 10, policy = "drop_oldest" }
        loop:call_every(1, function() push:send_multipart { "head", body, "tail" } end)
      end
      local dead, rounds, heard = {}, 0, {}
      results:on_recv(function(msg)
        local pid, endpoint = msg[1], msg[2]
        assert(#msg == 5 and msg[3] == "head" and msg[4] == body and msg[5] == "tail")
        heard[endpoint] = (heard[endpoint] or 0) + 1
        if dead[pid] or (heard[endpoints[1]] or 0) < 5 or (heard[tcp] or 0) < 5 then return end
        dead[pid], heard, rounds = true, {}, rounds + 1
        ffi.C.kill(tonumber(pid), 9)
        if rounds == 6 then print("six lives") os.exit(9) end
        start(pid)
      end)
      loop:call_later(30000, os.exit, 3)
      start()]==] .. " " .. host)))
    assert.matches("six lives\n", out)
  end)
end)
