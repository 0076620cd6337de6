-- Children of the host: what they have of it, and how they end with it.
local process = require "spec.support.process"

local check, eddy, shell = process.check, process.eddy, process.shell
local signalled, READY = process.signalled, process.READY

describe("a child of the host", function()
  -- Everything that opens descriptors, in the host and in libzmq.
  local OPENS = [[
    local eddy, zmq = require "eddy", require "eddy.zmq"
    local loop, context = eddy.loop.instance(), zmq.instance()
    local folder = os.tmpname()
    os.remove(folder)
    os.execute("mkdir " .. folder)
    -- What children have, of what none had before.
    local known = {}
    local list = "exec ls -l /proc/self/fd >" .. folder .. "/list"
    local function show(is_first)
      for line in io.lines(folder .. "/list") do
        local fd, target = line:match "(%d+) %-> (.*)"
        if is_first then
          known[line:match "%d+ %-> .*" or ""] = true
        elseif target and not target:find("/proc/", 1, true) and tonumber(fd) > 2 and
          not known[fd .. " -> " .. target] then
          print(line)
        end
      end
    end
    os.execute(list)
    show(true)
    local pull = eddy.stream(context:socket(zmq.PULL, { bind = "tcp://127.0.0.1:*" }))
    local push = eddy.stream(context:socket(zmq.PUSH, { connect = pull.last_endpoint or
      pull.socket.last_endpoint }))
    local ipc = context:socket(zmq.REP, { bind = "ipc://" .. folder .. "/socket" })
    local req = context:socket(zmq.REQ, { linger = 0, connect = "ipc://" .. folder .. "/socket" })
    pull:on_event(function() end)
    push:on_event(function() end)
    loop:on_signal("USR1", print)
    local device = eddy.devices.device(zmq.QUEUE, zmq.PULL, zmq.PUSH)
    device:bind_in_to_random_port "tcp://127.0.0.1"
    device:bind_out_to_random_port "tcp://127.0.0.1"
    device:start()
    if zmq.has "curve" then
      local key, secret = zmq.curve_keypair()
      context:socket(zmq.REP, { curve = { secret = secret, allow = { key } },
        bind = "tcp://127.0.0.1:*" })
    end
    local other = eddy.process.spawn { "sleep", "60", stdin = "pipe", stdout = "pipe" }
    req:send "x"
    push:send "x"
    pull:on_recv(function() loop:stop() end)
    loop:start()
    ipc:recv() ]]

  it("has no descriptor of the host's or of libzmq's, however it is started", function()
    local out = check(0, eddy("-e", OPENS .. [[
      loop:add_callback(function()
        os.execute(list)
        show()
        io.popen(list):close()
        show()
        assert(eddy.process.run { "sh", "-c", list }:await() == 0)
        show()
        print "done"
        loop:stop()
      end)
      loop:start()
      ipc:close()
      os.execute("rm -r " .. folder)]]))
    assert.equal("done\n", out)
  end)

  it("has the limit of descriptors that the host was given", function()
    local out = check(0, shell(("ulimit -Sn 100; %s -e %s"):format(process.quote(EDDY_HOST),
      process.quote [[
        print((select(2, require("eddy.process").run({ "sh", "-c", "ulimit -Sn" }):await())))]])))
    assert.equal("100\n\n", out)
  end)

  it("is asked to end at the host's end, and has the drain time for it", function()
    local out, err = check(0, eddy("-e", [[
      local process = require "eddy.process"
      local loop = require("eddy").loop.instance()
      process.spawn { "sh", "-c", "trap 'sleep 0.1; exit' TERM; echo; while :; do sleep 0.01; done",
        stdout = function() loop:stop() end, stderr = "null" }
      process.spawn { "sleep", "60" }
      loop:start()]]))
    assert.same({ "", "" }, { out, err })
  end)

  it("is killed when that is over, and named: 75", function()
    local took, code, _, err = process.timed(eddy, "--drain", "100", "-e", [[
      local process = require "eddy.process"
      local loop = require("eddy").loop.instance()
      local child = process.spawn { "sh", "-c", "trap '' TERM; echo; while :; do sleep 1; done",
        name = "deaf", stdout = function() loop:stop() end }
      loop:start()
      io.stderr:write(child.pid, "\n")]])
    assert.message(err).equal(75, code)
    assert.is_true(took >= 100)
    local pid = err:match "^(%d+)\n"
    assert.matches('eddy: process "deaf" %(' .. pid .. '%) did not end, and is killed', err)
    assert.is_nil(io.open("/proc/" .. pid .. "/stat"))
  end)

  it("ends at a SIGTERM to the host, whose group it is not in", function()
    local out = check(0, signalled(READY .. [[
      local child = require("eddy.process").spawn { "sleep", "60" }
      print(child.pid)
      loop:call_later(1, ready)
      loop:start()]], "kill -TERM $pid"))
    assert.is_nil(io.open("/proc/" .. tonumber(out) .. "/stat"))
  end)

  it("ends when the host is killed, unless it is detached", function()
    local code, out = signalled(READY .. [[
      local process = require "eddy.process"
      for _, detach in ipairs { false, true } do
        local child = { "sleep", "60", detach = detach, stdout = "null", stderr = "null" }
        print(process.spawn(child).pid)
      end
      io.stdout:flush()
      loop:call_later(1, ready)
      loop:start()]], "kill -KILL $pid")
    assert.equal(128 + 9, code)
    local with, without = out:match "(%d+)\n(%d+)"
    repeat
      local file = io.open("/proc/" .. with .. "/stat")
      local state = file and file:read("*a"):match "%) (%a)"
      if file then file:close() end
    until not state or state == "Z"
    local file = assert(io.open("/proc/" .. without .. "/stat"))
    assert.matches("%) S", file:read "*a")
    file:close()
    os.execute("kill " .. without)
  end)

  it("is not stopped by what the host printed to nobody, nor stops it", function()
    local out = check(0, eddy("-e", [[
      local child = require("eddy.process").spawn { "true", stdin = "pipe" }
      child.exit:await()
      for _ = 1, 3 do print(select(2, child:write "x").name) end]]))
    assert.equal(("EPIPE\n"):rep(3), out)
  end)

  it("may be had by a program of plain luajit, too", function()
    local library = EDDY_HOST:match "^.*/" .. "libeddy.so"
    if os.getenv "ASAN_OPTIONS" then return pending "luajit is built without ASan" end
    local code, out, err = shell(("EDDY_LIBRARY=%s LUA_PATH='%s/lua/?.lua;;' luajit -e %s"):format(
      library, EDDY_ROOT, process.quote [[
        local process = require "eddy.process"
        local child = process.spawn { "true", stdin = "pipe" }
        print(child.exit:await())
        print(select(2, child:write "x").name)
        print((select(2, process.run({ "echo", "here" }):await())))]]))
    check(0, code, out, err)
    assert.equal("0\nEPIPE\nhere\n\n", out)
  end)
end)
