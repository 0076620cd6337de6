local async = require "eddy.async"
local eddy = require "eddy"
local green = require "eddy.green"
local sockets = require "spec.lua.async.support"
local support = require "spec.lua.support"
local zmq = require "eddy.zmq"

describe("eddy.async", function()
  local loop, plain, context
  sockets.each(async, function(...) loop, plain, context = ... end)

  local run, pair, name_of = sockets.run, sockets.pair, sockets.error_name

  -- F1, F16
  it("has contexts and an instance of its own, and the names of eddy.zmq", function()
    assert.equal(async.instance(), async.instance())
    assert.not_equal(async.instance(), zmq.instance())
    assert.not_equal(async.instance(), green.instance())
    assert.equal(zmq.REQ, async.REQ)
    local sub, pub = pair(async.SUB, zmq.PUB)
    assert.is_true(zmq.is_socket(sub))
    sub:subscribe("a")
    sub.subscribe = "b"
    run(function()
      local got = sub:recv()
      repeat pub:send("b1") until got:done() or not eddy.sleep(1)
      assert.equal("b1", got:await())
    end)
  end)

  -- F2
  it("receives what is there at once, and what comes later, in the order of the calls", function()
    run(function()
      local pull, push = pair(zmq.PULL, zmq.PUSH)
      local list = {}
      for i = 1, 5 do list[i] = pull:recv() end
      assert.is_false(list[1]:done())
      for i = 1, 6 do push:send(tostring(i)) end
      list[6] = pull:recv()
      assert.same({ "1", "2", "3", "4", "5", "6" }, eddy.gather(list):await())
      push:send_multipart { "a", "b" }
      local now = pull:recv_multipart()
      assert.is_true(now:done())
      assert.same({ "a", "b" }, now:result())
    end)
  end)

  -- F3
  it("receives frame by frame, too", function()
    run(function()
      local pull, push = pair(zmq.PULL, zmq.PUSH)
      local a, b, rest = pull:recv(), pull:recv(), pull:recv_multipart()
      push:send_multipart { "a", "b", "c", "d" }
      assert.same({ "a", "b" }, { eddy.gather(a, b):await() })
      assert.same({ "c", "d" }, rest:await())
      local frame = pull:recv(0, false)
      push:send("frame")
      assert.equal("frame", frame:await().bytes)
    end)
  end)

  -- F4
  it("sends at once if it can, else in order; errors are the future's", function()
    run(function()
      local push = context:socket(zmq.PUSH, { linger = 0, bind = support.inproc() })
      local sends, changing = {}, { "x" }
      sends[1] = push:send("1")
      sends[2] = push:send_multipart { "2" }
      sends[3] = push:send_multipart(changing)
      changing[1] = "changed"
      sends[4] = push:send("tracked", 0, false, true)
      assert.is_false(sends[1]:done())
      local bad = loop:spawn(function() return pcall(eddy.await, push:send(7)) end)
      eddy.sleep(0)
      local pull = plain:socket(zmq.PULL, { linger = 0, connect = push.last_endpoint })
      local results = eddy.gather(sends):await()
      assert.same({ true, true, true }, { unpack(results, 1, 3) })
      assert.is_boolean(results[4].done)
      assert.is_true(push:send("now"):done())
      assert.equal("1 2 x tracked now", (support.receive_all(pull)))
      local ok, err = bad:await()
      assert.is_false(ok)
      assert.matches("send: expected a string or a frame, got number", err)
      ok, err = pcall(eddy.await, push:send_multipart {})
      assert.is_false(ok)
      assert.matches("no frames", err)
      pull:close()
    end)
  end)

  it("tries again a send that a socket refuses though it could send, without spinning", function()
    run(function()
      local router = context:socket(zmq.ROUTER, { linger = 0, sndhwm = 1, router_mandatory = 1 })
      router:bind(support.inproc())
      local dealer = plain:socket(zmq.DEALER, { linger = 0, rcvhwm = 1, routing_id = "d" })
      dealer:connect(router.last_endpoint)
      local idle = plain:socket(zmq.DEALER, { connect = router.last_endpoint })
      dealer:send("here")
      idle:send("here")
      eddy.gather(router:recv_multipart(), router:recv_multipart()):await()
      local sent = 0
      while router:send_multipart({ "d", "x" }, zmq.DONTWAIT):result() do sent = sent + 1 end
      local timers = loop:stats().timers
      local waits, cancelled = router:send_multipart { "d", "last" }, router:send_multipart { "d" }
      local turns = loop:stats().turns
      eddy.sleep(30)
      assert.is_true(loop:stats().turns - turns < 40)
      cancelled:cancel()
      for _ = 1, sent do dealer:recv() end
      assert.is_true(waits:await())
      assert.equal("last", dealer:recv())
      while router:send_multipart({ "d", "x" }, zmq.DONTWAIT):result() do sent = sent + 1 end
      waits = router:send_multipart { "d", "never" }
      eddy.sleep(5)
      waits:cancel()
      assert.equal(timers, loop:stats().timers)
      dealer:close()
      idle:close()
    end)
  end)

  -- F4, #1203
  it("lets receives that wait go on after a send that was immediate", function()
    run(function()
      local a, b = context:socket(zmq.PAIR), context:socket(zmq.PAIR)
      a:bind(support.inproc())
      b:connect(a.last_endpoint)
      for i = 1, 200 do
        local got, answer = a:recv(), b:recv()
        b:send("q" .. i):await()
        assert.equal("q" .. i, got:await())
        a:send("a" .. i)
        assert.equal("a" .. i, answer:await())
      end
    end)
  end)

  -- F5
  it("with DONTWAIT fails at once, in the future, and overtakes", function()
    run(function()
      local pull, push = pair(zmq.PULL, zmq.PUSH)
      assert.equal("EAGAIN", name_of(pull:recv(zmq.DONTWAIT)))
      local waiting = pull:recv()
      push:send("1")
      assert.equal("1", pull:recv(zmq.DONTWAIT):result())
      push:send("2")
      assert.equal("2", waiting:await())
      local lonely = context:socket(zmq.PUSH, { linger = 0, bind = support.inproc() })
      assert.equal("EAGAIN", name_of(lonely:send("x", zmq.DONTWAIT)))
      assert.equal("EAGAIN", name_of(lonely:send_multipart({ "x" }, zmq.DONTWAIT)))
    end)
  end)

  -- F6
  it("holds RCVTIMEO and SNDTIMEO as they are at the call, and leaves no timers", function()
    run(function()
      local pull, push = pair(zmq.PULL, zmq.PUSH)
      local timers = loop:stats().timers
      pull.rcvtimeo = 1
      local short = pull:recv()
      pull.rcvtimeo = 60000
      local long, began = pull:recv(), loop:time()
      pull.rcvtimeo = 0
      assert.equal("EAGAIN", select(2, pull:recv():await()).name)
      assert.equal("EAGAIN", select(2, short:await()).name)
      assert.is_true(loop:time() - began < 5000)
      push:send("x")
      assert.equal("x", long:await())
      assert.equal(timers, loop:stats().timers)
      pull.rcvtimeo = 60000
      for i = 1, 500 do
        local got = pull:recv()
        if i % 2 == 0 then got:cancel() else push:send("x") end
        got:await()
      end
      assert.equal(timers, loop:stats().timers)
      local lonely = context:socket(zmq.PUSH, { linger = 0, bind = support.inproc(), sndtimeo = 1 })
      assert.equal("EAGAIN", select(2, lonely:send("x"):await()).name)
      assert.is_false(lonely._line.sends.first)
    end)
  end)

  -- F7, F8
  it("that is cancelled takes no message, and is forgotten at once", function()
    run(function()
      local pull, push = pair(zmq.PULL, zmq.PUSH)
      local first, second, json = pull:recv_multipart(), pull:recv_multipart(), pull:recv_json()
      local task = loop:spawn(function() pull:recv():await() end)
      eddy.sleep(0)
      first:cancel()
      json:cancel()
      task:cancel()
      assert.equal(second, pull._line.receives.first.future)
      assert.equal(second, pull._line.receives.last.future)
      push:send_multipart { "a", "b" }
      push:send("left")
      assert.same({ "a", "b" }, second:await())
      assert.equal("left", pull:recv():await())
      -- One that has a message already keeps it.
      local got = pull:recv()
      push:send("kept")
      loop:call_later(0, function() got:cancel() end)
      while not got:done() do eddy.sleep(0) end
      assert.equal(got:cancelled() and "left" or "kept", got:result() or "left")
      assert.equal("ECANCELED", select(2, first:await()).name)
    end)
  end)

  -- F7, F8
  it("cancelled at random moments loses nothing and doubles nothing", function()
    local count, got, seen = 2000, 0, {}
    run(function()
      local pull, push = pair(zmq.PULL, zmq.PUSH)
      local pending = {}
      local function take(future)
        if future:cancelled() then return end
        local number = tonumber(future:result())
        assert.is_nil(seen[number])
        seen[number], got = true, got + 1
      end
      local sent = 0
      while got < count do
        for _ = 1, math.random(0, 5) do
          local one = math.random() < 0.5 and pull:recv() or pull:recv_string()
          one:add_done_callback(take)
          pending[#pending + 1] = one
        end
        for _ = 1, math.random(0, 3) do
          if sent < count then
            sent = sent + 1
            push:send(tostring(sent))
          end
        end
        for i = #pending, 1, -1 do
          if pending[i]:done() then
            table.remove(pending, i)
          elseif math.random() < 0.4 and sent < count then
            pending[i]:cancel()
          end
        end
        eddy.sleep(0)
      end
    end)
    assert.equal(count, got)
    assert.equal(0, loop:stats().missed_wakeups)
  end)

  -- F2
  it("does not starve the loop with a busy coroutine, and misses no wake-up", function()
    for _, transport in ipairs { "inproc", "tcp" } do
      local pull = context:socket(zmq.PULL, { linger = 0, rcvhwm = 0 })
      pull:bind(transport == "tcp" and "tcp://127.0.0.1:*" or support.inproc())
      local push = context:socket(zmq.PUSH, { linger = 0, sndhwm = 0 })
      push:connect(pull.last_endpoint)
      local count, ticks = 20000, 0
      local ticker = loop:call_every(1, function() ticks = ticks + 1 end)
      run(function()
        local sender = loop:spawn(function()
          for i = 1, count do push:send(tostring(i)):await() end
        end)
        for i = 1, count do assert(pull:recv():await() == tostring(i)) end
        sender:await()
      end)
      ticker:cancel()
      assert.is_true(ticks > 2)
      assert.equal(0, loop:stats().missed_wakeups)
    end
  end)

  -- F15
  it("decodes: text, JSON, a user's own; what cannot be decoded fails in the future", function()
    run(function()
      local a, b = context:socket(zmq.PAIR), context:socket(zmq.PAIR)
      a:bind(support.inproc())
      b:connect(a.last_endpoint)
      local text, json = a:recv_string(), a:recv_json()
      local own = a:recv_serialized(function(frames) return #frames, frames[2] end)
      b:send_string("π")
      b:send_json { x = { 1, 2 } }
      b:send_serialized("m", function(msg) return { msg, msg .. "2" } end)
      assert.equal("π", text:await())
      assert.same({ x = { 1, 2 } }, json:await())
      assert.same({ 2, "m2" }, { own:await() })
      local buffer = require("ffi").new("char[4]")
      b:send("abcdef")
      assert.equal(6, a:recv_into(buffer):await())
      local bad = a:recv_json()
      local broken = a:recv_serialized(function() error("cannot decode", 0) end)
      b:send("{")
      b:send("x")
      local ok, err = pcall(bad.await, bad)
      assert.is_false(ok)
      assert.equal("EBADMSG", err.name)
      ok, err = pcall(broken.await, broken)
      assert.is_false(ok)
      assert.equal("cannot decode", err)
      ok, err = pcall(function()
        return b:send_serialized("m", function() error("cannot encode", 0) end):await()
      end)
      assert.is_false(ok)
      assert.equal("cannot encode", err)
    end)
  end)

  -- F17
  it("goes on when a script reads the socket's events itself", function()
    run(function()
      local pull, push = pair(zmq.PULL, zmq.PUSH)
      for i = 1, 100 do
        local got = pull:recv()
        push:send("x" .. i)
        while bit.band(pull.events, zmq.POLLIN) == 0 do support.busy(0.01) end
        assert.equal("x" .. i, got:await())
      end
    end)
  end)
end)
