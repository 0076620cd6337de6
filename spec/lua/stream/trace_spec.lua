-- A stream's messages as they pass, and that nobody but the traced stream pays for it.
local eddy = require "eddy"
local zmq = require "eddy.zmq"
local support = require "spec.lua.support"

describe("stream:trace", function()
  local loop

  support.each(function(l) loop = l end)

  -- What a trace has written, without the time, which is checked.
  local function collector()
    local lines = {}
    return lines, function(line)
      local rest = line:match "^%d%d:%d%d:%d%d%.%d%d%d%d%d%d (.*)$"
      lines[#lines + 1] = assert(rest, line)
    end
  end

  local function until_count(list, count)
    support.wait(loop, function() return #list >= count end)
  end

  it("shows what comes and what is sent, in order, and changes nothing", function()
    local a, b = support.streams(zmq.PAIR, zmq.PAIR)
    a.name = "orders"
    local lines, write = collector()
    local got, back = {}, {}
    a:on_recv(function(msg)
      got[#got + 1] = msg
      a:send_multipart { "re", msg[1] }
    end)
    a:trace(write)
    b:on_recv(function(msg) back[#back + 1] = msg end)
    b:send "one"
    b:send_multipart { "t\"o", "\0\1\255", "" }
    a:send(zmq.frame("framed"))
    until_count(back, 3)
    assert.same({ { "one" }, { "t\"o", "\0\1\255", "" } }, got)
    assert.same({
      'out orders: 1 part, 6 bytes: "framed"',
      'in  orders: 1 part, 3 bytes: "one"',
      'out orders: 2 parts, 5 bytes: "re" "one"',
      'in  orders: 3 parts, 6 bytes: "t\\"o" 0x0001ff ""',
      'out orders: 2 parts, 5 bytes: "re" "t\\"o"',
    }, lines)
  end)

  it("shows the beginning of what is long, or all of it when asked to", function()
    local a, b = support.streams(zmq.PAIR, zmq.PAIR)
    a.name = "a"
    local lines, write = collector()
    a:trace(write)
    local parts = {}
    for i = 1, 10 do parts[i] = tostring(i) end
    a:send(("x"):rep(1000))
    a:send_multipart(parts)
    assert.same({
      'out a: 1 part, 1000 bytes: "' .. ("x"):rep(32) .. '"... (1000)',
      'out a: 10 parts, 11 bytes: "1" "2" "3" "4" "5" "6" "7" "8" ... (10 parts)',
    }, lines)
    a:trace(write, { full = true })
    a:send(("x"):rep(100))
    assert.equal('out a: 1 part, 100 bytes: "' .. ("x"):rep(100) .. '"', lines[3])
    assert.is_true(b.socket ~= nil)
  end)

  it("says who sent it, and a ROUTER's ids as they are", function()
    local a, b = support.streams(zmq.ROUTER, zmq.DEALER, "tcp")
    a.name = "front"
    local lines, write = collector()
    a:trace(write)
    a:on_recv(function() end)
    b:send "x"
    until_count(lines, 1)
    assert.matches('^in  front: 2 parts, 6 bytes from 127%.0%.0%.1: 0x00%x+ "x"$', lines[1])
  end)

  it("traces frames, views, a handler that is set later, a REP, and what a flush receives",
    function()
      for _, copy in ipairs { true, false, "view" } do
        local a, b = support.streams(zmq.REP, zmq.REQ)
        a.name = "rep"
        local lines, write = collector()
        local replies = {}
        a:trace(write)
        a:on_recv(function(msg) a:send(("<" .. msg[1]:sub(1) .. ">")) end, copy)
        b:on_recv(function(msg) replies[#replies + 1] = msg[1] end)
        b:send "q"
        until_count(replies, 1)
        b:send "r"
        support.wait(loop, function()
          a:flush()
          return #replies == 2
        end)
        assert.same({ "<q>", "<r>" }, replies)
        assert.same({ 'in  rep: 1 part, 1 byte: "q"', 'out rep: 1 part, 3 bytes: "<q>"',
          'in  rep: 1 part, 1 byte: "r"', 'out rep: 1 part, 3 bytes: "<r>"' }, lines)
      end
    end)

  it("ends after so many messages, or with nil, and leaves the stream as it was", function()
    local a, b = support.streams(zmq.PAIR, zmq.PAIR)
    local lines, write = collector()
    local got = {}
    local function handler(msg) got[#got + 1] = msg[1] end
    a:on_recv(handler)
    local before = { a._on_recv, a.send, a.send_multipart, a._handler_of }
    for _, finish in ipairs { function() end, function() a:trace(nil) end } do
      a:trace(write, { count = 2 })
      for i = 1, 2 do b:send(tostring(i)) end
      local expected = #got + 2
      until_count(got, expected)
      finish()
      assert.same(before, { a._on_recv, a.send, a.send_multipart, a._handler_of })
      b:send "unseen"
      until_count(got, expected + 1)
    end
    assert.equal(4, #lines)
  end)

  it("says when a message was refused", function()
    local stream = eddy.stream(support.lonely(zmq.PUSH), loop)
    stream.name = "push"
    stream:set_send_limit { messages = 1 }
    local lines, write = collector()
    stream:trace(write)
    stream:send "a"
    stream:send "b"
    assert.same({
      'out push: 1 part, 1 byte: "a"',
      'out push: 1 part, 1 byte, refused: ENOBUFS: "b"',
    }, lines)
    stream:close(0)
    support.take_log()
  end)

  it("is ended by an error in what writes it, which is told; the message is handled", function()
    local a, b = support.streams(zmq.PAIR, zmq.PAIR)
    local got = {}
    a:on_recv(function(msg) got[#got + 1] = msg[1] end)
    a:trace(function() error "no paper" end)
    b:send "x"
    b:send "y"
    until_count(got, 2)
    assert.matches("trace: .*no paper; it is ended", support.take_log())
  end)

  it("refuses what makes no sense", function()
    local a = support.streams(zmq.PAIR, zmq.PAIR)
    for text, given in pairs {
      ["trace: expected a function, got number"] = { 1 },
      ["trace: no such option: 'counts' (did you mean count?)"] = { print, { counts = 1 } },
      ["trace: count: expected a number of at least 1"] = { print, { count = 0 } },
    } do
      local ok, err = pcall(a.trace, a, unpack(given))
      assert.is_false(ok)
      assert.matches(text, tostring(err), 1, true)
    end
    assert.is_false(a._trace)
  end)
end)
