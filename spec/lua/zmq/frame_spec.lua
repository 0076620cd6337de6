local support = require "spec.lua.support"
local zmq = require "eddy.zmq"

describe("a frame", function()
  local context, loop
  support.each(function(...) loop, context = ... end)

  local function bytes(list)
    local strings = {}
    for i, frame in ipairs(list) do strings[i] = frame.bytes end
    return strings
  end

  it("has the bytes it was made of, zeros included", function()
    for _, data in ipairs { "", "x", "a\0b", ("y"):rep(100000) } do
      local frame = zmq.frame(data)
      assert.equal(data, frame.bytes)
      assert.equal(#data, #frame)
      assert.is_false(frame.more)
      assert.is_nil(frame.tracker)
      assert.equal(data, zmq.frame(frame).bytes)
    end
    assert.equal("", zmq.frame().bytes)
    assert.equal(zmq.frame("x").buffer[0], ("x"):byte())
  end)

  it("prints short", function()
    assert.equal('frame ("hello")', tostring(zmq.frame("hello")))
    assert.equal('frame ("xxxxxxxxxxxx"..., 5000 bytes)', tostring(zmq.frame(("x"):rep(5000))))
  end)

  it("refuses what is no string", function()
    for _, wrong in ipairs { 5, {}, print, true } do
      assert.error_matches(function() zmq.frame(wrong) end, "frame: expected a string")
    end
  end)

  it("is closed once, early, and then is of no use", function()
    local frame = zmq.frame("x")
    frame:close()
    frame:close()
    assert.equal("frame (closed)", tostring(frame))
    local a = context:socket(zmq.PAIR, { bind = support.inproc() })
    for _, use in ipairs {
      function() return frame.bytes end,
      function() return frame["User-Id"] end,
      function() return zmq.frame(frame) end,
      function() return a:send(frame) end,
    } do
      local ok, err = pcall(use)
      assert.is_false(ok)
      assert.equal("EBADF", err.name)
    end
  end)

  it("is received in place of a string, and tells whether another follows", function()
    local a, b = support.pair(zmq.PAIR, zmq.PAIR)
    a:send_multipart { "first", "", ("z"):rep(100) }
    local list = b:recv_multipart(0, false)
    assert.same({ "first", "", ("z"):rep(100) }, bytes(list))
    assert.same({ true, true, false }, { list[1].more, list[2].more, list[3].more })
    a:send("one")
    assert.equal("one", b:recv(0, false).bytes)
    assert.is_nil((b:recv(zmq.DONTWAIT, false)))
  end)

  it("may be sent again and again, among strings", function()
    local a, b = support.pair(zmq.PAIR, zmq.PAIR)
    local frame = zmq.frame(("x"):rep(70000))
    for _ = 1, 3 do
      a:send(frame)
      a:send_multipart { "head", frame, frame, "tail" }
    end
    for _ = 1, 3 do
      assert.equal(frame.bytes, b:recv())
      assert.same({ "head", frame.bytes, frame.bytes, "tail" }, b:recv_multipart())
    end
    a:send_multipart(b:send("y") and a:recv_multipart(0, false))
    assert.equal("y", b:recv())
  end)

  it("knows its sender's properties", function()
    local pull = context:socket(zmq.PULL, { bind = "tcp://127.0.0.1:*" })
    local push = context:socket(zmq.PUSH, { connect = pull.last_endpoint })
    push:send("x")
    local frame = pull:recv(0, false)
    assert.equal("PUSH", frame["Socket-Type"])
    assert.equal("127.0.0.1", frame:get("Peer-Address"))
    assert.is_nil(frame["User-Id"])
    assert.is_nil(frame.nonsense)
  end)

  it("stays as it is while the messages after it come and go", function()
    local receiver, sender = support.streams(zmq.PULL, zmq.PUSH)
    local kept = {}
    receiver:on_recv(function(msg)
      kept[#kept + 1] = msg[1]
      if #kept == 500 then loop:stop() end
    end, false)
    for i = 1, 500 do sender:send(tostring(i):rep(i % 40 + 1)) end
    support.run(loop)
    collectgarbage()
    for i, frame in ipairs(kept) do assert.equal(tostring(i):rep(i % 40 + 1), frame.bytes) end
  end)

  it("comes to a stream's handler when it says so, and only then", function()
    local receiver, sender = support.streams(zmq.PULL, zmq.PUSH)
    local got = {}
    receiver:on_recv_stream(function(stream, msg)
      got[#got + 1] = msg[1].bytes
      stream:on_recv(function(strings)
        got[#got + 1] = strings[1]
        loop:stop()
      end)
    end, false)
    sender:send(zmq.frame("frame"))
    sender:send("string")
    support.run(loop)
    assert.same({ "frame", "string" }, got)
  end)

  it("weighs on the collector: what is received and dropped does not pile up", function()
    local receiver, sender = support.streams(zmq.PULL, zmq.PUSH)
    local data, count = ("x"):rep(2 ^ 20), 0
    local C = require("eddy.base.libeddy").C
    local before, most = C.eddy_frame_weight(), 0
    receiver:on_recv(function()
      count, most = count + 1, math.max(most, C.eddy_frame_weight() - before)
      if count == 200 then return loop:stop() end
      sender:send(data)
    end, false)
    sender:send(data)
    support.run(loop)
    assert.is_true(most < 64 * 2 ^ 20)
  end)
end)

describe("a tracker", function()
  before_each(support.open)
  after_each(support.close)

  it("is done when nobody uses the bytes any more", function()
    local a, b = support.pair(zmq.PAIR, zmq.PAIR)
    local tracker = a:send(("x"):rep(100000), 0, false, true)
    assert.is_false(tracker.done)
    local none, err = tracker:wait(1)
    assert.is_nil(none)
    assert.equal("ETIMEDOUT", err.name)
    b:recv()
    assert.is_true(tracker:wait(5000))
    assert.is_true(tracker.done)
  end)

  it("covers all frames of a message, and the frame itself", function()
    local a, b = support.pair(zmq.PAIR, zmq.PAIR)
    local frame = zmq.frame(("x"):rep(100000), true)
    local tracker = a:send_multipart({ frame, "small" }, 0, false, true)
    b:recv_multipart()
    assert.is_false(tracker.done)
    frame:close()
    assert.is_true(tracker:wait(5000))
  end)

  it("joins others; none is done", function()
    assert.is_true(zmq.tracker().done)
    local first, second = zmq.frame("1", true), zmq.frame("2", true)
    local all = zmq.tracker(first, zmq.tracker(second.tracker))
    assert.is_false(all.done)
    first:close()
    assert.is_false(all.done)
    second:close()
    assert.is_true(all.done)
  end)

  it("refuses what is not tracked", function()
    for _, wrong in ipairs { zmq.frame("x"), 5, {} } do
      assert.error_matches(function() zmq.tracker(wrong) end, "tracker: expected")
    end
    local a = support.pair(zmq.PAIR, zmq.PAIR)
    assert.error_matches(function() a:send(zmq.frame("x"), 0, false, true) end, "tracked")
  end)
end)
