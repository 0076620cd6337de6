local eddy = require "eddy"
local rep = require "spec.lua.stream.rep_support"
local support = require "spec.lua.support"
local zmq = require "eddy.zmq"

local ask, client, wait_for = rep.ask, rep.client, rep.wait_for

describe("a REP's stream whose handler fails", function()
  local loop, context, server
  rep.each(function(...) loop, context = ... end)

  local function open(transport)
    server = rep.open(transport)
    return server
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
