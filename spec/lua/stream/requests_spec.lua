local eddy = require "eddy"
local support = require "spec.lua.support"
local zmq = require "eddy.zmq"

describe("the stream of a REP socket", function()
  local loop, context, server

  before_each(function()
    loop, context = support.open()
    server = nil
  end)
  after_each(support.close)

  local function open(transport)
    local socket = context:socket(zmq.REP, { linger = 0 })
    if transport == "tcp" then socket:bind("tcp://127.0.0.1:*") else socket:bind(support.inproc()) end
    server = eddy.stream(socket, loop)
    return server
  end

  local function client()
    return context:socket(zmq.REQ, { linger = 0, connect = server.socket.last_endpoint })
  end

  -- Sends a request; what the loop makes of it within its time, as one text.
  local function ask(req, text)
    req:send(text)
    local reply
    local timer = loop:call_every(1, function()
      reply = reply or req:recv_multipart(zmq.DONTWAIT)
      if reply then loop:stop() end
    end)
    support.run(loop)
    timer:cancel()
    return table.concat(reply, "|")
  end

  -- Turns the loop until fn() is true.
  local function wait_for(fn)
    local timer = loop:call_every(1, function() if fn() then loop:stop() end end)
    support.run(loop)
    timer:cancel()
  end

  local function error_of(fn, ...)
    local ok, err = pcall(fn, ...)
    assert.is_false(ok)
    return err
  end

  describe("answers a request whose handler fails", function()
    for _, transport in ipairs { "inproc", "tcp" } do
      it("with one empty frame, and serves the next client (" .. transport .. ")", function()
        open(transport)
        server:on_recv(function(msg)
          if msg[1] == "bad" then error "on purpose" end
          server:send("re " .. msg[1])
        end)
        local one, other = client(), client()
        for i = 1, 3 do
          assert.equal("", ask(one, "bad"))
          assert.equal("re " .. i, ask(other, tostring(i)))
          assert.equal("re x", ask(one, "x"))
        end
        assert.equal(3, loop:stats().errors)
        assert.equal(3, select(2, support.take_log():gsub("on purpose\n", "")))
      end)
    end

    local kinds = {
      on_recv = function(fn) server:on_recv(fn) end,
      on_recv_stream = function(fn)
        server:on_recv_stream(function(stream, msg)
          assert.equal(server, stream)
          fn(msg)
        end)
      end,
      ["on_recv with frames"] = function(fn) server:on_recv(fn, false) end,
    }
    for name, listen in pairs(kinds) do
      it("of " .. name, function()
        open()
        listen(function(msg)
          if #msg == 2 then return server:send_multipart(msg) end
          error { "an object" }
        end)
        local req = client()
        assert.equal("", ask(req, "bad"))
        req:send("a", zmq.SNDMORE)
        assert.equal("a|b", ask(req, "b"))
        support.take_log()
      end)
    end

    it("when it had waited, or has paused", function()
      open()
      server:on_recv(function(msg)
        if msg[1] == "pauses" then
          server:on_recv(nil)
        else
          support.suspend(loop, 2)
        end
        error "on purpose"
      end)
      local req = client()
      assert.equal("", ask(req, "waits"))
      assert.equal("", ask(req, "pauses"))
      support.take_log()
    end)

    it("in a flush", function()
      open()
      local req = client()
      server:on_recv(function() error "on purpose" end)
      for _ = 1, 3 do
        req:send("x")
        assert.is_true(server:flush() >= 1)
        assert.equal("", req:recv())
      end
      assert.equal(3, loop:stats().errors)
      support.take_log()
    end)

    it("when a reply was no message", function()
      open()
      server:on_recv(function(msg)
        if msg[1] == "frame" then server:send_multipart { "a", 5 } end
        if msg[1] == "json" then server:send_json(print) end
        server:send(5)
      end)
      local req = client()
      for _, how in ipairs { "frame", "json", "send" } do assert.equal("", ask(req, how)) end
      support.take_log()
    end)

    it("and not one that was answered, or whose stream was closed", function()
      open()
      server:on_recv(function(msg)
        server:send("re " .. msg[1])
        error "after the reply"
      end)
      local req = client()
      for i = 1, 3 do assert.equal("re " .. i, ask(req, tostring(i))) end
      server:on_recv(function()
        server:close()
        error "after the close"
      end)
      req:send("x")
      support.turns(loop)
      assert.is_true(server:closed())
      assert.is_nil((req:recv(zmq.DONTWAIT)))
      assert.matches("after the close", support.take_log())
    end)

    it("and its on_send hears of it; on_error may come after it", function()
      open()
      local told, reported = {}, nil
      server:on_send(function(msg) told[#told + 1] = msg[1] end)
      loop:on_error(function(err) reported = err end)
      server:on_recv(function() error("on purpose", 0) end)
      assert.equal("", ask(client(), "x"))
      assert.same({ "" }, told)
      assert.equal("on purpose", reported)
    end)
  end)

  describe("has an error reply", function()
    local req
    before_each(function()
      open()
      req = client()
      server:on_recv(function(msg) error("no " .. msg[1], 0) end)
    end)
    after_each(function() support.take_log() end)

    it("that is a string, a frame, or a list of them, as it was when it was set", function()
      server:set_error_reply("sorry")
      assert.equal("sorry", ask(req, "x"))
      local list = { "ERR", zmq.frame("frame"), "" }
      server:set_error_reply(list)
      list[1] = "changed"
      list[2]:close()
      for _ = 1, 2 do assert.equal("ERR|frame|", ask(req, "x")) end
      local frame = zmq.frame("whole")
      server:set_error_reply(frame)
      frame:close()
      for _ = 1, 2 do assert.equal("whole", ask(req, "x")) end
    end)

    it("that a function makes of the error and the message", function()
      server:set_error_reply(function(err, msg) return { "ERR", err, msg[1], tostring(#msg) } end)
      req:send("a", zmq.SNDMORE)
      assert.equal("ERR|no a|a|2", ask(req, "b"))
      server:set_error_reply(setmetatable({}, { __call = function(_, err) return err .. "!" end }))
      assert.equal("no y!", ask(req, "y"))
      local object
      server:on_recv(function()
        object = { "object" }
        error(object)
      end)
      server:set_error_reply(function(err) return err == object and "the same" or "another" end)
      assert.equal("the same", ask(req, "z"))
    end)

    it("that may wait, or send the reply itself", function()
      server:set_error_reply(function(err)
        support.suspend(loop, 3)
        return err
      end)
      for _ = 1, 2 do assert.equal("no x", ask(req, "x")) end
      server:set_error_reply(function() server:send("by itself") end)
      for _ = 1, 2 do assert.equal("by itself", ask(req, "x")) end
    end)

    it("that is one empty frame when the function fails or returns what is none", function()
      local wrong = {
        function() error "worse" end, function() return 5 end, function() return {} end,
        function() return { "a", 5 } end, function() return true end, function() end,
        function() return setmetatable({}, { __tostring = error }) end,
      }
      for _, fn in ipairs(wrong) do
        server:set_error_reply(fn)
        assert.equal("", ask(req, "x"))
      end
      assert.equal(2 * #wrong - 1, loop:stats().errors)
      assert.matches("no x.*worse", support.take_log())
      server:on_recv(function(msg) server:send(msg[1]) end)
      assert.equal("y", ask(req, "y"))
    end)

    it("that is none with false: it may still be sent, and the next one waits", function()
      server:set_error_reply(false)
      req:send("x")
      wait_for(function() return loop:stats().errors == 1 end)
      local other = client()
      other:send("waits")
      support.turns(loop)
      assert.equal(1, server:stats().messages_in)
      server:send("late")
      server:set_error_reply("sorry")
      assert.equal("late", req:recv())
      wait_for(function() return loop:stats().errors == 2 end)
      assert.equal("sorry", other:recv())
      server:set_error_reply(function(_, msg) return msg[1] ~= "x" and "answered" end)
      req:send("x")
      wait_for(function() return loop:stats().errors == 3 end)
      support.turns(loop)
      assert.is_nil((req:recv(zmq.DONTWAIT)))
      server:send("by hand")
      assert.equal("by hand", req:recv())
    end)

    it("that is checked at the call", function()
      for _, wrong in ipairs { 5, true, {}, { 5 }, { "a", {} } } do
        assert.error_matches(function() server:set_error_reply(wrong) end, "set_error_reply")
      end
      assert.error_matches(function() server:set_error_reply(nil) end, "set_error_reply")
      assert.equal("", ask(req, "x"))
      server:close()
      assert.error_matches(function() server:set_error_reply("x") end, "is closed")
      local dealer = eddy.stream(support.lonely(zmq.DEALER), loop)
      assert.is_nil(dealer.set_error_reply)
    end)
  end)

  describe("raises EFSM at a send", function()
    it("without a request, whatever is sent, and queues nothing", function()
      open()
      server:on_send(function() error "nothing was sent" end)
      local sends = {
        function() server:send("x") end, function() server:send(zmq.frame("x")) end,
        function() server:send_multipart { "x", "y" } end, function() server:send_json { 1 } end,
        function() server:send("x", { callback = function() error "not sent" end }) end,
      }
      for _, send in ipairs(sends) do
        local err = error_of(send)
        assert.equal("EFSM", err.name)
        assert.matches("send.*: REP socket at .* has no request to answer", err.message)
      end
      assert.is_false(server:sending())
      support.turns(loop)
    end)

    it("that is a second one, so that everybody has their own reply", function()
      open()
      local refused = 0
      server:on_recv(function(msg)
        server:send("re " .. msg[1])
        assert.equal("EFSM", error_of(server.send, server, "second").name)
        refused = refused + 1
      end)
      local a, b = client(), client()
      for i = 1, 20 do
        a:send("a" .. i)
        assert.equal("re b" .. i, ask(b, "b" .. i))
        assert.equal("re a" .. i, a:recv())
      end
      assert.equal(40, refused)
    end)

    it("while the next request has come, and its handler has not got it", function()
      open()
      local req = client()
      local trigger, push = support.streams(zmq.PULL, zmq.PUSH)
      trigger:on_recv(function() server:stop_on_recv() end)
      local handled, unread = 0, 0
      local function handler(msg)
        handled = handled + 1
        server:send("re " .. msg[1])
      end
      for i = 1, 20 do
        server:on_recv(handler)
        if i % 2 == 0 then push:send("pause") end
        req:send("x")
        if i % 2 == 1 then push:send("pause") end
        support.turns(loop, 3)
        if server:stats().messages_in > handled then
          unread = unread + 1
          assert.equal("EFSM", error_of(server.send, server, "stray").name)
          assert.equal("EFSM", error_of(server.send, server, "stray", { callback = print }).name)
        end
        server:on_recv(handler)
        support.turns(loop, 3)
        assert.equal("re x", req:recv())
      end
      assert.is_true(unread > 0)
    end)

    it("from a handler that waited and has answered, while another's request is in hand", function()
      open()
      server:set_concurrency(2)
      local refused, first_ended, second_began
      server:on_recv(function(msg)
        server:send(msg[1] == "first" and "re first" or nil or "re " .. msg[1])
        if msg[1] ~= "first" then return end
        server:on_recv(function() second_began = true end)
        while not second_began do support.suspend(loop, 1) end
        refused = error_of(server.send, server, "second reply of the first")
        first_ended = true
      end)
      local a, b = client(), client()
      assert.equal("re first", ask(a, "first"))
      b:send("second")
      wait_for(function() return first_ended end)
      assert.equal("EFSM", refused.name)
      server:send("re second")
      assert.equal("re second", b:recv())
    end)

    it("from a handler that a flush called meanwhile", function()
      open()
      local a, b = client(), client()
      local refused, inner = nil, false
      server:on_recv(function(msg)
        if msg[1] == "b" then
          inner = true
          return
        end
        server:send("re a")
        b:send("b")
        while not inner do server:flush() end
        refused = error_of(server.send, server, "again")
      end)
      assert.equal("re a", ask(a, "a"))
      assert.equal("EFSM", refused.name)
      server:send("re b")
      assert.equal("re b", b:recv())
      server:on_recv(function(msg) server:send("re " .. msg[1]) end)
      assert.equal("re x", ask(a, "x"))
    end)
  end)

  describe("sends a reply late", function()
    local function late(reply)
      open()
      local req = client()
      for i = 1, 3 do
        local asked
        server:on_recv(function(msg) asked = msg[1] end)
        req:send(tostring(i))
        wait_for(function() return asked end)
        reply(function() server:send("late " .. asked) end)
        assert.equal("late " .. i, req:recv())
      end
    end

    it("from outside", function() late(function(send) send() end) end)

    it("from a timer, a callback, a task and another stream's handler", function()
      late(function(send)
        loop:call_later(0, function() send() loop:stop() end)
        support.run(loop)
      end)
      late(function(send)
        support.task(loop, function()
          eddy.sleep(1)
          send()
        end)
      end)
      late(function(send)
        local stream, push = support.streams(zmq.PULL, zmq.PUSH)
        push:send("go")
        stream:on_recv(function() send() loop:stop() end)
        support.run(loop)
      end)
    end)

    it("from its own handler, which waited, and the next request waits for it", function()
      open()
      local order = {}
      server:on_recv(function(msg)
        support.suspend(loop, 2)
        order[#order + 1] = msg[1]
        server:send("re " .. msg[1])
        support.suspend(loop, 2)
        order[#order + 1] = msg[1]
      end)
      local a, b = client(), client()
      a:send("a")
      assert.equal("re b", ask(b, "b"))
      assert.equal("re a", a:recv())
      wait_for(function() return #order == 4 end)
      assert.equal(order[1], order[2])
      assert.equal(order[3], order[4])
    end)
  end)

  it("answers what its socket had in hand before it", function()
    local socket = context:socket(zmq.REP, { linger = 0, bind = support.inproc() })
    local req = context:socket(zmq.REQ, { linger = 0, connect = socket.last_endpoint })
    req:send("before")
    assert.equal("before", socket:recv())
    server = eddy.stream(socket, loop)
    server:on_recv(function(msg) server:send("re " .. msg[1]) end)
    support.turns(loop)
    server:send("re before")
    assert.equal("re before", req:recv())
    assert.equal("EFSM", error_of(server.send, server, "x").name)
    assert.equal("re after", ask(req, "after"))
    -- Past the stream.
    server:stop_on_recv()
    req:send("plain")
    assert.equal("plain", server.socket:recv())
    server:send("re plain")
    assert.equal("re plain", req:recv())
    server:on_recv(function()
      server.socket:send("past")
      error "on purpose"
    end)
    assert.equal("past", ask(req, "x"))
    assert.equal(1, loop:stats().errors)
    support.take_log()
  end)

  it("leaves a request in hand unanswered when it is closed", function()
    open()
    local req, asked = client(), false
    server:on_recv(function() asked = true end)
    req:send("x")
    wait_for(function() return asked end)
    assert.equal(0, server:close())
    support.turns(loop)
    assert.is_nil((req:recv(zmq.DONTWAIT)))
  end)

  it("serves through a device, errors too", function()
    local devices = require "eddy.devices"
    local device = devices.device(zmq.QUEUE, zmq.ROUTER, zmq.DEALER)
    local front = device:bind_in_to_random_port("tcp://127.0.0.1")
    local back = device:bind_out_to_random_port("tcp://127.0.0.1")
    device:start()
    server = eddy.stream(context:socket(zmq.REP, { linger = 0,
      connect = "tcp://127.0.0.1:" .. back }), loop)
    server:set_error_reply(function(_, msg) return { "ERR", msg[1] } end)
    server:on_recv(function(msg)
      if msg[1] == "bad" then error "on purpose" end
      server:send("re " .. msg[1])
    end)
    local reqs = {}
    for i = 1, 3 do
      reqs[i] = context:socket(zmq.REQ, { linger = 0, connect = "tcp://127.0.0.1:" .. front })
    end
    for i = 1, 9 do
      assert.equal("ERR|bad", ask(reqs[i % 3 + 1], "bad"))
      assert.equal("re " .. i, ask(reqs[(i + 1) % 3 + 1], tostring(i)))
    end
    device:stop()
    assert.is_true(device:join(5000))
    support.take_log()
  end)

  describe("names a request that is not answered in time, once, and counts it", function()
    before_each(function()
      open()
      loop:call_every(1000, function() end) -- the virtual clock's next stop
      require("eddy.base.libeddy").C.eddy_loop_virtual_time(loop._c, 0)
    end)

    local function unanswered() return server:stats().unanswered end

    -- Lets so many ms pass, as nothing else happens.
    local function pass(ms)
      loop:call_later(ms, loop.stop, loop)
      support.run(loop, 1e6)
    end

    local function request(handler, req)
      local asked
      server:on_recv(function(msg)
        asked = true
        return handler and handler(msg)
      end)
      req = req or client()
      req:send("x")
      while not asked do pass(0) end
      return req
    end

    it("whose handler has ended, or waits", function()
      local release = eddy.future(loop)
      for _, handler in ipairs { function() end, function() release:await() end } do
        local before = unanswered()
        local req = request(handler)
        pass(9990)
        assert.equal(before, unanswered())
        pass(20)
        assert.equal(before + 1, unanswered())
        assert.matches("REP socket at .*: a request was not answered within 10000 ms",
          support.take_log())
        pass(60000)
        assert.equal(before + 1, unanswered())
        server:send("late")
        assert.equal("late", req:recv())
      end
      release:set_result(true)
      pass(1)
    end)

    it("whose handler failed without a reply", function()
      server:set_error_reply(false)
      request(function() error "on purpose" end)
      support.take_log()
      pass(10010)
      assert.equal(1, unanswered())
      assert.matches("was not answered", support.take_log())
    end)

    it("and none that is answered late but in time", function()
      local req
      for _ = 1, 3 do
        req = request(nil, req)
        pass(9000)
        server:send("late")
        assert.equal("late", req:recv())
      end
      pass(60000)
      request(function() server.socket:send("past the stream") end, req)
      pass(60000)
      assert.equal(0, unanswered())
    end)

    it("and then keeps nothing alive, and no timer", function()
      request()
      server:stop_on_recv()
      assert.equal(1, loop:stats().timers)
      server:close()
      pass(60000)
    end)
  end)

  it("heeds the watchdog's limits: a handler is interrupted, a request named", function()
    local text, status = support.script [[
      local eddy = require "eddy"
      local zmq = require "eddy.green"
      local loop = eddy.loop.instance()
      loop:on_error(function(err) print((tostring(err):gsub("REP.*", ""))) end)
      eddy.loop.set_log(function(text) print(text:match "within %d+ ms") end)
      eddy.loop.set_watchdog { report = 40, interrupt = 80 }
      local server = eddy.stream(zmq.instance():socket(zmq.REP, { bind = "inproc://x" }))
      server:set_error_reply(function(err) return "cut " .. type(err) end)
      server:on_recv(function(msg)
        if msg[1] == "for ever" then while true do end end
        if msg[1] == "late" then return end
        server:send("re " .. msg[1])
      end)
      eddy.spawn(function()
        local req = zmq.instance():socket(zmq.REQ, { linger = 0, connect = "inproc://x" })
        req:send "for ever" print(req:recv())
        req:send "good" print(req:recv())
        req:send "late"
        while server:stats().unanswered == 0 do eddy.sleep(5) end
        server:send "at last" print(req:recv(), server:stats().unanswered)
        loop:stop()
      end)
    ]]
    assert.equal(0, status)
    assert.matches("cut string\nre good\n", text)
    assert.matches("interrupted: the handler of ", text)
    assert.matches("within 40 ms\nat last\t1", text)
  end)
end)
