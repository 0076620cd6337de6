local support = require "spec.lua.support"
local eddy = require "eddy"
local zmq = require "eddy.zmq"

-- Frames whose bytes lie inside them have no finalizers: what they share is closed for many.
describe("small frames", function()
  local loop
  support.each(function(...) loop = ... end)

  -- What comes of so many messages, made by text(i), at a stream; `keep` tells which frames stay.
  local function receive(count, text, keep, transport)
    local pull, push = support.pair(zmq.PULL, zmq.PUSH, transport)
    local stream, kept, got, wrong = eddy.stream(pull, loop), {}, 0, 0
    stream:on_recv(function(msg)
      got = got + 1
      if msg[1] ~= text(got) then wrong = wrong + 1 end
      if keep(got) then kept[got] = msg[1] end
    end, false)
    local sent = 0
    while sent < count do
      for _ = 1, math.min(500, count - sent) do
        sent = sent + 1
        push:send(text(sent))
      end
      support.wait(loop, function() return got == sent end)
    end
    assert.equal(0, wrong)
    return kept
  end

  local function text(i) return ("."):rep(i % 40) .. i end

  it("keep their bytes and their peer as long as anyone holds them", function()
    local kept = receive(5000, text, function(i) return i % 97 == 0 end, "tcp")
    for i = 1, 3 do
      receive(2000, text, function() return false end)
      collectgarbage()
      for n, frame in pairs(kept) do
        assert.equal(text(n), frame.bytes)
        assert.equal("127.0.0.1", frame.peer)
        assert.equal("PUSH", frame["Socket-Type"])
        assert.is_nil(frame["User-Id"])
        if n % 3 == i - 1 then kept[n] = nil end
      end
    end
  end)

  it("give their bytes back when they are closed", function()
    local push, pull = support.pair(zmq.PUSH, zmq.PULL)
    local tracker = push:send("x", 0, false, true)
    local frame = pull:recv(0, false)
    assert.is_false(tracker.done)
    frame:close()
    assert.is_true(tracker:wait(5000))
  end)

  it("do not pile up", function()
    local function round() receive(20000, text, function() return false end) end
    round()
    collectgarbage()
    round()
    local before = support.resident_kib()
    for _ = 1, 4 do round() end
    if not support.is_sanitized() then
      assert.is_true(support.resident_kib() - before < 4096)
    end
  end)

  it("may be closed, copied and sent, whatever becomes of the others", function()
    local kept = receive(600, text, function() return true end)
    local out, into = support.pair(zmq.PAIR, zmq.PAIR)
    for i = 1, 600, 7 do
      local copy = zmq.frame(kept[i])
      out:send_multipart { kept[i], copy }
      kept[i]:close()
      kept[i]:close()
      assert.equal("frame (closed)", tostring(kept[i]))
      assert.equal(text(i), copy.bytes)
      local got = into:recv_multipart(0, false)
      assert.is_true(got[1] == text(i) and got[2] == copy and got[1].more and not got[2].more)
      copy:close()
    end
    for i = 2, 600, 7 do assert.equal(text(i), kept[i].bytes) end
  end)

  it("come from plain sockets as well", function()
    local a, b = support.pair(zmq.PAIR, zmq.PAIR, "tcp")
    local kept = {}
    for i = 1, 1000 do
      a:send_multipart { text(i), "x" }
      kept[i] = b:recv_multipart(0, false)
      if i % 200 == 0 then collectgarbage() end
    end
    for i, msg in ipairs(kept) do
      assert.is_true(msg[1] == text(i) and msg[2] == "x" and msg[1].more and msg[2].peer ~= nil)
    end
    assert.is_nil((b:recv(zmq.DONTWAIT, false)))
  end)
end)
