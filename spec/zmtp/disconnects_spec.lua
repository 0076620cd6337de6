-- Peers that leave in the middle, at every byte. EDDY_CUTS is how many cuts there are, at least.
local eddy = require "eddy"
local full = require "spec.support.full"
local zmq = require "eddy.zmq"
local zmtp = require "spec.zmtp.peer"
local support = require "spec.lua.support"

local CUTS = tonumber(os.getenv("EDDY_CUTS") or 10000)
local CHECKED = full.size(16, 1) -- after each such cut a good message must come
local FRAMES = { "first", ("second"):rep(50), "third" }

local function port_of(socket) return tonumber(socket.last_endpoint:match("(%d+)$")) end

describe("a peer that leaves", function()
  local loop, context
  support.each(function(...) loop, context = ... end)

  local function bound(kind)
    local socket = context:socket(kind, { linger = 0 })
    socket:bind("tcp://127.0.0.1:*")
    return eddy.stream(socket, loop), port_of(socket)
  end

  local function wait_for(done, what)
    local bell = loop:call_every(1, function() if done() then loop:stop() end end)
    support.run(loop, 20000)
    bell:cancel()
    assert.message(what).is_true(done() )
  end

  for _, reset in ipairs { false, true } do
    it("at any byte, with a " .. (reset and "RST" or "FIN") ..
      ", delivers nothing of its message", function()
      local stream, port = bound(zmq.PULL)
      local opening, message = zmtp.opening("PUSH"), zmtp.message(FRAMES)
      local whole, gone = 0, 0
      stream:on_event(function() gone = gone + 1 end, zmq.EVENT_DISCONNECTED +
        zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL + zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL)
      stream:on_recv(function(msg)
        assert.same(FRAMES, msg)
        whole = whole + 1
      end)
      local cuts, good = 0, 0
      repeat
        for cut = 0, #opening + #message - 1 do
          local peer = zmtp.connect(port)
          if cut < #opening then
            peer:send(opening:sub(1, cut))
          else
            peer:open("PUSH")
            peer:send(message:sub(1, cut - #opening))
          end
          peer:leave(reset)
          cuts = cuts + 1
          if cut % CHECKED == 0 then -- a whole one arrives all the same
            peer = zmtp.connect(port)
            peer:open("PUSH")
            peer:send(message)
            good = good + 1
            wait_for(function() return whole == good end, "the good message after " .. cut)
            peer:leave()
          end
        end
      until cuts >= CUTS / 2
      wait_for(function() return gone >= good end, "the connections' end")
      -- One more, behind all of them: what was cut had its chance.
      local peer = zmtp.connect(port)
      peer:open("PUSH")
      peer:send(message)
      wait_for(function() return whole == good + 1 end, "the last message")
      peer:leave()
      assert.equal(good + 1, stream:stats().messages_in)
      full.figure("a peer leaves at any byte, with a " .. (reset and "RST" or "FIN"),
        "%d cuts, %d of %d good messages between them came, and nothing else", cuts, whole,
        good + 1)
    end)
  end

  it("in the middle of what it receives, takes no part of a message to another peer", function()
    local stream, port = bound(zmq.PUSH)
    local puller = eddy.stream(context:socket(zmq.PULL, { linger = 0, rcvhwm = 10 }), loop)
    puller:connect(stream.socket.last_endpoint)
    local sent, got, last = 0, 0, 0
    puller:on_recv(function(msg)
      got = got + 1
      assert.same({ msg[1], msg[1] .. ":2", ("x"):rep(2000), msg[1] .. ":4" }, msg)
      assert.is_true(tonumber(msg[1]) > last)
      last = tonumber(msg[1])
    end)
    local function send()
      sent = sent + 1
      stream:send_multipart { tostring(sent), sent .. ":2", ("x"):rep(2000), sent .. ":4" }
    end
    local target = math.max(30, CUTS / 50)
    for round = 1, target do
      local peer = zmtp.connect(port)
      peer:open("PULL")
      for _ = 1, 40 do
        send()
        if sent % 10 == 0 then support.turns(loop, 1) end
      end
      peer:receive(1 + round * 37 % 4000)
      peer:leave(round % 2 == 0)
      support.turns(loop, 2)
    end
    -- What went to a peer that left is lost with it; in the end there is one peer.
    wait_for(function()
      if last == sent then return true end
      if stream:stats().queued == 0 then send() end
    end, "the last one")
    assert.is_true(got > sent / 4)
  end)

  it("says a frame is larger than there is memory, and loses only its connection", function()
    local stream = bound(zmq.PULL)
    stream.socket.maxmsgsize = 1e6
    stream.socket:unbind(stream.socket.last_endpoint)
    stream.socket:bind("tcp://127.0.0.1:*")
    local port = port_of(stream.socket)
    local got = 0
    stream:on_recv(function() got = got + 1 end)
    local evil = zmtp.connect(port)
    evil:open("PUSH")
    evil:send("\2\63\255\255\255\255\255\255\255")
    local good = zmtp.connect(port)
    good:open("PUSH")
    good:send(zmtp.message(FRAMES))
    wait_for(function() return got == 1 end, "the good message")
    repeat until not evil:receive(1000) -- the other side has left
    evil:leave()
    good:leave()
  end)
end)
