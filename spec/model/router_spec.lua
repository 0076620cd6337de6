-- Random sequences on a ROUTER's stream whose peers come, read when they like, and leave: each
-- peer hears all that is said to have been sent to it, in order, and each message's sender hears
-- once what became of it.
local eddy = require "eddy"
local full = require "spec.support.full"
local support = require "spec.lua.support"
local zmq = require "eddy.zmq"

local SEQUENCES, STEPS, MOST_PEERS = full.size(200, 20000), 60, 5
local POLICIES = { "error", "drop_newest", "drop_oldest" }

describe("a ROUTER's queue", function()
  local loop, context, stream, peers, joined, sent, told

  local function join()
    joined = joined + 1
    local name = "peer-" .. joined
    local socket = context:socket(zmq.DEALER, { linger = 0, routing_id = name,
      rcvhwm = math.random(3), connect = stream.socket.last_endpoint })
    socket:send("hello")
    repeat until stream.socket:poll(1000) ~= 0 and stream.socket:recv_multipart()[1] == name
    table.insert(peers, { name = name, socket = socket, last = 0, sent = {}, got = 0 })
  end

  local function read(peer, most)
    for _ = 1, most do
      local text = peer.socket:recv(zmq.DONTWAIT)
      if not text then return end
      local number = tonumber(text)
      assert.is_true(number > peer.last)
      peer.last, peer.got = number, peer.got + 1
    end
  end

  local function send(peer)
    sent = sent + 1
    local number = sent
    -- Each number's word must be about it.
    local ok, err = stream:send_multipart({ peer.name, tostring(number) }, {
      callback = function(msg, failure)
        assert.equal(tostring(number), msg[2])
        assert.is_nil(told[number])
        told[number] = failure and failure.name or "sent"
      end,
    })
    if ok then
      peer.sent[#peer.sent + 1] = number
    else
      assert.equal("ENOBUFS", err.name)
    end
  end

  local function step()
    local peer = peers[math.random(#peers)]
    local dice = math.random(20)
    if dice == 1 and #peers < MOST_PEERS then
      join()
    elseif dice == 2 and #peers > 1 then
      local gone = table.remove(peers, math.random(#peers))
      gone.socket:close(0)
    elseif dice == 3 then
      stream:set_send_limit { messages = math.random(20), policy = POLICIES[math.random(3)] }
    elseif dice == 4 then
      stream:flush(zmq.POLLOUT, math.random(5))
    elseif dice <= 7 then
      read(peer, math.random(5))
    elseif dice <= 9 then
      support.turns(loop, math.random(2))
    else
      send(peer)
    end
  end

  -- Everybody reads until nothing is left.
  local function finish()
    local reading = loop:call_every(1, function()
      for _, peer in ipairs(peers) do read(peer, 100) end
      if stream:stats().queued == 0 then loop:stop() end
    end)
    support.run(loop)
    reading:cancel()
    support.turns(loop, 2)
    for _, peer in ipairs(peers) do
      read(peer, math.huge)
      local delivered = 0
      for _, number in ipairs(peer.sent) do
        assert.is_truthy(told[number])
        if told[number] == "sent" then delivered = delivered + 1 end
      end
      assert.equal(delivered, peer.got)
    end
  end

  it("serves each peer in order, and tells of each message once", function()
    for _ = 1, SEQUENCES do
      local seed = os.getenv "EDDY_SEED" or math.random(2 ^ 30)
      math.randomseed(seed)
      loop, context = support.open()
      stream = eddy.stream(context:socket(zmq.ROUTER, { linger = 0, router_mandatory = 1,
        sndhwm = math.random(3), bind = support.inproc() }), loop)
      stream:on_err(function(err) assert.equal("EHOSTUNREACH", err.name) end)
      peers, joined, sent, told = {}, 0, 0, {}
      join()
      local ok, problem = pcall(function()
        for _ = 1, STEPS do step() end
        finish()
      end)
      local log = support.take_log()
      stream:close()
      support.take_log()
      support.close()
      assert.message("seed " .. seed .. ": " .. tostring(problem)).is_true(ok)
      assert.equal("", log)
    end
  end)
end)
