-- Calls that block while a loop runs: SIGINT and SIGTERM end them, and the watchdog sees them.
local process = require "spec.support.process"

local check, eddy, signalled = process.check, process.eddy, process.signalled

-- What blocks, with what the error is about.
local CALLS = {
  ["pull:recv()"] = "recv: PULL socket at inproc://a",
  ["pull:recv(0, false)"] = "recv: PULL socket at inproc://a",
  ["pull:recv_multipart()"] = "recv_multipart: PULL socket at inproc://a",
  ["pull:recv_json()"] = "recv: PULL socket at inproc://a",
  ["pull:recv_string()"] = "recv: PULL socket at inproc://a",
  ["pull:poll()"] = "poll: PULL socket at inproc://a",
  ["pull:poll(60000)"] = "poll: PULL socket at inproc://a",
  ["late:recv()"] = "recv: PULL socket",
  ["poller:poll()"] = "poll",
  ["poller:poll(60000)"] = "poll",
  ["zmq.select({ pull }, nil, nil)"] = "poll",
  ["push:send('x')"] = "send: PUSH socket at inproc://b",
  ["push:send(frame)"] = "send: PUSH socket at inproc://b",
  ["push:send('x', 0, true, true)"] = "send: PUSH socket at inproc://b",
  ["push:send('x', zmq.SNDMORE)"] = "send: PUSH socket at inproc://b",
  ["push:send_multipart { 'x', 'y' }"] = "send_multipart: PUSH socket at inproc://b",
  ["push:send_json {}"] = "send: PUSH socket at inproc://b",
  ["router:send_multipart { 'peer', 'x' }"] = "send_multipart: ROUTER socket at inproc://r",
  ["req:recv()"] = "recv: REQ socket at inproc://req",
  ["tracker:wait()"] = "tracker",
  ["tracker:wait(60000)"] = "tracker",
  ["other:term()"] = "term",
}

-- Those that end with nil and an error, or by the end of the device.
local DEVICES = { "zmq.proxy(pull, push)", "zmq.device(zmq.QUEUE, pull, push)",
  "zmq.monitored_queue(pull, push, mon)", "device:join()", "device:join(60000)" }

local SCRIPT = [[
  local eddy, zmq = require "eddy", require "eddy.zmq"
  local context = zmq.instance()
  local function socket(name, settings)
    settings = settings or {}
    settings.linger = 0
    return context:socket(zmq[name], settings)
  end
  local pull = socket("PULL", { bind = "inproc://a" })
  local push = socket("PUSH", { bind = "inproc://b" })
  local mon, late = socket("PUB"), socket("PULL", { rcvtimeo = 60000 })
  local router = socket("ROUTER", { router_mandatory = 1, sndhwm = 1, bind = "inproc://r" })
  local dealer = socket("DEALER", { routing_id = "peer", rcvhwm = 1, connect = "inproc://r" })
  while router:send_multipart({ "peer", "x" }, zmq.DONTWAIT) do end
  local rep = socket("REP", { bind = "inproc://req" })
  local req = socket("REQ", { connect = "inproc://req" })
  req:send("x")
  local poller = zmq.poller()
  poller:register(pull, zmq.POLLIN)
  local frame = zmq.frame(("x"):rep(1000), true)
  local tracker = zmq.tracker(frame)
  local device = require("eddy.devices").device(zmq.QUEUE, zmq.PULL, zmq.PUSH)
  device:bind_in("inproc://in")
  device:bind_out("inproc://out")
  device:start()
]]

-- For those calls that need it: a context whose end takes its time.
local OTHER = [[
  local other = zmq.context { io_threads = 1 }
  local lingers = other:socket(zmq.PUSH, { linger = 60000, connect = "tcp://127.0.0.1:1" })
  lingers:send("x")
  lingers:close()
]]

local function setup(call) return SCRIPT .. (call:find("^other") and OTHER or "") end

local function blocks(call, where)
  return process.READY .. setup(call) .. (where or "loop:spawn(function() %s end)"):format(
    "ready() local ok, a, b = pcall(function() return " .. call ..
    " end) print(tostring(b or a))")
end

