local eddy = require "eddy"
local zmq = require "eddy.zmq"
local support = require "spec.lua.support"

describe("a stream that is closed", function()
  local loop, context
  support.each(function(...) loop, context = ... end)

  local function lonely()
    local socket, endpoint = support.lonely(zmq.PUSH)
    return eddy.stream(socket, loop), endpoint
  end

  it("is closed, with its socket", function()
    local stream = support.receiver()
    local socket = stream.socket
    stream:on_recv(error)
    assert.is_false(stream:closed())
    assert.equal(loop, stream.loop)
    assert.equal(0, stream:close())
    assert.is_true(stream:closed())
    assert.is_false(stream:receiving())
    assert.is_false(stream:sending())
    assert.is_nil(stream.socket)
    assert.is_true(socket.closed)
    assert.equal(0, loop:stats().streams)
  end)

  it("hears nothing more when it closes itself in its handler", function()
    local stream, push = support.receiver()
    local count = 0
    stream:on_recv(function()
      count = count + 1
      stream:close()
    end)
    for _ = 1, 5 do push:send("x", zmq.DONTWAIT) end
    support.turns(loop)
    assert.equal(1, count)
  end)

  it("hears nothing more when another's handler closes it in the same turn", function()
    local streams, count = {}, 0
    for i = 1, 2 do
      local a, b = support.pair(zmq.PAIR, zmq.PAIR)
      streams[i] = eddy.stream(a, loop)
      b:send("x")
      streams[i]:send("y")
      for _, name in ipairs { "on_recv", "on_send" } do
        streams[i][name](streams[i], function()
          count = count + 1
          streams[3 - i]:close()
        end)
      end
      streams[i]:send("z")
    end
    support.turns(loop)
    assert.equal(3, count) -- the message and the reports of the one that was first
    assert.is_true(streams[1]:closed() ~= streams[2]:closed())
  end)

  it("hears nothing more when a callback or a timer of its turn closes it", function()
    for _, add in ipairs {
      function(fn) loop:add_callback(fn) end,
      function(fn) loop:call_later(0, fn) end,
    } do
      local stream, push = support.receiver()
      stream:set_budget(1)
      local after = 0
      stream:on_recv(function()
        if stream:closed() then after = after + 1 end
      end)
      for _ = 1, 5 do push:send("x", zmq.DONTWAIT) end
      add(function() stream:close() end)
      support.turns(loop)
      assert.is_true(stream:closed())
      assert.equal(0, after)
    end
  end)

  it("hears of no more sent messages when on_send closes it", function()
    local a = support.pair(zmq.PAIR, zmq.PAIR)
    local stream, count = eddy.stream(a, loop), 0
    stream:on_send(function()
      count = count + 1
      stream:close()
    end)
    for i = 1, 5 do stream:send("x", i > 3 and { callback = error } or nil) end
    support.turns(loop)
    assert.equal(1, count)
  end)

  it("calls nobody of whom it knew, but on_close", function()
    local stream = lonely()
    local closes = 0
    stream:set_send_limit { messages = 1 }
    for _, name in ipairs { "on_send", "on_full", "on_drain", "on_err", "on_recv" } do
      if name ~= "on_recv" then stream[name](stream, error) end
    end
    stream:on_close(function() closes = closes + 1 end)
    stream:send("1")
    stream:send("2", { callback = error })
    assert.equal(1, stream:close())
    support.take_log()
    support.turns(loop)
    assert.equal(1, closes)
  end)

  it("refuses options that it does not have, and stays open", function()
    local stream = lonely()
    assert.error_matches(function() stream:close { drian = 5 } end, "close: .*'drian'")
    assert.is_false(stream:closed())
    stream:close()
  end)

  it("says how many messages are lost, and warns", function()
    local stream, endpoint = lonely()
    for i = 1, 3 do stream:send(tostring(i)) end
    assert.equal(3, stream:close())
    local text = support.take_log()
    assert.matches(endpoint, text, 1, true)
    assert.matches("3 messages", text)
  end)

  it("warns as well when the loop is closed with it", function()
    local stream, endpoint = lonely()
    for i = 1, 3 do stream:send(tostring(i)) end
    loop:close()
    local text = support.take_log()
    assert.matches(endpoint, text, 1, true)
    assert.matches("3 messages", text)
  end)

  it("loses nothing that libzmq took", function()
    local a, b = support.pair(zmq.PUSH, zmq.PULL)
    local stream = eddy.stream(a, loop)
    for i = 1, 3 do stream:send(tostring(i)) end
    assert.equal(0, stream:close(1000))
    assert.equal("1 2 3", (support.receive_all(b)))
  end)

  it("may be closed again", function()
    local stream = lonely()
    local closes = 0
    stream:on_close(function() closes = closes + 1 end)
    stream:send("x")
    assert.equal(1, stream:close())
    assert.equal(0, stream:close())
    assert.equal(0, stream:close(0))
    assert.equal(1, closes)
    support.take_log()
  end)

  it("may be closed again by its on_close, which finds it closed", function()
    local stream = support.receiver()
    local seen
    stream:on_close(function()
      seen = { stream:closed(), stream:close(), stream.socket }
    end)
    stream:close()
    assert.same({ true, 0 }, seen)
  end)

  it("is closed also when on_close fails", function()
    local stream = support.receiver()
    stream.name = "its name"
    stream:on_close(function() error("on purpose") end)
    assert.equal(0, stream:close())
    assert.is_true(stream:closed())
    local text = support.take_log()
    assert.matches("its name", text)
    assert.matches("on purpose", text)
  end)

  it("raises at every use, and names itself", function()
    local stream = support.receiver()
    local endpoint = stream.socket.last_endpoint
    stream:close()
    local calls = {
      on_recv = { print }, on_recv_stream = { print }, on_send = { print },
      on_send_stream = { print }, on_err = { print }, stop_on_recv = {}, stop_on_send = {},
      send = { "x" }, send_multipart = { { "x" } }, set_budget = { 1 }, set_send_limit = { {} },
      stats = {}, on_full = { print }, on_drain = { print }, trace = { print },
    }
    for name, args in pairs(calls) do
      local ok, err = pcall(stream[name], stream, unpack(args))
      assert.is_false(ok, name)
      assert.equal("ENOTSOCK", err.name)
      assert.matches(endpoint, tostring(err), 1, true)
      assert.matches("closed", tostring(err))
    end
  end)

  it("refuses a linger that is none, and stays open", function()
    local stream = support.receiver()
    assert.error(function() stream:close("x") end)
    assert.is_false(stream:closed())
    assert.is_not_nil(stream.socket)
  end)

  it("gives its messages' time back: close(0) does not linger", function()
    local own = zmq.context { io_threads = 1 }
    local socket = own:socket(zmq.PUSH, { connect = "tcp://127.0.0.1:9" })
    local stream = eddy.stream(socket, loop)
    stream:send("never arrives")
    stream:close(0)
    support.take_log()
    own:term()
    assert.is_true(own.closed)
  end)

  it("leaves its place in the turn to nobody", function()
    local first, to_first = support.receiver()
    local second, to_second = support.receiver()
    local got, new = {}, nil
    local function handler(stream)
      got[#got + 1] = stream
      local other = stream == first and second or first
      if other:closed() then return end
      other:close()
      new = support.receiver()
      new:on_recv(error)
    end
    first:on_recv_stream(handler)
    second:on_recv_stream(handler)
    to_first:send("x")
    to_second:send("x")
    support.turns(loop)
    assert.equal(1, #got)
    assert.is_false(new:closed())
  end)

  it("lets go of thousands, one after the other", function()
    for _ = 1, 2000 do
      local stream = eddy.stream(context:socket(zmq.PULL, { linger = 0 }), loop)
      stream:on_recv(error)
      stream:close()
    end
    support.turns(loop, 2)
    assert.equal(0, loop:stats().streams)
  end)

  describe("because its socket is closed elsewhere", function()
    local function check_end(end_it)
      local stream, push = support.receiver()
      local other, to_other = support.receiver()
      local closes, got = 0, nil
      stream:on_recv(error)
      stream:on_close(function()
        closes = closes + 1
        assert(stream:closed())
      end)
      local endpoint = stream.socket.last_endpoint
      end_it(stream.socket)
      if not push.closed then push:send("x", zmq.DONTWAIT) end
      other:on_recv(function(msg)
        got = msg
        loop:add_callback(loop.stop, loop)
      end)
      to_other:send("y")
      support.run(loop)
      support.turns(loop)
      assert.equal(1, closes)
      assert.same({ "y" }, got)
      assert.is_true(stream:closed())
      assert.is_false(stream:receiving())
      assert.is_nil(stream.socket)
      assert.equal(0, stream:close())
      assert.matches(endpoint, support.take_log(), 1, true)
    end

    it("says so, tells on_close, and the loop goes on", function()
      check_end(function(socket) socket:close() end)
    end)

    it("does so when a handler closes it", function()
      check_end(function(socket) loop:add_callback(socket.close, socket) end)
    end)

    it("is closed at once, and raises what a closed stream raises", function()
      local stream = support.receiver()
      stream.socket:close()
      local ok, err = pcall(stream.send, stream, "x")
      assert.is_false(ok)
      assert.equal("ENOTSOCK", err.name)
      assert.is_true(stream:closed())
      support.turns(loop)
      support.take_log()
    end)

    it("may be closed by hand before the loop tells", function()
      local stream = support.receiver()
      local closes = 0
      stream:on_close(function() closes = closes + 1 end)
      stream.socket:close()
      assert.equal(0, stream:close())
      support.turns(loop)
      support.take_log()
      assert.equal(1, closes)
    end)

    it("does so when its context is destroyed", function()
      local own = zmq.context()
      local stream = eddy.stream(own:socket(zmq.PULL), loop)
      local closes = 0
      stream:on_recv(error)
      stream:on_close(function()
        closes = closes + 1
        loop:stop()
      end)
      own:destroy(0)
      support.run(loop)
      support.take_log()
      assert.equal(1, closes)
    end)

    it("says how many messages are lost with it", function()
      local stream = lonely()
      for i = 1, 3 do stream:send(tostring(i)) end
      stream.socket:close()
      support.turns(loop)
      assert.matches("3 messages", support.take_log())
    end)
  end)
end)
