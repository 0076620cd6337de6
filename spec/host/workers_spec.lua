-- eddy --workers: what the processes share, how they end, and what becomes of those that fail.
local eddy = require "eddy"
local zmq = require "eddy.zmq"
local ports = require "spec.support.ports"
local programs = require "spec.support.process"
local restarts = require "eddy.workers.restarts"
local exits = require "eddy.workers.exits"
local support = require "spec.lua.support"
local workers = require "spec.support.workers"

local check = programs.check

-- Answers with its number and its process id.
local REPLY = [[
  local reply = eddy.stream(context:socket(zmq.REP, { bind = arg[1] }))
  reply:on_recv(function(msg)
    if msg[1] == "crash" then
      local ffi = require "ffi"
      ffi.cdef "void abort(void);"
      ffi.C.abort()
    end
    reply:send_multipart { tostring(index), tostring(pid) }
  end)
  tell("bound", index, reply.socket.last_endpoint)
]]
local FOR_EVER = " loop:call_later(1e9, print) "

describe("eddy --workers", function()
  local loop, context
  after_each(workers.close)
  support.each(function(...) loop, context = ... end)

  local function start(...) return workers.start(loop, ...) end

  -- Asks who answers at an endpoint, in a connection of its own; nil: nobody did.
  local function ask(endpoint, text)
    local socket = context:socket(zmq.REQ, { connect = endpoint, rcvtimeo = 5000, linger = 0 })
    socket:send(text or "who")
    local answer = socket:recv_multipart()
    socket:close()
    return answer and tonumber(answer[1]), answer and tonumber(answer[2])
  end

  local function at(port) return "tcp://127.0.0.1:" .. port end

  -- How many of so many connections each worker has.
  local function spread(endpoint, count)
    local counts = {}
    for _ = 1, count do
      local index = assert(ask(endpoint))
      counts[index] = (counts[index] or 0) + 1
    end
    return counts
  end

  it("tells each which one it is", function()
    local program = start([[
      tell("is", index, eddy.worker.count, os.getenv "EDDY_WORKER", ...)
    ]], { "--workers=3", "--drain", "100" }, "a b", "--workers")
    assert.equal(0, program:finish())
    local lines = program:wait("^is", 3)
    table.sort(lines)
    assert.same({ "is 1 3 1 a b --workers", "is 2 3 2 a b --workers", "is 3 3 3 a b --workers" },
      lines)
    assert.equal("", program:complaints())
  end)

  it("is worker 1 of 1 without", function()
    local out = check(0, programs.eddy("-e", [[
      local worker = require("eddy").worker
      print(worker.index, worker.count, os.getenv "EDDY_WORKER")]]))
    assert.equal("1\t1\tnil\n", out)
  end)

  describe("shares a tcp port", function()
    it("whose connections come to all", function()
      local endpoint = at(ports.free(1))
      local program = start(REPLY, nil, endpoint)
      program:wait("^bound", 2)
      local counts = spread(endpoint, 60)
      assert.is_true(counts[1] > 0 and counts[2] > 0)
      assert.equal(0, program:stop())
      assert.equal("", program:complaints())
    end)

    it("that the system chooses for the first, and so for each of a script's sockets", function()
      local program = start([[
        local names = {}
        for i = 1, 3 do
          names[i] = context:socket(zmq.REP, { bind = "tcp://127.0.0.1:*" }).last_endpoint
        end
        tell("has", table.concat(names, " "))
        local port = context:socket(zmq.REP):bind_to_random_port("tcp://127.0.0.1", 31000, 32000)
        tell("chose", port)]] .. FOR_EVER, { "--workers", "3" })
      local lines = program:wait("^has", 3)
      assert.same({ lines[1], lines[1] }, { lines[2], lines[3] })
      local a, b, c = lines[1]:match "has (%S+) (%S+) (%S+)"
      assert.is_true(a ~= b and b ~= c and a ~= c)
      lines = program:wait("^chose", 3)
      assert.same({ lines[1], lines[1] }, { lines[2], lines[3] })
    end)

    it("that nobody else gets meanwhile", function()
      local endpoint = at(ports.free(1))
      local program = start(REPLY, nil, endpoint)
      program:wait("^bound", 2)
      assert.error_matches(function() context:socket(zmq.REP, { bind = endpoint }) end,
        "EADDRINUSE")
      local other = start(REPLY, nil, endpoint)
      assert.equal(1, other:finish())
      assert.matches("bind " .. endpoint .. ": Address already in use", other:complaints(), 1,
        true)
      assert.truthy(ask(endpoint))
    end)

    it("but not with another socket of the same process", function()
      local endpoint = at(ports.free(1))
      local program = start([[
        local function bind() return context:socket(zmq.REP, { bind = arg[1] }) end
        local one = bind()
        tell("again", select(2, pcall(bind)).name)
        one:close()
        bind()
        tell "rebound"
      ]] .. FOR_EVER, nil, endpoint)
      program:wait("^again EADDRINUSE", 2)
      program:wait("^rebound", 2)
    end)

    it("also in a thread", function()
      local endpoint = at(ports.free(1))
      local program = start([[
        eddy.thread.start(function(name)
          local its = require "eddy"
          its.zmq.instance():socket(its.zmq.REP, { bind = name })
          print("bound " .. its.worker.index)
          its.loop.instance():call_later(1e9, print)
        end, arg[1])]] .. FOR_EVER, nil, endpoint)
      program:wait("bound 1", 1)
      program:wait("bound 2", 1)
    end)

    it("only where the policy for binds allows it", function()
      local program = start(REPLY, nil, "tcp://*:*")
      assert.equal(1, program:finish())
      assert.matches("insecure = true", program:complaints(), 1, true)
    end)
  end)

  describe("refuses a second worker", function()
    local function refusal(text, ...)
      local program = start(text .. FOR_EVER, nil, ...)
      assert.equal(1, program:finish())
      return program:complaints()
    end

    it("an ipc path", function()
      local folder = support.temp_dir()
      local name = "ipc://" .. folder .. "/socket"
      local text = refusal(REPLY, name)
      os.remove(folder .. "/socket")
      os.remove(folder)
      assert.matches(name .. ": Address already in use (EADDRINUSE): worker 1 has it", text, 1,
        true)
      assert.matches(('bind = "%s-" .. eddy.worker.index'):format(name), text, 1, true)
      assert.matches("[2] ", text, 1, true)
    end)

    it("the port of a PUB", function()
      local port = ports.free(1)
      local text = refusal([[context:socket(zmq.PUB, { bind = arg[1] })]], at(port))
      assert.matches("do not share the port of a PUB socket", text, 1, true)
      assert.matches(('bind = "tcp://127.0.0.1:" .. %d + eddy.worker.index'):format(port - 1),
        text, 1, true)
    end)

    it("what is not to be shared", function()
      local text = refusal([[context:socket(zmq.REP, { shared = false, bind = arg[1] })]],
        at(ports.free(1)))
      assert.matches("it has shared = false", text, 1, true)
    end)
  end)

  it("lets workers have what cannot be shared one by one", function()
    local folder, one, both = support.temp_dir(), ports.free(2)
    local program = start([[
      local folder, one, both = ...
      context:socket(zmq.REP, { bind = "ipc://" .. folder .. "/" .. index })
      if index == 1 then context:socket(zmq.PUB, { bind = one }) end
      local pub = context:socket(zmq.PUB, { shared = true, bind = both })
      context:socket(zmq.PUB, { bind = "tcp://127.0.0.1:*" })
      tell("bound", pub.shared, context:socket(zmq.PUB).shared, context:socket(zmq.REP).shared)
    ]] .. FOR_EVER, nil, folder, at(one), at(both))
    program:wait("^bound true false true", 2)
    -- Those that take their place have it after them, as soon as they ask for it.
    local began = loop:time()
    program:signal "HUP"
    program:wait_for_complaint "2 workers were replaced"
    program:wait("^bound", 4)
    assert.is_true(loop:time() - began < 20000)
    assert.equal(0, program:stop())
    check(0, programs.shell("rm -r " .. folder))
  end)

  it("says what `shared` takes", function()
    assert.error_matches(function() context:socket(zmq.REP, { shared = 1 }) end,
      "set shared: expected a boolean, got number")
  end)

  describe("when a worker fails", function()
    it("starts it again, on its port, and says how it ended", function()
      local endpoint = at(ports.free(1))
      local program = start(REPLY, { "--workers", "1" }, endpoint)
      program:wait "^bound"
      local before = program:pids(1)[1]
      local socket = context:socket(zmq.DEALER, { connect = endpoint, linger = 0 })
      socket:send_multipart { "", "crash" }
      program:wait_for_complaint("^eddy: worker 1 %(pid " .. before ..
        "%) ended by SIGABRT; it is started again in 0.1 s$")
      program:wait("^bound", 2)
      local index, pid = ask(endpoint)
      assert.same({ 1, program:pids(2)[2] }, { index, pid })
      assert.equal(0, program:stop())
    end)

    it("keeps its port meanwhile", function()
      local endpoint = at(ports.free(1))
      local program = start(REPLY, { "--workers", "1" }, endpoint)
      for i = 1, 4 do -- each time it is away for longer
        program:wait("^bound", i)
        os.execute("kill -KILL " .. program:pids(i)[i])
        program:wait_for_complaint("SIGKILL", i)
        assert.error_matches(function() context:socket(zmq.REP, { bind = endpoint }) end,
          "EADDRINUSE")
      end
      program:wait("^bound", 5)
      assert.truthy(ask(endpoint))
    end)

    it("gives up in the end, with its exit code", function()
      local program = start([[loop:call_later(1, os.exit, 3)]], { "--workers", "1" })
      assert.equal(3, program:finish())
      assert.equal(6, #program:pids(6))
      assert.matches("in 0.1 s.*in 0.2 s.*in 0.4 s.*in 0.8 s.*in 1.6 s", program:complaints())
      assert.matches("ended with 3, after 5 restarts within 60 s; all end", program:complaints())
    end)

    it("waits longer each time, and counts a minute", function()
      local policy, delays = restarts.new(), {}
      for i = 1, 6 do delays[i] = policy:failed(i) or "given up" end
      assert.same({ 100, 200, 400, 800, 1600, "given up" }, delays)
      policy = restarts.new()
      for i = 1, 100 do assert.is_true(policy:failed(i * 12001) <= 1600) end
      assert.equal(100, policy:failed(1e9))
    end)

    it("starts it again, too, when somebody else told it to end", function()
      local program = start(REPLY, nil, at(ports.free(1)))
      program:wait("^bound", 2)
      os.execute("kill -TERM " .. program:pids(2)[1])
      program:wait_for_complaint "was told to end; it is started again"
      program:wait("^bound", 3)
      assert.equal(0, program:stop())
    end)

    it("ends soon, and says what it is once, when none ever came up", function()
      local program = start [[error "wrong from the beginning"]]
      assert.equal(1, program:finish())
      local text, count = program:complaints():gsub("wrong from the beginning", "%0")
      assert.equal(1, count)
      assert.matches("%[1%] .*worker 1 %(pid %d+%) ended with 1: an error that nobody handled; " ..
        "it was never up, so all end", text)
      local _, err = check(2, programs.eddy("--workers", "2", "/no/such.lua"))
      assert.matches("cannot read the script", err)
    end)

    it("starts it again when it was killed before it was up", function()
      local program = start([[ eddy.sleep(1e9) ]], { "--workers", "1" })
      os.execute("kill -KILL " .. program:pids(1)[1])
      program:wait_for_complaint "ended by SIGKILL; it is started again"
      program:pids(2)
    end)

    it("knows which exit code is worse", function()
      local worst = 0
      for _, code in ipairs { 0, 75, 0 } do worst = exits.worse(worst, code) end
      assert.equal(75, worst)
      assert.equal(2, exits.worse(75, 2))
      assert.equal(139, exits.worse(1, exits.code(nil, "SIGSEGV")))
      assert.equal("ended with 75: messages not sent, or work not done", exits.words(75))
      assert.equal("ended with 9", exits.words(9))
    end)
  end)

  it("ends when its workers are done", function()
    local program = start [[
      loop:call_later(1, os.exit, index == 2 and 0 or true) tell "at work" ]]
    assert.equal(0, program:finish())
    assert.equal(2, #program:pids(2))
  end)

  describe("at SIGHUP", function()
    it("replaces workers one by one: the new one is up before the old one ends", function()
      local endpoint = at(ports.free(1))
      local program = start(REPLY .. [[
        loop:on_stop(function() tell("ends", index) end)
      ]], nil, endpoint)
      program:wait("^bound", 2)
      local before = program:pids(2)
      program:signal "HUP"
      program:wait_for_complaint "2 workers were replaced"
      local order = {}
      for _, line in ipairs(program.out) do
        local what = line:match "^bound %d" or line:match "^ends %d"
        if what then order[#order + 1] = what end
      end
      assert.same({ "bound 1", "ends 1", "bound 2", "ends 2" }, { unpack(order, 3) })
      for _, pid in ipairs(before) do assert.is_false(workers.is_alive(pid)) end
      assert.truthy(ask(endpoint))
      assert.equal(0, program:stop())
    end)

    it("keeps those that there are when the new one does not come up", function()
      local endpoint = at(ports.free(1))
      local program = start(REPLY, nil, endpoint)
      program:wait("^bound", 2)
      local file = assert(io.open(program.name, "w"))
      file:write "error 'a mistake'"
      file:close()
      program:signal "HUP"
      program:wait_for_complaint "the new one did not come up; those that were not replaced"
      local _, pid = ask(endpoint)
      local pids = program:pids(2)
      assert.is_true(pid == pids[1] or pid == pids[2])
      assert.equal(0, program:stop())
    end)
  end)

  describe("at its end", function()
    it("has all end in order, and tells of those that could not", function()
      local program = start([[
        local push = eddy.stream(context:socket(zmq.PUSH, { connect = "tcp://127.0.0.1:1" }))
        if index == 2 then push:send "to nobody" end
        loop:on_stop(function() tell("ends", index) end)
      ]] .. FOR_EVER .. [[ loop:add_callback(tell, "runs") ]],
        { "--workers", "2", "--drain", "100" })
      program:wait("^runs", 2)
      local pid = program:pids(2)
      assert.equal(75, program:stop())
      program:wait("^ends", 2)
      assert.matches(("worker 2 (pid %d) ended with 75: messages not sent"):format(
        pid[1] > pid[2] and pid[1] or pid[2]), program:complaints(), 1, true)
      assert.not_matches("worker 1", program:complaints())
    end)

    it("kills a worker that takes too long", function()
      local program = start(FOR_EVER .. [[
        loop:on_signal("TERM", function() tell "not now" end)
        loop:add_callback(tell, "runs")
      ]], { "--workers", "1", "--drain", "0" })
      program:wait "^runs"
      assert.equal(137, program:stop())
      assert.matches("did not end within 0 s, and is killed", program:complaints(), 1, true)
    end)

    it("ends at once at a second signal", function()
      local program = start(FOR_EVER .. [[
        loop:on_signal("TERM", function() tell "not now" end)
        loop:add_callback(tell, "runs")
      ]], { "--workers", "2", "--drain", "1000000" })
      program:wait("^runs", 2)
      program:signal "INT"
      program:wait("^not now", 2)
      program:signal "TERM"
      assert.equal(143, program:finish())
    end)

    it("leaves no worker behind when it is killed", function()
      local program = start(FOR_EVER .. [[ loop:add_callback(tell, "runs") ]])
      program:wait("^runs", 2)
      program:signal "KILL"
      program:finish()
      for _, pid in ipairs(program:pids(2)) do
        workers.await(loop, function() return not workers.is_alive(pid) end)
      end
    end)
  end)

  it("marks what workers log", function()
    local program = start [[
      local log = eddy.log.logger()
      log:add_handler(eddy.log.stderr_handler())
      log:error "a record"
      loop:add_callback(error, "in a callback")
      loop:call_later(1e9, print)
    ]]
    program:wait_for_complaint("^eddy: %[1%] .*in a callback")
    program:wait_for_complaint("^eddy: %[2%] .*in a callback")
    program:wait_for_complaint("^%[1%] .*a record")
  end)

  it("gives each files of its own", function()
    local folder = support.temp_dir()
    local program = start("loop:call_later(20, os.exit)",
      { "--workers", "2", "--record", folder .. "/all", "--profile", folder .. "/cpu" })
    assert.equal(0, program:finish())
    for _, name in ipairs { "all.1", "all.2", "cpu.1", "cpu.2" } do
      assert(io.open(folder .. "/" .. name)):close()
    end
    check(0, programs.shell("rm -r " .. folder))
  end)

  it("says what is wrong with its value", function()
    for _, value in ipairs { "0", "x", "1.5", "1001", "-1" } do
      local _, err = check(2, programs.eddy("--workers", value, "x.lua"))
      assert.matches("--workers needs a number of processes up to 1000, or `cores`", err, 1, true)
    end
    local _, err = check(2, programs.eddy("--workers", "2", "-"))
    assert.matches("needs a script that each process can read", err)
    _, err = check(2, programs.eddy("--worker", "1/1/77", "x.lua"))
    assert.matches("--worker does not work: its channel", err, 1, true)
    assert.equal(eddy.worker.index, eddy.worker.count)
  end)
end)
