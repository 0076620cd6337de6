local examples = require "spec.support.examples"
local nats = require "spec.support.nats"
local ports = require "spec.support.ports"
local process = require "spec.support.process"

describe("the examples", function()
  local run = examples.run

  it("echo", function()
    assert.equal("received: hello\nreceived: how are you\nreceived: goodbye\n", run("echo"))
  end)

  it("echo_two", function()
    local out = run("echo_two")
    for _, name in ipairs { "first", "second" } do
      local hello = "hello from the " .. name .. " client"
      assert.matches("the " .. name .. " server got " .. hello .. "\n", out, 1, true)
      assert.matches("the " .. name .. " client got " .. hello .. " back\n", out, 1, true)
    end
  end)

  it("timers", function()
    local said = {}
    for text in run("timers"):gmatch("ms: ([^\n]+)\n") do said[#said + 1] = text end
    assert.equal(7, #said)
    local said_all = table.concat(said, "\n")
    assert.matches("tick 1\n.*tick 2\n.*tick 3\n.*tick 4", said_all)
    assert.matches("cancelled the timer that was due at 60 ms\n.*once, after 50 ms", said_all)
    assert.not_matches("never", said_all)
  end)

  it("streamer_device", function()
    local out, got = run("streamer_device"), {}
    for task in out:gmatch("worker [12] got task (%d): %1 squared is") do got[#got + 1] = task end
    table.sort(got)
    assert.equal("1 2 3 4 5 6", table.concat(got, " "))
    assert.matches("the device relayed 6 messages and was stopped\n$", out)
  end)

  it("threads", function()
    local out = run("threads")
    for client = 1, 2 do
      for i = 1, 4 do
        local line = "client %d: the answer to question %d of client %d\n"
        assert.matches(line:format(client, i, client), out, 1, true)
      end
    end
    assert.matches("8 questions were answered\n.*step 1: ready\n.*step 2: ready\n", out)
    assert.matches("\nstep 3: ready\n$", out)
  end)

  it("workers", function()
    local out = run("workers")
    assert.matches("worker %d %(pid ...%) ended by SIGKILL; it is started again in 0.1 s\n", out)
    assert.matches("40 of 40 requests were answered\nthe workers ended with 0\n$", out)
  end)

  it("reload", function()
    local code, out, err = process.eddy(examples.path("reload"))
    assert.message(err).equal(0, code)
    assert.matches("^eddy: reload: generation 2 of [^\n]*/reload.lua runs %(%d+ ms%)\n$", err)
    assert.equal("hello is request 1, answered by generation 1\n" ..
      "hello is request 2, answered by generation 2\n", out)
  end)

  it("logging", function()
    assert.equal("shop.INFO | the shop is open\n" ..
      "shop.WARN.stock | WARN logging.lua:33 - only 2 apples left\n" ..
      "shop.INFO.orders | order 7: 3 pears\n", run("logging"))
  end)

  it("async_sub", function()
    assert.equal("received\tweather\t1 degrees\nreceived\tweather\t2 degrees\n" ..
      "received\tweather\t3 degrees\n", run("async_sub"))
  end)

  it("green_echo", function()
    assert.equal("1000 clients had 3000 answers\n", run("green_echo", 1000, 3))
  end)

  local function needs(module, package, name, fn)
    if pcall(require, module) then return it(name, fn) end
    pending(name .. ": needs " .. package .. "; on Debian: apt-get install " .. package)
  end

  needs("luv", "lua-luv", "files_and_dns", function()
    local lines = {}
    for line in run("files_and_dns", "localhost", "127.0.0.1", "no.such.name.invalid")
      :gmatch("[^\n]+") do lines[#lines + 1] = line end
    assert.equal("3 lines were noted", table.remove(lines))
    table.sort(lines)
    assert.matches("^127.0.0.1\t127.0.0.1 localhost\t127.0.0.1 " ..
      "no.such.name.invalid\tunknown %(EAI_",
      table.concat(lines, " "))
  end)

  needs("http.server", "lua-http", "http_gateway", function()
    assert.matches('^serving http://127.0.0.1:%d+/\n{"number": 7}\t200\t{"square":49}\n' ..
      'seven\t400\t{"error":[^\n]+}\n{"number": 7, "ms": 1000}\t504\t{"error":[^\n]+}\n$',
      run("http_gateway"))
  end)

  for _, way in ipairs { "handlers", "async", "green" } do
    it("broker_" .. way .. ", in at most 40 lines", function()
      local out, lines = run("broker_" .. way), 0
      for client = 1, 3 do
        assert.matches("CLIENT " .. client .. " IS SERVED by worker [12]\n", out)
      end
      for _ in io.lines(examples.path("broker_" .. way)) do lines = lines + 1 end
      assert.is_true(lines <= 40)
    end)
  end

  it("work_queue, on a ZeroMQ endpoint and on JetStream", function()
    local all = "order 1 is done\norder 2 is done\norder 3 is done\norder 4 is done\n" ..
      "order 5 is done\n"
    assert.equal(all, run("work_queue"))
    local path = os.tmpname()
    os.remove(path)
    assert.equal(all, run("work_queue", "ipc://" .. path))
    if nats.missing() then return pending(nats.missing()) end
    local server = nats.start()
    local ok, out = pcall(run, "work_queue", server.url .. "/orders.new")
    server:remove()
    assert.message(out).is_true(ok)
    assert.equal("order 1 is done\norder 2 is done\norder 3 failed, and will come again\n" ..
      "order 4 is done\norder 5 is done\norder 3 is done, the second time\n", out)
  end)

  it("stream_poller: a worker is steered and fed by two other processes", function()
    local commands, topics = ports.free(2)
    local out = run("stream_poller", commands, topics, 50)
    local function count(pattern) return select(2, out:gsub(pattern, "")) end
    assert.message(out).equal(6, count("Received control command: Continue\n"))
    assert.equal(1, count("Received control command: Exit\n"))
    assert.is_true(count("Processing %.%.%. 9 server#" .. topics .. "\n") > 0)
    assert.equal(0, count("Processing %.%.%. 8"))
    assert.is_true(count("\n8 server#" .. topics .. "\n") > 0)
    assert.matches("Connected to server with port " .. commands .. "\n", out, 1, true)
    assert.matches("Connected to publisher with port " .. topics .. "\n", out, 1, true)
    -- Nothing is processed after the exit, and the publisher outlives the worker.
    assert.matches("Received exit command, client will stop receiving messages\n" ..
      ".*Worker has stopped processing messages%.\n.*[89] server#" .. topics .. "\n$", out)
    assert.not_matches("stopped.*Processing", out)
    local left = process.shell("pgrep -f 'stream_poller.lua (server|publisher) (" .. commands ..
      "|" .. topics .. ")'")
    assert.equal(1, left, "a child process is left")
  end)

  it("jobs", function()
    assert.equal("at once: hello\n25997 primes below 300000\nsorted: 25997 primes below 300000\n" ..
      "sorted: at once: hello\nsort ended with 0\n", run("jobs"))
  end)

  it("stream_poller: says which argument is wrong", function()
    local code, _, err = process.eddy(examples.path "stream_poller", "x")
    assert.equal(1, code)
    assert.matches("COMMAND_PORT: expected a whole number above 0, got x", err)
  end)

  it("can all be run with examples/run, which lists them", function()
    local code, out, err = process.shell("EDDY_BUILD=" .. EDDY_HOST:match("^(.*)/") .. " " ..
      EDDY_ROOT .. "/examples/run echo")
    assert.message(err).equal(0, code)
    assert.equal("received: hello\nreceived: how are you\nreceived: goodbye\n", out)
    code, out, err = process.shell(EDDY_ROOT .. "/examples/run nonsense")
    assert.equal(2, code)
    assert.equal("", out)
    assert.matches("there is no example 'nonsense'", err)
    assert.matches("\npatterns:\n.*\n  stream_poller\n", err)
    assert.not_matches("primes", err, 1, true) -- a module of one
  end)
end)
