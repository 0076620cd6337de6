-- Clients that a server refuses, and lets in later: with what they had to say, and without losing
-- what comes over a connection that ends.
local async = require "eddy.async"
local eddy = require "eddy"
local green = require "eddy.green"
local zmq = require "eddy.zmq"
local support = require "spec.lua.support"

local server_public, server_secret = zmq.curve_keypair()
local public, secret = zmq.curve_keypair()
local C = require("eddy.base.libeddy").C

describe("a client that was refused, then allowed,", function()
  local loop, context
  support.each(function(...) loop, context = ... end)

  -- What it is at the other end.
  local PEER = { PUSH = "PULL", DEALER = "ROUTER", REQ = "ROUTER", PAIR = "PAIR" }

  local function server(kind)
    return context:socket(zmq[kind], { linger = 0, bind = "tcp://127.0.0.1:*",
      curve = { secret = server_secret, allow = {} } })
  end

  local function settings(to)
    return { linger = 0, connect = to.last_endpoint,
      curve = { secret = secret, server = server_public } }
  end

  -- Refuses it so often, then lets it in.
  local function refuse_then_allow(to, count)
    local refused = 0
    eddy.stream(to:get_monitor_socket(zmq.EVENT_HANDSHAKE_FAILED_AUTH), loop):on_recv(function()
      refused = refused + 1
    end)
    support.wait(loop, function() return refused >= count end)
    to.curve = { secret = server_secret, allow = { public } }
  end

  local function expect(to, list)
    local stream, got = eddy.stream(to, loop), {}
    stream:on_recv(function(msg) got[#got + 1] = msg[#msg] end)
    support.wait(loop, function() return #got == #list end)
    assert.same(list, got)
    support.take_log()
  end

  for kind, peer in pairs(PEER) do
    it("has its queued messages sent: " .. kind, function()
      local to = server(peer)
      local stream = eddy.stream(context:socket(zmq[kind], settings(to)), loop)
      stream:supervise { first = 100 }
      local list = kind == "REQ" and { "a" } or { "a", "b", "c" }
      for _, text in ipairs(list) do stream:send(text) end
      refuse_then_allow(to, 2)
      expect(to, list)
    end)
  end

  it("is connected later than its stream was made", function()
    local to = server "ROUTER"
    local own = settings(to)
    own.connect = nil
    local stream = eddy.stream(context:socket(zmq.DEALER, own), loop)
    stream:supervise { first = 100 }
    stream:send "early"
    stream:connect(to.last_endpoint)
    stream:send "late"
    refuse_then_allow(to, 1)
    expect(to, { "early", "late" })
  end)

  for name, module in pairs { async = async, green = green } do
    it("has what a task sends: " .. name, function()
      local own, to = module.context(), server "ROUTER"
      local from = own:socket(zmq.DEALER, settings(to))
      local task = loop:spawn(function()
        local result = from:send "hello"
        if name == "async" then result = result:await() end
        return result
      end)
      refuse_then_allow(to, 1)
      expect(to, { "hello" })
      assert.is_true(task:done())
      from:close()
      own:destroy(0)
    end)
  end

  it("goes on as others once it was let in, and is held anew when it is refused again", function()
    local to = server "ROUTER"
    to.curve = { secret = server_secret, allow = { public } }
    local stream = eddy.stream(context:socket(zmq.DEALER, settings(to)), loop)
    stream:supervise { first = 100 }
    stream:send "first"
    local inbox, got = eddy.stream(to, loop), {}
    inbox:on_recv(function(msg) got[#got + 1] = msg[2] end)
    support.wait(loop, function() return got[1] end)
    to:revoke(public, { cut = true })
    local resets = 0
    stream:on_event(function(event)
      if event.name == "ENDPOINT_RESET" then resets = resets + 1 end
    end)
    support.wait(loop, function() return resets > 0 end)
    stream:send "second"
    to:readmit(public)
    support.wait(loop, function() return got[2] end)
    assert.same({ "first", "second" }, got)
    support.take_log()
  end)

  for name, module in pairs { async = async, green = green } do
    it("may be one that never waits itself: " .. name, function()
      local own, to, tries = module.context(), server "ROUTER", 0
      local from = own:socket(zmq.DEALER, settings(to))
      local task = loop:spawn(function()
        repeat
          local sent = from:send("hello", zmq.DONTWAIT)
          if name == "async" then sent = select(2, pcall(sent.await, sent)) end
          tries = tries + 1
          support.suspend(loop, 5)
        until sent == true
      end)
      refuse_then_allow(to, 1)
      expect(to, { "hello" })
      support.wait(loop, function() return task:done() end)
      assert.is_true(tries > 1)
      from:close()
      own:destroy(0)
    end)
  end

  it("is not held where it was used before, or was told not to wait", function()
    local to = server "ROUTER"
    to.curve = { secret = server_secret, allow = { public } }
    local used = context:socket(zmq.DEALER, settings(to))
    used:send "plain"
    assert.equal("plain", to:recv_multipart()[2])
    local stream = eddy.stream(used, loop)
    stream:send "by a stream"
    assert.is_true(to:poll(5000) ~= 0)
    assert.equal("by a stream", to:recv_multipart()[2])
  end)

  it("is held no more when nobody supervises it", function()
    local to = server "ROUTER"
    local stream = eddy.stream(context:socket(zmq.DEALER, settings(to)), loop)
    stream:send "given up"
    assert.is_true(stream:sending())
    stream:supervise(false)
    support.wait(loop, function() return not stream:sending() end)
  end)

  it("has no immediate where it receives, which would cost what came over an ended connection",
    function()
      for kind, immediate in pairs { PUSH = 1, PUB = 1, PULL = 0, SUB = 0, DEALER = 0, REQ = 0,
          PAIR = 0, ROUTER = 0, REP = 0, XSUB = 0 } do
        local socket = context:socket(zmq[kind],
          { curve = { secret = secret, server = server_public } })
        assert.equal(immediate, socket.immediate)
      end
    end)

  it("has the reply of a server that leaves at once", function()
    for _ = 1, 20 do
      local to = context:socket(zmq.REP, { linger = -1, bind = "tcp://127.0.0.1:*",
        curve = { secret = server_secret, allow = "any" } })
      local rep = eddy.stream(to, loop)
      rep:on_recv(function(msg)
        rep:send_multipart(msg)
        rep:close()
      end)
      local req, got = eddy.stream(context:socket(zmq.REQ, settings(to)), loop), nil
      req:on_recv(function(msg)
        local late = C.eddy_time() + 2 -- what ends the connection comes meanwhile
        repeat until C.eddy_time() > late
        got = msg[1]
      end)
      req:send "hello"
      support.wait(loop, function() return got end)
      assert.equal("hello", got)
      req:close(0)
    end
    support.take_log()
  end)
end)
