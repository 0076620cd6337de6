local eddy = require "eddy"
local support = require "spec.lua.support"
local zmq = require "eddy.zmq"

describe("a stream's discard", function()
  local loop
  support.each(function(...) loop = ... end)

  local function streams(count, parts)
    local stream, peer = support.streams(zmq.PULL, zmq.PUSH)
    for i = 1, count do
      local msg = {}
      for part = 1, parts or 1 do msg[part] = i .. ":" .. part end
      peer:send_multipart(msg)
    end
    return stream, peer
  end

  it("throws away whole messages, up to its limit, and says how many", function()
    local stream = streams(10, 3)
    assert.equal(0, stream:discard(0))
    assert.equal(2, stream:discard(2))
    local got, collect = support.collector(3)
    stream:on_recv(collect)
    assert.equal(3, stream:flush(nil, 3))
    assert.equal("3:1 4:1 5:1", support.heads(got))
    assert.same({ "5:1", "5:2", "5:3" }, got[3])
    assert.equal(5, stream:discard())
    assert.equal(0, stream:discard())
    assert.equal(7, stream:stats().discarded)
    assert.equal(10, stream:stats().messages_in)
    support.turns(loop)
    assert.equal(3, #got)
  end)

  it("takes more than a turn's budget, of a stream that is paused or not", function()
    local stream, peer = streams(500)
    assert.equal(500, stream:discard())
    local got, collect = support.collector(1)
    stream:on_recv(collect)
    for _ = 1, 500 do peer:send("x") end
    assert.equal(499, stream:discard(499))
    support.run(loop)
    assert.equal("x", support.heads(got))
  end)

  it("takes what a pause left in the turn, from inside a handler, too", function()
    for _, copy in ipairs { true, false } do
      local stream, peer = streams(5, 2)
      local got = {}
      stream:on_recv(function(msg)
        got[#got + 1] = copy and msg[1] or msg[1].bytes
        if #got == 1 then assert.equal(3, stream:discard(3)) end
        if #got == 2 then stream:on_recv(nil) end
      end, copy)
      support.turns(loop)
      assert.same({ "1:1", "5:1" }, got)
      peer:send("again")
      assert.equal(1, stream:discard())
    end
  end)

  it("leaves no missed wake-up, and what comes later comes", function()
    local stream, peer = support.streams(zmq.PULL, zmq.PUSH, "tcp")
    local got, collect = support.collector(1)
    stream:on_recv(collect)
    for _ = 1, 100 do peer:send("gone") end
    local gone = 0
    while gone < 100 do gone = gone + stream:discard() end
    loop:call_later(1, function() peer:send("stays") end)
    support.run(loop)
    assert.equal("stays", support.heads(got))
  end)

  it("checks its limit, and raises on a closed stream", function()
    local stream = streams(1)
    for _, wrong in ipairs { -1, 1.5, "x", 0 / 0, {} } do
      assert.error_matches(function() stream:discard(wrong) end, "discard: expected a limit")
    end
    stream:close()
    local ok, err = pcall(stream.discard, stream)
    assert.is_false(ok)
    assert.equal("ENOTSOCK", err.name)
  end)

  it("answers the requests of a REP, so that the next client is served", function()
    local server, client = support.streams(zmq.REP, zmq.REQ)
    local answers, collect = support.collector(2)
    client:on_recv(collect)
    server:set_error_reply(function(err, msg) return err.name .. " " .. msg[1] end)
    client:send("1")
    assert.equal(1, server:discard())
    server:on_recv(function(msg) server:send("re " .. msg[1]) end)
    client:send("2")
    support.run(loop)
    assert.equal("ECANCELED 1 re 2", support.heads(answers))

    client:on_recv(function() end)
    server:stop_on_recv()
    server:set_error_reply(false)
    client:send("3")
    assert.equal(1, server:discard())
    assert.equal(0, server:discard())
    assert.is_true(server:send("by hand"))
    server:close()
    eddy.stream(support.lonely(zmq.REP), loop):discard()
  end)
end)
