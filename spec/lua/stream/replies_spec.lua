local eddy = require "eddy"
local rep = require "spec.lua.stream.rep_support"
local support = require "spec.lua.support"
local zmq = require "eddy.zmq"

local ask, client, error_of, wait_for = rep.ask, rep.client, rep.error_of, rep.wait_for

describe("the replies of a REP's stream", function()
  local loop, context, server
  rep.each(function(...) loop, context = ... end)

  local function open(transport)
    server = rep.open(transport)
    return server
  end

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

end)
