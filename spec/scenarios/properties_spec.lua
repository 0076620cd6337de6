-- What a message tells of its peer: libzmq may lose it on the first frame, never on the last one.
local eddy = require "eddy"
local full = require "spec.support.full"
local zmq = require "eddy.zmq"
local support = require "spec.lua.support"

local COUNT, PEERS, WINDOW = 100000, 4, 1000

describe("a ROUTER", function()
  local loop, context
  support.each(function(...) loop, context = ... end)

  it("has its peer's properties on the last frame of every message", function()
    local router = eddy.stream(context:socket(zmq.ROUTER, { linger = 0,
      bind = "tcp://127.0.0.1:*" }), loop)
    local dealers, got, sent, first = {}, 0, 0, 0
    for i = 1, PEERS do
      dealers[i] = eddy.stream(context:socket(zmq.DEALER, { linger = 0,
        connect = router.socket.last_endpoint }), loop)
    end
    local function send_window()
      for _ = 1, WINDOW do
        sent = sent + 1
        dealers[sent % PEERS + 1]:send_multipart { "header", tostring(sent) }
      end
    end
    router:on_recv(function(msg)
      got = got + 1
      local last = msg[#msg]
      assert.equal("DEALER", last:get "Socket-Type")
      assert.equal("127.0.0.1", last["Peer-Address"])
      if msg[1]:get "Socket-Type" then first = first + 1 end
      for _, frame in ipairs(msg) do frame:close() end
      if got == COUNT then return loop:stop() end
      if got == sent then send_window() end
    end, false)
    send_window()
    support.run(loop, 60000)
    assert.equal(COUNT, got)
    full.figure("what a ROUTER's message tells of its peer", "on the last frame %d of %d times, " ..
      "on the first one %d", got, COUNT, first)
  end)
end)
