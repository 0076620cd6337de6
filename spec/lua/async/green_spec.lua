local eddy = require "eddy"
local green = require "eddy.green"
local sockets = require "spec.lua.async.support"
local support = require "spec.lua.support"
local zmq = require "eddy.zmq"

describe("eddy.green", function()
  local loop, plain, context
  sockets.each(green, function(...) loop, plain, context = ... end)

  local run, lonely = sockets.run, sockets.lonely

  -- Two green sockets, unless a context is named for the second one.
  local function pair(type_a, type_b, of) return sockets.pair(type_a, type_b, of or context) end

  local function name_of(_, err) return err and err.name end

  -- G11
  it("has the names of eddy.zmq, and an instance of its own", function()
    local blocking = { proxy_steerable = true, monitored_queue = true }
    for name in pairs(zmq) do
      if not name:match("^_") and not blocking[name] then
        assert.message(name).is_not_nil(green[name])
      end
    end
    assert.equal(green.instance(), green.instance())
    assert.not_equal(green.instance(), zmq.instance())
  end)

  -- G1
  it("suspends the coroutine alone, in all calls that receive and send", function()
    run(function()
      local rep, req = pair(zmq.REP, zmq.REQ)
      local ticks, done = 0, 0
      local ticker = loop:call_every(1, function() ticks = ticks + 1 end)
      loop:spawn(function()
        assert.equal("q", rep:recv())
        assert.is_true(rep:send("a"))
        assert.same({ "q", "2" }, rep:recv_multipart())
        eddy.sleep(5)
        assert.is_true(rep:send_multipart { "a", "2" })
        assert.equal("text", rep:recv_string())
        rep:send_json { 1 }
        local buffer = require("ffi").new("char[4]")
        assert.equal(3, rep:recv_into(buffer))
        done = 1
      end)
      req:send("q")
      assert.equal("a", req:recv())
      req:send_multipart { "q", "2" }
      assert.same({ "a", "2" }, req:recv_multipart())
      req:send_string("text")
      assert.same({ 1 }, req:recv_json())
      req:send("abc")
      while done == 0 or ticks < 3 do eddy.sleep(1) end
      ticker:cancel()
    end)
  end)

  -- G1
  it("with DONTWAIT does not wait, and raises what the plain socket does", function()
    run(function()
      local pull, push = lonely(zmq.PULL), lonely(zmq.PUSH)
      assert.equal("EAGAIN", name_of(pull:recv(zmq.DONTWAIT)))
      assert.equal("EAGAIN", name_of(pull:recv_multipart(zmq.DONTWAIT)))
      assert.equal("EAGAIN", name_of(push:send("x", zmq.DONTWAIT)))
      assert.equal("EAGAIN", name_of(push:send_multipart({ "x" }, zmq.DONTWAIT)))
      assert.error_matches(function() push:send(1) end, "expected a string or a frame")
      local ok, err = pcall(push.recv, push)
      assert.is_false(ok)
      assert.equal("ENOTSUP", err.name)
      local req = lonely(zmq.REQ)
      ok, err = pcall(req.recv, req)
      assert.is_false(ok)
      assert.equal("EFSM", err.name)
    end)
  end)

  it("in the main program runs the loop until it can go on", function()
    local pull, push = pair(zmq.PULL, zmq.PUSH)
    local default = eddy.loop.instance()
    default:call_later(2, push.send, push, "x")
    assert.equal("x", pull:recv())
    default:call_later(2, push.send, push, "x")
    assert.equal(zmq.POLLIN, pull:poll(5000))
    for i = 1, 300 do -- more than a turn's budget
      push:send("x" .. i)
      pull:recv()
    end
    -- One that is interrupted has not taken what comes next.
    assert.equal("x300", pull:recv())
    default:call_later(1, default.stop, default)
    assert.is_false(pcall(pull.recv, pull))
    default:call_later(1, default.stop, default)
    assert.is_false(pcall(pull.poll, pull))
    push:send("kept")
    assert.equal("kept", pull:recv())
    assert.equal(0, default:stats().missed_wakeups)
  end)

  -- G2, G4, #199, #207, #229
  it("misses no wake-up, however calls on the socket and messages mix", function()
    for _, transport in ipairs { "inproc", "tcp" } do
      run(function()
        local a = context:socket(zmq.DEALER, { linger = 0 })
        local b = context:socket(zmq.DEALER, { linger = 0 })
        a:bind(transport == "tcp" and "tcp://127.0.0.1:*" or support.inproc())
        b:connect(a.last_endpoint)
        local count, tasks = 3000, {}
        for i, ends in ipairs { { a, b }, { b, a } } do
          tasks[i] = loop:spawn(function()
            for n = 1, count do
              ends[1]:send_multipart { "x", tostring(n) }
              if n % 10 == 0 then local _ = ends[1].events end
            end
          end)
          tasks[i + 2] = loop:spawn(function()
            for n = 1, count do
              assert(ends[1]:recv_multipart()[2] == tostring(n))
              if n % 100 == 0 then eddy.sleep(0) end
            end
          end)
        end
        eddy.gather(tasks):await()
      end)
      assert.equal(0, loop:stats().missed_wakeups)
    end
  end)

  -- G3, #1154
  it("serves several that wait for the same, each way, in their order", function()
    run(function()
      local pull, push = pair(zmq.PULL, zmq.PUSH, plain)
      local got, tasks = {}, {}
      for i = 1, 10 do
        tasks[i] = loop:spawn(function() got[i] = pull:recv() end)
      end
      eddy.sleep(1)
      tasks[3]:cancel()
      eddy.sleep(0)
      for i = 1, 9 do push:send(tostring(i)) end
      tasks[10]:await()
      assert.same({ "1", "2", nil, "3", "4", "5", "6", "7", "8", "9" }, got)
      local out, sent = lonely(zmq.PUSH), {}
      for i = 1, 5 do
        sent[i] = loop:spawn(function() return out:send(tostring(i)) end)
      end
      eddy.sleep(1)
      local receiver = plain:socket(zmq.PULL, { connect = out.last_endpoint })
      eddy.gather(sent):await()
      assert.equal("1 2 3 4 5", (support.receive_all(receiver)))
      receiver:close()
    end)
  end)

  -- G5, #364
  it("holds RCVTIMEO and SNDTIMEO, and leaves no timers", function()
    run(function()
      local pull, push = lonely(zmq.PULL), lonely(zmq.PUSH)
      for _, ms in ipairs { 0, 5 } do
        pull.rcvtimeo, push.sndtimeo = ms, ms
        local began = loop:time()
        assert.equal("EAGAIN", name_of(pull:recv()))
        assert.equal("EAGAIN", name_of(pull:recv_multipart()))
        assert.equal("EAGAIN", name_of(push:send("x")))
        assert.equal("EAGAIN", name_of(push:send_multipart { "x" }))
        assert.is_true(loop:time() - began >= 4 * ms)
      end
      local sender = plain:socket(zmq.PUSH, { connect = pull.last_endpoint })
      pull.rcvtimeo = 60000
      for _ = 1, 300 do
        loop:add_callback(sender.send, sender, "x")
        pull:recv()
      end
      assert.equal(1, loop:stats().timers) -- run_sync's
      assert.equal(0, pull:poll(1))
      sender:close()
    end)
  end)

  -- G6, #241, #242
  it("lets an outer timeout through, which takes no message", function()
    run(function()
      local pull, push = pair(zmq.PULL, zmq.PUSH)
      for _, call in ipairs {
        function() return pull:recv() end,
        function() return pull:poll() end,
        function() return green.select({ pull }) end,
        function()
          local poller = green.poller()
          poller:register(pull, zmq.POLLIN)
          return poller:poll()
        end,
      } do
        local inner
        local task = loop:spawn(function()
          inner = { call() }
        end)
        assert.equal("ETIMEDOUT", name_of(eddy.with_timeout(1, task):await()))
        eddy.sleep(0)
        assert.equal("ECANCELED", inner[2].name)
      end
      push:send("kept")
      assert.equal("kept", eddy.with_timeout(60000, loop:spawn(pull.recv, pull)):await())
      assert.equal(1, loop:stats().timers)
    end)
  end)

  it("cancelled at random moments loses nothing and doubles nothing", function()
    local count, seen, got = 1000, {}, 0
    run(function()
      local pull, push = pair(zmq.PULL, zmq.PUSH)
      local tasks, sent = {}, 0
      while got < count do
        for _ = 1, math.random(0, 4) do
          tasks[#tasks + 1] = loop:spawn(function()
            local msg = pull:recv()
            if not msg then return end
            assert(not seen[msg])
            seen[msg], got = true, got + 1
          end)
        end
        for _ = 1, math.random(0, 3) do
          if sent < count then
            sent = sent + 1
            push:send(tostring(sent))
          end
        end
        if math.random() < 0.5 then eddy.sleep(0) end
        for i = #tasks, 1, -1 do
          if tasks[i]:done() then
            table.remove(tasks, i)
          elseif math.random() < 0.3 and sent < count then
            tasks[i]:cancel()
          end
        end
        eddy.sleep(0)
      end
    end)
    assert.equal(count, got)
  end)

  -- G7
  it("when it is closed, wakes those that wait with ENOTSOCK", function()
    run(function()
      local pull, push = lonely(zmq.PULL), lonely(zmq.PUSH)
      local names = {}
      for i, call in ipairs {
        function() pull:recv() end, function() pull:recv_multipart() end,
        function() pull:poll() end, function() push:send("x") end,
        function() green.select({ pull }) end,
      } do
        loop:spawn(function()
          local ok, err = pcall(call)
          names[i] = not ok and err.name
        end)
      end
      eddy.sleep(1)
      pull:close()
      context:destroy(0)
      eddy.sleep(1)
      assert.same({ "ENOTSOCK", "ENOTSOCK", "ENOTSOCK", "ENOTSOCK", "ENOTSOCK" }, names)
    end)
  end)

  -- G8, #304, #712
  it("polls and selects, for sockets of any kind and a time of any kind", function()
    run(function()
      local pull, push = pair(zmq.PULL, zmq.PUSH)
      local base = plain:socket(zmq.PULL, { bind = support.inproc() })
      local to_base = plain:socket(zmq.PUSH, { connect = base.last_endpoint })
      local poller, ticks = green.poller(), 0
      local ticker = loop:call_every(1, function() ticks = ticks + 1 end)
      poller:register(pull, zmq.POLLIN)
      poller:register(base, zmq.POLLIN)
      assert.same({}, poller:poll(0))
      repeat assert.same({}, poller:poll(5)) until ticks > 1
      assert.equal(0, pull:poll(0))
      repeat assert.equal(0, pull:poll(5)) until ticks > 2
      repeat assert.same({ {}, {}, {} }, { green.select({ pull, base }, {}, {}, 5) })
      until ticks > 3
      for _, forever in ipairs { -1, false } do
        local ms = forever or nil
        loop:call_later(1, push.send, push, "x")
        assert.same({ [pull] = zmq.POLLIN }, poller:poll(ms))
        assert.equal("x", pull:recv())
        loop:call_later(1, to_base.send, to_base, "y")
        assert.same({ { base }, {}, {} }, { green.select({ pull, base }, nil, nil, ms) })
        assert.equal("y", base:recv(zmq.DONTWAIT))
        loop:call_later(1, push.send, push, "z")
        assert.equal(zmq.POLLIN, pull:poll(ms))
        assert.equal("z", pull:recv())
      end
      ticker:cancel()
    end)
  end)

  -- G12
  it("does not spin on a socket that has nothing, after a peer left either", function()
    run(function()
      local pull = context:socket(zmq.PULL, { linger = 0, bind = "tcp://127.0.0.1:*" })
      local push = plain:socket(zmq.PUSH, { linger = 0, connect = pull.last_endpoint })
      push:send("x")
      local poller = green.poller()
      poller:register(pull, zmq.POLLIN)
      poller:poll()
      local task = loop:spawn(function() while pull:recv() do end end)
      eddy.sleep(1)
      local polls = loop:spawn(poller.poll, poller)
      push:close(0)
      eddy.sleep(50)
      local before = loop:stats().turns
      eddy.sleep(50)
      assert.is_true(loop:stats().turns - before < 20)
      task:cancel()
      polls:cancel()
    end)
  end)

  -- G10
  it("works beside streams, timers and handlers that wait for green sockets", function()
    local rep, req = pair(zmq.REP, zmq.REQ)
    local pull, push = support.streams(zmq.PULL, zmq.PUSH)
    local got = {}
    loop:spawn(function()
      while #got < 3 do rep:send(rep:recv() .. "!") end
    end)
    pull:on_recv(function(msg)
      req:send(msg[1])
      got[#got + 1] = req:recv()
      if #got == 3 then loop:stop() end
    end)
    for i = 1, 3 do push:send("m" .. i) end
    support.run(loop)
    assert.same({ "m1!", "m2!", "m3!" }, got)
    local other, feeder = pair(zmq.PULL, zmq.PUSH, plain)
    local stream = eddy.stream(other, loop)
    stream:on_recv(function() loop:stop() end)
    feeder:send("x")
    support.run(loop)
    stream:close()
  end)

  it("makes a script for eddy.zmq cooperative by one require", function()
    local function script(name)
      return support.script(([[
        local zmq, eddy = require "eddy.%s", require "eddy"
        local function ask(socket, text)
          socket:send(text)
          assert(socket:poll(1000) == zmq.POLLIN)
          return socket:recv()
        end
        local context = zmq.instance()
        local server = context:socket(zmq.REP, { linger = 0, bind = "inproc://x" })
        if zmq ~= eddy.zmq then
          eddy.spawn(function() while true do server:send(server:recv() .. "!") end end)
        else
          ask = function(_, text) return text .. "!" end
        end
        local client = context:socket(zmq.REQ, { linger = 0, connect = "inproc://x" })
        for i = 1, 3 do print(ask(client, "q" .. i)) end
        eddy.loop.instance():stop()
      ]]):format(name))
    end
    assert.same({ script "zmq" }, { script "green" })
  end)
end)
