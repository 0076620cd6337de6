-- The end of a loop in order: what is under way ends, nothing new begins, the rest is told.
local eddy = require "eddy"
local zmq = require "eddy.zmq"
local support = require "spec.lua.support"

local loop, context, green

support.each(function(...) loop, context, green = ... end, eddy.green)

-- Two joined sockets of two contexts, such as a green one and a plain one, as if the second one
-- were another process's.
local function joined(of, type_a, type_b)
  local a = of:socket(type_a, { linger = 0, bind = "tcp://127.0.0.1:*" })
  return a, context:socket(type_b, { linger = 0, connect = a.last_endpoint })
end

local function receiver()
  local pull, push = joined(context, zmq.PULL, zmq.PUSH)
  return eddy.stream(pull, loop), push
end

-- Has the loop end in order, and returns what was left.
local function ended(ms)
  local future = loop:stop_gracefully(ms or 5000)
  support.run(loop)
  return future:result()
end

describe("stop_gracefully", function()
  it("stops a loop on which nothing is under way, at once", function()
    local stream = receiver()
    stream:on_recv(print)
    loop:call_every(60000, print)
    assert.is_false(loop:stopping())
    local future = loop:stop_gracefully(60000)
    assert.is_true(loop:stopping())
    assert.equal(future, loop:stop_gracefully())
    support.run(loop)
    assert.same({}, future:result())
    assert.is_false(loop:stopping())
  end)

  it("lets handlers that wait come to their end, and handles what was received", function()
    local stream, push = receiver()
    local got = {}
    stream:on_recv(function(msg)
      if #got == 0 then loop:stop_gracefully(5000) end
      got[#got + 1] = msg[1]
      eddy.sleep(5)
      got[#got] = msg[1] .. " done"
    end)
    stream:set_budget(3)
    for i = 1, 5 do push:send("message " .. i) end
    support.run(loop)
    assert.equal(stream:stats().messages_in, #got)
    assert.is_true(#got <= 3)
    for i, text in ipairs(got) do assert.equal(("message %d done"):format(i), text) end
    -- The loop runs on with the others.
    support.wait(loop, function() return got[5] == "message 5 done" end)
  end)

  it("gives a handler's messages up when the time is over, and counts them", function()
    local stream, push = receiver()
    stream.name = "jobs"
    local left, count, last = nil, 0, nil
    loop:call_every(1, function() for _ = 1, 4 do push:send("x") end end)
    stream:on_recv(function()
      count = count + 1
      if not left and stream:stats().messages_in - count < 2 then return end
      left = left or loop:stop_gracefully(10)
      last = last or count + 1 -- what runs as the end begins does not look at the time
      support.busy(20)
    end)
    support.wait(loop, function() return left and left:done() end)
    assert.equal(last, count)
    assert.same({ "jobs", stream:stats().messages_in - count },
      { left:result()[1].name, left:result()[1].messages })
  end)

  it("waits for the answers that handlers of streams which keep_receiving wait for", function()
    for _, keeps in ipairs { true, false } do
      local front, client = receiver()
      local a, b = joined(context, zmq.DEALER, zmq.DEALER)
      local backend, answer, result = eddy.stream(a, loop), eddy.future(loop), nil
      if keeps then backend:keep_receiving() end
      backend:on_recv(function(msg) answer:set_result(msg[1]) end)
      front:on_recv(function()
        loop:stop_gracefully(keeps and 5000 or 20)
        loop:call_later(5, function() b:send("answer") end)
        result = answer:await()
      end)
      client:send("x")
      support.run(loop)
      assert.equal(keeps and "answer" or nil, result)
      front:close()
      backend:close()
    end
  end)

  it("leaves new messages of sockets alone, and lets tasks end that have one in hand", function()
    local front, client = joined(green, zmq.PULL, zmq.PUSH)
    local backend, server = joined(green, zmq.DEALER, zmq.DEALER)
    local done = {}
    loop:spawn(function()
      while true do
        local job = front:recv()
        backend:send(job)
        done[#done + 1] = backend:recv()
      end
    end)
    for i = 1, 3 do client:send("job " .. i) end
    local left
    support.wait(loop, function() return server:poll(0) ~= 0 end)
    loop:call_later(10, function() server:send(server:recv() .. " done") end)
    left = ended()
    assert.same({}, left)
    assert.same({ "job 1 done" }, done)
    assert.equal(1, front:poll(0)) -- "job 2" is there
  end)

  it("has messages of the program to itself handled, as long as something is under way", function()
    local inner, push = support.receiver()
    local got = {}
    inner:on_recv(function(msg) got[#got + 1] = msg[1] end)
    loop:spawn(function()
      eddy.sleep(1)
      push:send("x")
      while #got == 0 do eddy.sleep(1) end
    end)
    assert.same({}, ended())
    assert.same({ "x" }, got)
  end)

  it("does not let a server that polls take new messages, nor spin", function()
    local front, client = joined(green, zmq.ROUTER, zmq.DEALER)
    local poller, count = eddy.green.poller(), 0
    poller:register(front, zmq.POLLIN)
    loop:spawn(function()
      while true do
        poller:poll()
        if front:recv_multipart(zmq.DONTWAIT) then count = count + 1 end
      end
    end)
    client:send("x")
    support.wait(loop, function() return count == 1 end)
    local future = loop:stop_gracefully(5000)
    client:send("y")
    support.run(loop)
    assert.same({}, future:result())
    assert.equal(1, count)
    support.wait(loop, function() return count == 2 end)
  end)

  it("lets who has a part of a message have the others", function()
    local pull, push = joined(green, zmq.PULL, zmq.PUSH)
    local got = {}
    loop:spawn(function()
      got[1] = pull:recv()
      eddy.sleep(5)
      got[2] = pull:recv()
      got[3] = pull:recv()
    end)
    push:send_multipart { "a", "b" }
    push:send("c")
    support.wait(loop, function() return got[1] end)
    assert.same({}, ended())
    assert.same({ "a", "b" }, got)
  end)

  it("waits for an answer to a REQ, and for a REP's stream that was asked", function()
    local req, rep = joined(green, zmq.REQ, zmq.REP)
    local server, asker = joined(context, zmq.REP, zmq.REQ)
    local stream, answer = eddy.stream(server, loop), nil
    stream:on_recv(function()
      loop:call_later(5, function() stream:send("answer") end)
    end)
    loop:spawn(function()
      req:send("x")
      answer = req:recv()
    end)
    asker:send("x")
    support.wait(loop, function() return rep:poll(0) ~= 0 and stream:stats().messages_in == 1 end)
    loop:call_later(5, function() rep:send(rep:recv()) end)
    assert.same({}, ended())
    assert.equal("x", answer)
    assert.equal("answer", asker:recv())
  end)

  it("tells what did not end, by name, and where it waits", function()
    local stream, push = receiver()
    stream.name = "orders"
    stream:on_recv(function() eddy.sleep(60000) end)
    push:send("x")
    push:send("y")
    local a = joined(context, zmq.REP, zmq.REQ)
    local task = loop:spawn(eddy.sleep, 60000)
    task.name = "slow"
    local rep = eddy.stream(a, loop)
    rep.name = "questions"
    support.wait(loop, function() return stream:stats().messages_in == 2 end)
    local left = ended(20)
    assert.equal(2, #left)
    assert.same({ "orders", 1, 1 }, { left[1].name, left[1].handlers, left[1].messages })
    assert.matches('^task "slow"', left[2].name)
    assert.matches("^waiting for sleep", left[2].where)
  end)

  it("ends at once when nothing is left that could wake those who wait", function()
    loop:spawn(function() eddy.future(loop):await() end)
    loop:add_callback(loop.add_callback, loop, loop.stop, loop)
    loop:start()
    local future = loop:stop_gracefully(600000)
    loop:start()
    assert.equal(1, future:result()[1].tasks)
  end)

  it("sends what waits, and tells what it could not send", function()
    local socket, endpoint = support.lonely(zmq.PUSH)
    local stream = eddy.stream(socket, loop)
    stream.name = "reports"
    for i = 1, 3 do stream:send("report " .. i) end
    assert.same({ { name = "reports", unsent = 3 } }, ended(1))
    local pull = context:socket(zmq.PULL, { linger = 0, connect = endpoint })
    assert.same({}, ended())
    assert.equal("report 1 report 2 report 3", support.receive_all(pull))
  end)

  it("does not wait for who waits for a value or an event, but for who has one", function()
    local queue, event, done = eddy.queue(10), eddy.event(), 0
    loop:spawn(function() event:wait():await() end)
    loop:spawn(function()
      for _ in queue:each() do
        eddy.sleep(2)
        done = done + 1
      end
    end)
    for i = 1, 3 do queue:put(i) end
    assert.same({}, ended())
    assert.equal(3, done)
  end)

  it("is awaited in a task, in the main program, and in a handler", function()
    local left
    loop:spawn(function()
      left = loop:stop_gracefully(5000):await()
      eddy.sleep(1)
      left.after = true
    end)
    support.run(loop)
    assert.same({ after = true }, left)
    assert.same({}, loop:stop_gracefully(5000):await())
    loop:call_later(1, function() left = { of = loop:stop_gracefully(5000):await() } end)
    support.run(loop)
    assert.same({ of = {} }, left)
  end)

  it("may be called with less time, and takes no longer; loop:stop is immediate", function()
    loop:spawn(eddy.sleep, 600000)
    local future = loop:stop_gracefully(600000)
    loop:call_later(1, function() loop:stop_gracefully(1) end)
    support.run(loop)
    assert.equal(1, #future:result())
    future = loop:stop_gracefully(600000)
    loop:call_later(1, loop.stop, loop)
    support.run(loop)
    assert.equal(1, #future:result())
  end)

  it("does not wait for what timers begin meanwhile", function()
    local ticks, over = 0, false
    loop:call_every(1, function()
      ticks = ticks + 1
      eddy.sleep(over and 60000 or 0)
    end)
    loop:spawn(function()
      while ticks < 3 do eddy.sleep(1) end
      over = true
      eddy.sleep(5)
    end)
    assert.same({}, ended(60000))
  end)

  it("refuses what is no time, and a closed loop", function()
    assert.has_error(function() loop:stop_gracefully("soon") end,
      "stop_gracefully: expected a number of milliseconds, got string \"soon\"")
    local own = eddy.loop.new()
    own:close()
    assert.has_error(function() own:stop_gracefully() end, "stop_gracefully: the loop is closed")
  end)
end)

describe("on_stop", function()
  it("calls functions in their order, which may wait, and receive answers", function()
    local said = {}
    local dealer, router = joined(green, zmq.DEALER, zmq.DEALER)
    loop:on_stop(function()
      said[#said + 1] = "first"
      dealer:send("goodbye")
      local answer = dealer:recv()
      said[#said + 1] = answer
    end)
    loop:on_stop(function() said[#said + 1] = "second" end)
    loop:on_stop(function() said[#said + 1] = "cancelled" end):cancel()
    loop:call_later(10, function() router:send(router:recv() .. ", too") end)
    assert.same({}, ended())
    assert.same({ "first", "second", "goodbye, too" }, said)
  end)

  it("goes on when one fails, and is logged", function()
    local called = false
    loop:on_stop(function() error("on purpose") end).name = "cleaner"
    loop:on_stop(function() called = true end)
    assert.same({}, ended())
    assert.is_true(called)
    assert.matches('task "cleaner" .-on purpose', support.take_log())
  end)

  it("counts one that does not end, and has one run that comes late", function()
    local late = false
    local handle = loop:on_stop(function()
      loop:on_stop(function() late = true end)
      eddy.sleep(60000)
    end)
    assert.matches("^on_stop %(.-ending_spec.lua:%d+%)$", tostring(handle))
    assert.equal(1, ended(20)[1].tasks)
    assert.is_true(late)
  end)

  it("is not called by loop:stop, nor at a start's own end", function()
    loop:on_stop(function() error("called") end)
    loop:call_later(1, loop.stop, loop)
    support.run(loop)
    assert.has_error(function() loop:on_stop(5) end, "on_stop: expected a function, got number")
  end)
end)
