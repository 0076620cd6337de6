local async = require "eddy.async"
local C = require "eddy.base.libeddy".C
local eddy = require "eddy"
local sockets = require "spec.lua.async.support"
local support = require "spec.lua.support"
local zmq = require "eddy.zmq"

describe("an async socket", function()
  local loop, plain, context
  sockets.each(async, function(...) loop, plain, context = ... end)

  local run, pair, name_of = sockets.run, sockets.pair, sockets.error_name

  -- F12
  it("that C code closed ends all waits, whatever is cancelled before", function()
    local socket = context:socket(zmq.PULL, { bind = support.inproc() })
    run(function()
      local received, polled = socket:recv(), socket:poll(60000, zmq.POLLOUT)
      assert.equal(0, C.eddy_socket_close(socket._c, socket._id, 0))
      assert.is_true(polled:cancel())
      assert.equal("ENOTSOCK", (select(2, pcall(received.await, received))).name)
    end)
  end)

  it("when it is closed, ends all that waits, as cancelled", function()
    run(function()
      local pull = context:socket(zmq.PULL, { bind = support.inproc() })
      local push = context:socket(zmq.PUSH, { linger = 0, bind = support.inproc() })
      local list = {
        pull:recv(), pull:recv_multipart(), pull:recv_string(), pull:poll(), pull:poll(60000),
        push:send("x"), push:send_multipart { "x" }, push:poll(nil, zmq.POLLOUT),
      }
      local timers = loop:stats().timers
      pull:close()
      push:close()
      for i, each in ipairs(list) do assert.message(i).is_true(each:cancelled()) end
      assert.equal(timers - 1, loop:stats().timers)
      local ok, err = pcall(eddy.await, pull:recv())
      assert.is_false(ok)
      assert.equal("ENOTSOCK", err.name)
      ok, err = pcall(eddy.await, push:send("x"))
      assert.is_false(ok)
      assert.equal("ENOTSOCK", err.name)
      local other = context:socket(zmq.PULL, { bind = support.inproc() })
      local left = other:recv()
      context:destroy(0)
      assert.is_true(left:cancelled())
      assert.equal(0, loop:stats().handlers)
    end)
  end)

  it("may be closed in the loop while others wait, in any turn", function()
    for delay = 0, 3 do
      run(function()
        local pull, push = pair(zmq.PULL, zmq.PUSH)
        local ended = 0
        for _ = 1, 20 do
          loop:spawn(function()
            pcall(eddy.await, pull:recv())
            ended = ended + 1
          end)
        end
        loop:call_later(delay, function()
          push:send("x")
          pull:close()
        end)
        while ended < 20 do eddy.sleep(1) end
        push:close()
      end)
    end
  end)

  -- F13
  it("moves to the loop that runs, when nobody waits", function()
    local pull, push = pair(zmq.PULL, zmq.PUSH)
    local other = eddy.loop.new()
    for i = 1, 4 do
      local on = i % 2 == 0 and other or loop
      on:run_sync(function()
        local got = pull:recv()
        push:send("x" .. i)
        assert.equal("x" .. i, got:await())
      end)
    end
    loop:run_sync(function() pull:recv() end)
    assert.error_matches(function()
      other:run_sync(function() pull:recv() end)
    end, "recv: PULL socket at inproc://.* is waited for on another loop")
    other:close()
    push:close()
  end)

  -- F14
  it("is closed with its loop, if that closes all; else it may go on another", function()
    for _, all in ipairs { true, false } do
      local other, pull = eddy.loop.new(), context:socket(zmq.PULL, { bind = support.inproc() })
      local got
      other:run_sync(function() got = pull:recv() end)
      other:close(all)
      assert.equal("ECANCELED", name_of(got))
      assert.equal(all, pull.closed)
      if not all then
        local push = plain:socket(zmq.PUSH, { connect = pull.last_endpoint })
        run(function()
          local again = pull:recv()
          push:send("x")
          assert.equal("x", again:await())
        end)
      end
    end
  end)

  it("goes on a stream when nobody waits, and its handler may wait for other sockets", function()
    local pull, push = pair(zmq.PULL, zmq.PUSH)
    local rep, req = context:socket(zmq.REP, { bind = support.inproc() }), context:socket(zmq.REQ)
    req:connect(rep.last_endpoint)
    local waits
    run(function()
      waits = pull:recv()
      assert.has_error(function() eddy.stream(pull, loop) end)
      waits:cancel()
    end)
    local stream, got = eddy.stream(pull, loop), {}
    loop:spawn(function()
      for _ = 1, 2 do rep:send(rep:recv():await() .. "!"):await() end
    end)
    stream:on_recv(function(msg)
      req:send(msg[1]):await()
      got[#got + 1] = req:recv():await()
      if #got == 2 then loop:stop() end
    end)
    push:send("a")
    push:send("b")
    support.run(loop)
    assert.same({ "a!", "b!" }, got)
    stream:close()
  end)
end)
