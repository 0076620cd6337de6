local eddy = require "eddy"
local support = require "spec.lua.support"
local zmq = require "eddy.zmq"

describe("on_recv_json", function()
  local loop
  support.each(function(...) loop = ... end)

  it("gives what the last frame is in JSON, and the message", function()
    local stream, push = support.receiver()
    local list, collect = support.collector(3)
    stream:on_recv_json(function(value, msg) collect { value, #msg, msg[1] } end)
    push:send '{"a":[1,2]}'
    push:send_multipart { "topic", "", "false" }
    push:send_json "text"
    support.run(loop)
    assert.same({ { { a = { 1, 2 } }, 1, '{"a":[1,2]}' }, { false, 3, "topic" },
      { "text", 1, '"text"' } }, list)
  end)

  it("tells on_err or the log what is none, by the stream's name, and goes on", function()
    local stream, push = support.receiver()
    local heard
    stream.name = "orders"
    local list, collect = support.collector(1)
    stream:on_recv_json(collect)
    for _ = 1, 2 do
      push:send_multipart { "peer", '{"a":' }
      push:send "1"
      support.run(loop)
      stream:on_err(function(err) heard = err end)
      if not heard then
        assert.matches("^on_recv_json: orders: not JSON: .*%(EBADMSG%)$", support.take_log())
      end
      assert.equal(1, table.remove(list))
    end
    assert.same({ "EBADMSG", '{"a":', "peer" }, { heard.name, heard.received, heard.msg[1] })
    assert.same({ 0, 4 }, { loop:stats().errors, stream:stats().messages_in })
    push:send ""
    support.wait(loop, function() return heard.received == "" end)
  end)

  it("has a REP answer what is none as a request whose handler fails", function()
    local rep, req = support.streams(zmq.REP, zmq.REQ)
    rep:on_err(function() end)
    rep:on_recv_json(function(value) rep:send_json { value } end)
    local answers = {}
    req:on_recv(function(msg)
      answers[#answers + 1] = msg[1]
      loop:stop()
    end)
    local function ask(text)
      req:send(text)
      support.run(loop)
    end
    ask "1"
    ask "{"
    rep:set_error_reply(function(err, msg) return err.name .. " " .. msg[1] end)
    ask "{"
    ask "2"
    assert.same({ "[1]", "", "EBADMSG {", "[2]" }, answers)
    assert.equal(0, loop:stats().errors)
    req:send "{"
    assert.is_true(rep.socket:poll(5000) > 0)
    assert.equal(1, (rep:flush(zmq.POLLIN)))
    support.run(loop)
    assert.equal("EBADMSG {", answers[5])
  end)

  it("is the slot of on_recv", function()
    local stream, push = support.receiver()
    stream:on_recv_json(error)
    assert.is_true(stream:receiving())
    stream:on_recv_json(nil)
    assert.is_false(stream:receiving())
    push:send "1"
    support.turns(loop)
    local list, collect = support.collector(1)
    stream:on_recv_json(collect)
    support.run(loop)
    assert.same({ 1 }, list)
  end)

  it("says what is wrong at the call", function()
    local stream = support.receiver()
    assert.error_matches(function() stream:on_recv_json "x" end,
      "on_recv_json: expected a function, got string")
    local push = eddy.stream((support.pair(zmq.PUSH, zmq.PULL)), loop)
    assert.error_matches(function() push:on_recv_json(print) end, "on_recv_json: .*ENOTSUP")
    stream:close()
    assert.error_matches(function() stream:on_recv_json(print) end,
      "on_recv_json: the stream .* is closed")
  end)
end)