describe("a call that blocks the running loop", function()
  for call, what in pairs(CALLS) do
    it(call .. " is interrupted by SIGTERM", function()
      local _, text = signalled(blocks(call), "kill -TERM $pid", "--drain 20")
      assert.equal(what .. ": interrupted by SIGTERM (a socket of eddy.green would not have " ..
        "blocked the loop): Interrupted system call (EINTR)\n", text)
    end)
  end

  for _, call in ipairs(DEVICES) do
    it(call .. " is ended by SIGTERM", function()
      local _, out = signalled(blocks(call), "kill -TERM $pid", "--drain 20")
      assert.is_true(out == "true\n" or out:find("(EINTR)", 1, true) ~= nil)
    end)
  end

  for name, where in pairs {
    ["a timer"] = "loop:call_later(1, function() %s end)",
    ["a callback"] = "loop:add_callback(function() %s end)",
    ["run_sync"] = "pcall(loop.run_sync, loop, function() %s end)",
    ["a stream's handler"] = [[
      local a = socket("PAIR", { bind = "inproc://s" })
      local b = socket("PAIR", { connect = "inproc://s" })
      eddy.stream(a):on_recv(function() %s end)
      b:send("x")]],
    ["a loop that the script starts"] = "loop:add_callback(function() %s end) loop:start()",
  } do
    it("is interrupted in " .. name .. ", and by SIGINT", function()
      local _, out = signalled(blocks("pull:recv()", where), "kill -INT $pid", "--drain 20")
      assert.matches("recv: .-interrupted by SIGINT", out)
    end)
  end

  it("ends the process in order, whose log has what was cut off, with 75", function()
    local _, err = check(75, signalled(process.READY .. SCRIPT .. [[
      loop:spawn(function() ready() pull:recv() end)]], "kill -TERM $pid", "--drain 20"))
    assert.matches("^eddy: task .-: recv: .-interrupted by SIGTERM", err)
  end)

  it("is interrupted also where the script takes SIGTERM, which then hears of it", function()
    local out = check(0, signalled(process.READY .. [[
      local zmq = require "eddy.zmq"
      local pull = zmq.instance():socket(zmq.PULL, { bind = "inproc://a" })
      local push = zmq.instance():socket(zmq.PUSH, { connect = "inproc://a" })
      loop:on_signal("SIGTERM", function()
        print("told")
        loop:call_later(1, function()
          push:send("x")
          print(pull:recv(), pull:poll(10))
          loop:stop()
        end)
      end)
      loop:add_callback(function() ready() print(select(2, pcall(pull.recv, pull)).name) end)]],
      "kill -TERM $pid"))
    assert.equal("EINTR\ntold\nx\t0\n", out)
  end)

  it("is not interrupted when it need not wait", function()
    local out = check(0, signalled(process.READY .. SCRIPT .. [[
      local a = socket("PAIR", { bind = "inproc://s" })
      local b = socket("PAIR", { connect = "inproc://s" })
      loop:add_callback(function()
        ready()
        pcall(pull.recv, pull)
        print(b:send("x"), a:poll(0), a:recv(), pull:poll(0), (pull:recv(zmq.DONTWAIT)))
        print(zmq.select({ pull }, { a }, nil, 0))
        tracker:wait(0)
      end)]], "kill -TERM $pid", "--drain 20"))
    assert.equal("true\t1\tx\t0\tnil\n", out:match("^.-\n"))
  end)

  it("keeps its time when other signals come", function()
    local out = check(0, eddy("-e", [[
      local eddy, zmq, ffi = require "eddy", require "eddy.zmq", require "ffi"
      ffi.cdef "int setitimer(int, const long *, long *);"
      local loop, count = eddy.loop.instance(), 0
      local pull = zmq.instance():socket(zmq.PULL, { rcvtimeo = 60, bind = "inproc://a" })
      local push = zmq.instance():socket(zmq.PUSH, { sndtimeo = 60 })
      local poller = zmq.poller()
      poller:register(pull)
      loop:on_signal("ALRM", function() count = count + 1 end)
      ffi.C.setitimer(0, ffi.new("long[4]", { 0, 2000, 0, 2000 }), nil)
      local function took(fn, ...)
        local began = loop:time()
        fn(...)
        return loop:time() - began >= 60
      end
      loop:add_callback(function()
        print(took(pull.recv, pull), took(pull.poll, pull, 60), took(poller.poll, poller, 60),
          took(push.send, push, "x"), pull.rcvtimeo)
      end)
      loop:call_later(300, function()
        print(count > 10)
        ffi.C.setitimer(0, ffi.new("long[4]"), nil)
        loop:stop()
      end)
      loop:start()]]))
    assert.equal("true\ttrue\ttrue\ttrue\t60\ntrue\n", out)
  end)
end)

describe("the watchdog and a call that blocks", function()
  local function run(limits, call, last)
    return eddy("--drain", "20", "--watchdog", limits, "-e", setup(call) .. [[
      local loop = eddy.loop.instance()
      loop:spawn(function() ]] .. call .. [[ end)
      loop:call_later(1, function() ]] .. (last or "print('on')") .. [[ loop:stop() end)]])
  end

  local all = {}
  for call in pairs(CALLS) do all[#all + 1] = call end
  for _, call in ipairs(DEVICES) do all[#all + 1] = call end
  for _, call in ipairs(all) do
    it("reports and interrupts " .. call, function()
      local _, out, err = run("report=20,interrupt=150", call)
      assert.equal("on\n", out)
      assert.matches("^eddy: task %(%(%-e%):%d+%): its handler has run for %d+ ms; " ..
        "a socket of eddy.green would not have blocked the loop\nstack traceback:", err)
      assert.matches("%(%-e%):%d+: interrupted: the handler of task .- has run for %d+ ms", err)
      assert.equal(2, select(2, err:gsub("has run for", "")))
    end)
  end

  it("reports one that goes on, and whose time is what it was told", function()
    local _, out, err = run("report=20", [[
      local function took(fn, ...)
        local began, loop = require("eddy.base.libeddy").C.eddy_time(), nil
        fn(...)
        local ms = require("eddy.base.libeddy").C.eddy_time() - began
        return ms >= 150 and ms < 5000
      end
      pull.rcvtimeo, push.sndtimeo = 150, 150
      print(took(pull.recv, pull), took(pull.poll, pull, 150), took(poller.poll, poller, 150),
        took(push.send, push, "x"), took(tracker.wait, tracker, 150),
        took(device.join, device, 150))
    ]])
    assert.equal(("true\t"):rep(5) .. "true\non\n", out)
    assert.equal(1, select(2, err:gsub("has run for", "")))
  end)

  it("says nothing of eddy.green when the handler computes", function()
    local _, _, err = run("report=20", [[
      pcall(pull.recv, pull, zmq.DONTWAIT)
      local over = eddy.loop.instance():time() + 200
      while eddy.loop.instance():time() < over do end]])
    assert.matches("has run for %d+ ms\n", err)
  end)
end)
