-- How the host ends: output that nobody reads, whatever scripts left, finalizers.
local full = require "spec.support.full"
local process = require "spec.support.process"

local check, eddy, shell = process.check, process.eddy, process.shell
local quote, timed = process.quote, process.timed
local host = quote(EDDY_HOST)

local HEADS = full.size(5, 100)   -- outputs that nobody reads any more
local STORM = full.size(300, 10000) -- peers that reset their connections
local ROUNDS = full.size(1, 34)   -- for each thing left behind, with each way to end
local LATEST_MS = full.size(5000, 1000)

describe("the end of the host", function()
  it("does not wait for sockets of a context that is garbage and not yet finalized", function()
    local _, err = check(0, eddy("-e", [[
      local zmq = require "eddy.zmq"
      local canary = setmetatable({}, { __mode = "k" })
      collectgarbage()
      zmq.context():socket(zmq.PULL, { bind = "inproc://garbage" })
      canary[{}] = true
      repeat collectgarbage("step", 0) until not next(canary) -- the context is in no table]]))
    assert.equal("", err)
  end)

  describe("when nobody reads the standard output", function()
    it("stops the loop in order, with 141", function()
      local times = {}
      for i = 1, HEADS do
        local took, code, out, err = timed(shell,
          ("set -o pipefail; %s -e %s | head -1"):format(host, quote [[
            local loop = require("eddy").loop.instance()
            loop:call_every(1, function() print("tick") end)
            loop:start()
            io.stderr:write("in order\n")]]))
        assert.same({ 128 + 13, "tick\n", "in order\n" }, { code, out, err })
        assert.message(took).is_true(took < LATEST_MS)
        times[i] = took
      end
      full.figure("nobody reads the standard output",
        "%d of %d ended in order, the longest took %d ms", #times, HEADS, full.quantile(times, 1))
    end)

    it("ends in order also when a handler prints often meanwhile", function()
      local out, err = check(128 + 13, shell(("set -o pipefail; %s -e %s | head -1"):format(host,
        quote [[
          local loop = require("eddy").loop.instance()
          loop:call_every(1, function() for _ = 1, 10 do print("tick") end end)
          loop:start()
          io.stderr:write("in order")]])))
      assert.same({ "tick\n", "in order" }, { out, err })
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

  it("does not come with peers that reset their connections while it sends", function()
    local out = check(0, eddy("-e", ([[
      package.path = %q .. "/?.lua;" .. package.path
      local eddy, zmq = require "eddy", require "eddy.zmq"
      local zmtp = require "spec.zmtp.peer"
      local loop = eddy.loop.instance()
      local push = eddy.stream(zmq.instance():socket(zmq.PUSH, { bind = "tcp://127.0.0.1:*" }))
      push:set_send_limit { messages = 100, policy = "drop_oldest" }
      local port = tonumber(push.socket.last_endpoint:match("(%%d+)$"))
      local body = ("x"):rep(20000)
      local function send() for _ = 1, 5 do push:send(body) end end
      loop:call_every(1, send)
      local left = 0
      local function visit()
        local peer = zmtp.connect(port)
        peer:open("PULL")
        send()
        if left %% 2 == 0 then peer:receive(1000, true) end
        peer:leave(true)
        left = left + 1
        if left < %d then return loop:add_callback(visit) end
        -- One who stays is served.
        local pull = eddy.stream(zmq.instance():socket(zmq.PULL,
          { connect = push.socket.last_endpoint }))
        local got = 0
        pull:on_recv(function(msg)
          assert(msg[1] == body)
          got = got + 1
          if got < 200 then return end
          print(left, got)
          os.exit(0)
        end)
      end
      loop:add_callback(visit)
      loop:start()]]):format(EDDY_ROOT, STORM)))
    assert.equal(STORM .. "\t200\n", out)
    full.figure("peers reset their connections", "%d did while the host sent: it went on", STORM)
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
  local unsent = { ["sockets that linger for ever"] = true } -- which is 75 where it would be 0
  for thing, make in pairs(left) do
    it("comes in time with " .. thing .. ", however it comes", function()
      local times = {}
      for _ = 1, ROUNDS do
        for name, ending in pairs(endings) do
          local took, code, out, err = timed(eddy, "--drain", "50", "-e", [[
            local eddy, zmq, ffi = require "eddy", require "eddy.zmq", require "ffi"
            ffi.cdef "int raise(int signal);"
            local loop = eddy.loop.instance() ]] .. make .. "\n" .. ending[2])
          local expected = ending[1] == 0 and unsent[thing] and 75 or ending[1]
          assert.message(name .. ": " .. out .. err).equal(expected, code)
          assert.message(name .. ": " .. took .. " ms").is_true(took < LATEST_MS)
          times[#times + 1] = took
        end
      end
      full.figure("scripts that left " .. thing, "%d ended as they should, the longest took %d ms",
        #times, full.quantile(times, 1))
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
      eddy.loop.set_log_limit(math.huge)
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
end)
