-- Servers that break the protocol: libzmq never connects there again, a supervised stream does.
local full = require "spec.support.full"
local zmq = require "eddy.zmq"
local supervised = require "spec.support.supervised"

local ROUNDS = full.size(5, 100)
local SETTINGS = full.size(supervised.QUICK, {}) -- at full size those that streams have by default
local MOST_MS = 2000
local wait_for = supervised.wait_for

describe("a server that breaks the protocol", function()
  local loop
  before_each(function() loop = supervised.open() end)
  after_each(supervised.close)

  -- What several rounds take: `play` returns the ms of one.
  local function measure(name, play)
    local times = {}
    for round = 1, ROUNDS do
      times[round] = play()
      assert.is_true(times[round] <= MOST_MS)
    end
    full.figure(name, "%d of %d connected again, median %.0f ms, longest %.0f ms", #times, ROUNDS,
      full.quantile(times, 0.5), full.quantile(times, 1))
  end

  -- How long it takes from now until a client has a message of a server's.
  local function receive(stream, from, began)
    local got
    stream:on_recv(function(msg) got = msg[1] end)
    supervised.wait(function() return from:poll(0, zmq.POLLOUT) ~= 0 end)
    from:send("good")
    supervised.wait(function() return got end)
    assert.equal("good", got)
    return loop:time() - began
  end

  it("by a frame that is too large is left for a moment", function()
    measure("a frame that is too large", function()
      local push = supervised.server()
      local stream, events = supervised.client(SETTINGS)
      stream:connect(push.last_endpoint)
      wait_for(events, "HANDSHAKE_SUCCEEDED", 1)
      local began = loop:time()
      push:send(supervised.BAD)
      wait_for(events, "DISCONNECTED", 1)
      local took = receive(stream, push, began)
      stream:close()
      push:close()
      return took
    end)
  end)

  it("by its type is left until another one is there", function()
    measure("a server of the wrong type, replaced", function()
      local wrong = supervised.server(nil, zmq.PUB)
      local stream, events = supervised.client(SETTINGS)
      stream:connect(wrong.last_endpoint)
      wait_for(events, "DISCONNECTED", 1)
      local right = supervised.replace(wrong, zmq.PUSH)
      local took = receive(stream, right, loop:time())
      stream:close()
      right:close()
      return took
    end)
  end)
end)
