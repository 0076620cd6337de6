local support = require "spec.lua.support"
local eddy = require "eddy"
local zmq = require "eddy.zmq"

local function name_of(fn, ...)
  local ok, err = pcall(fn, ...)
  return ok and "no error" or type(err) == "table" and err.name or err
end

-- Everything that a view can be asked.
local uses = {
  function(view) return #view end, function(view) return view[1] end,
  function(view) return view:sub(1) end, function(view) return view:find("x") end,
  function(view) return view == "x" end, function(view) return view:equals("x") end,
  function(view) return tostring(view) end, function(view) return view.bytes end,
  function(view) return view:u8() end, function(view) return view:u64be() end,
  function(view) return view:i64le() end, function(view) return view:f64le() end,
  function(view) return view.more end, function(view) return view.buffer end,
  function(view) return view.peer end, function(view) return view["User-Id"] end,
  function(view) return zmq.frame(view) end,
}

local function is_stale(view)
  for i, use in ipairs(uses) do
    assert.message("use " .. i).equal("EBADF", name_of(use, view))
  end
end

describe("a stream that lends views", function()
  local loop
  support.each(function(...) loop = ... end)

  -- What a handler makes of messages that are sent one after the other.
  local function handle(messages, fn, transport)
    local pull, push = support.pair(zmq.PULL, zmq.PUSH, transport)
    local stream, count = eddy.stream(pull, loop), 0
    stream:on_recv(function(msg)
      count = count + 1
      if count == #messages then loop:stop() end
      fn(msg, count, stream)
    end, "view")
    for _, msg in ipairs(messages) do push:send_multipart(msg) end
    support.run(loop)
    return stream, push
  end

  it("has each part's size, bytes and text", function()
    local big, got = ("z"):rep(70000), {}
    handle({ { "", "a\0b", big }, { "one" } }, function(msg)
      local texts = {}
      for i, part in ipairs(msg) do
        texts[i] = { #part, tostring(part), part.bytes == tostring(part), part.more, part[1],
          part[#part], part[0], part[#part + 1], part[1.5] }
      end
      got[#got + 1] = texts
    end)
    assert.same({
      { { 0, "", true, true },
        { 3, "a\0b", true, true, 97, 98 },
        { 70000, big, true, false, 122, 122 } },
      { { 3, "one", true, false, 111, 101 } },
    }, got)
  end)

  it("cuts and finds as strings do", function()
    local text = "header: value\r\nbody\0"
    local places = { -100, -20, -19, -7, -1, 0, 1, 2, 7, 18, 19, 20, 21, 100 }
    handle({ { text } }, function(msg)
      local view = msg[1]
      for _, from in ipairs(places) do
        assert.equal(text:sub(from), view:sub(from))
        for _, to in ipairs(places) do assert.equal(text:sub(from, to), view:sub(from, to)) end
        for _, what in ipairs { "e", "\r\n", "\0", "header", "none", text, text .. "x" } do
          local first, last = text:find(what, from, true)
          assert.same({ first, last, n = 2 }, { n = 2, view:find(what, from) })
        end
      end
      assert.same({ 3, 2 }, { view:find("", 3) })
    end)
  end)

  it("is equal to a string, a frame or a view of the same bytes, and to nothing else", function()
    local s = ("te"):rep(20)
    handle({ { s, s, "other", "" } }, function(msg)
      local view = msg[1]
      assert.is_true(view == s and s == view and view == msg[2] and view == zmq.frame(s) and
        zmq.frame(s) == view and zmq.frame(s) == s and view:equals(s) and msg[4] == "")
      assert.is_true(view ~= "te" and view ~= msg[3] and view ~= nil and view ~= 5 and
        not view:equals {} and not view:equals(nil) and msg[4] ~= "x" and
        zmq.frame("x") ~= zmq.frame("y"))
    end)
  end)

  it("reads numbers of each width and order, at any place", function()
    local all = string.char(0x80, 1, 2, 0xff, 0xfe, 5, 6, 7, 8)
    local single, double = "\63\160\0\0", "\0\0\0\0\0\0\244\191" -- 1.25 and -1.25
    handle({ { all, single, double, single:reverse(), double:reverse() } }, function(msg)
      local v = msg[1]
      assert.same({ 0x80, -128, 0xff, -1 }, { v:u8(), v:i8(1), v:u8(4), v:i8(4) })
      assert.same({ 0x8001, 0x0180, -32767, 0x0180 },
        { v:u16be(), v:u16le(), v:i16be(), v:i16le() })
      assert.same({ 0x0102fffe, 0xfeff0201, 0x0102fffe, -16842239 },
        { v:u32be(2), v:u32le(2), v:i32be(2), v:i32le(2) })
      assert.is_true(v:u64be() == 0x800102fffe050607ULL and v:u64le(2) == 0x08070605feff0201ULL)
      assert.is_true(v:i64be() == 0x800102fffe050607LL and v:i64be(2) == 0x0102fffe05060708LL)
      assert.same({ 1.25, 1.25, -1.25, -1.25 },
        { msg[2]:f32be(), msg[4]:f32le(), msg[3]:f64le(), msg[5]:f64be() })
    end)
  end)

  it("gives zero and not-a-number as such, and nothing from beyond the end", function()
    local nan = "\127\248\0\0\0\0\0\1"
    handle({ { ("\0"):rep(8), nan, "abc" } }, function(msg)
      assert.is_true(msg[1]:u64be() == 0 and msg[1]:i64le() == 0)
      local number = msg[2]:f64be()
      assert.is_true(number ~= number)
      for _, case in ipairs { { "u32be", 1, 4 }, { "u16le", 3, 2 }, { "u8", 0, 1 }, { "u8", -1, 1 },
        { "u64be", 1, 8 }, { "i64le", 1, 8 }, { "f64be", 2 ^ 60, 8 }, { "u8", 1.5, 1 },
        { "u8", 0 / 0, 1 }, { "u8", math.huge, 1 } } do
        local name, at, width = unpack(case)
        assert.error_matches(function() msg[3][name](msg[3], at) end, name ..
          ": there are no " .. width .. " bytes at ")
      end
      for _, name in ipairs { "u8", "u64be", "i64le", "find", "sub" } do
        assert.error_matches(function() msg[3][name](msg[3], "x", {}) end,
          name .. ": expected a number, got ")
      end
      assert.error_matches(function() msg[3]:find(5) end, "find: expected a string")
    end)
  end)

  it("knows its peer over tcp", function()
    local got
    handle({ { "x" } }, function(msg) got = { msg[1].peer, msg[1]["Socket-Type"] } end, "tcp")
    assert.same({ "127.0.0.1", "PUSH" }, got)
  end)

  it("ends each loan with its handler", function()
    local kept = {}
    handle({ { "first", ("x"):rep(100) }, { "second" }, { "third" } }, function(msg, n)
      for i = 1, n - 1 do
        for _, view in ipairs(kept[i]) do is_stale(view) end
      end
      kept[n] = msg
      assert.is_true(#msg[1] > 0)
    end)
    for _, msg in ipairs(kept) do is_stale(msg[1]) end
    assert.error_matches(function() return kept[1][1]:u8() end,
      "handler that had this view has ended; .*tostring%(view%).*zmq.frame%(view%)")
  end)

  it("ends it when the handler fails, also for the next of the same batch", function()
    local first, is_told
    local stream = handle({ { "fails" }, { "fine" } }, function(msg, n, stream)
      if n == 1 then
        first = msg[1]
        loop:on_error(function(err)
          is_told = true
          assert.matches("on purpose", tostring(err))
        end)
        error("on purpose")
      end
      is_stale(first)
      assert.equal("fine", tostring(msg[1]))
      stream:on_recv(nil)
    end)
    assert.is_true(is_told)
    is_stale(first)
    assert.is_false(stream:closed())
  end)

  it("keeps the message of a handler that waits, and ends it then", function()
    local texts, kept, others = { "small", ("large"):rep(1000), "" }, nil, 0
    local stream, push
    local pull
    pull, push = support.pair(zmq.PULL, zmq.PUSH)
    stream = eddy.stream(pull, loop)
    stream:set_concurrency(math.huge)
    stream:on_recv(function(msg)
      if msg[1] ~= "small" then
        others = others + 1
        assert.equal("other", tostring(msg[1]))
        return
      end
      kept = msg
      for _ = 1, 5 do
        eddy.sleep(1)
        for i, text in ipairs(texts) do
          assert.equal(text, tostring(msg[i]))
          assert.equal(i < #texts, msg[i].more)
        end
        for _ = 1, 100 do push:send("other") end
      end
    end, "view")
    push:send_multipart(texts)
    support.wait(loop, function() return others == 500 end)
    for _, view in ipairs(kept) do is_stale(view) end
  end)

  it("ends what a handler that waited and then failed had", function()
    local kept
    local stream, push = support.receiver()
    loop:on_error(function() loop:stop() end)
    stream:on_recv(function(msg)
      kept = msg[1]
      eddy.sleep(1)
      assert.equal("x", tostring(kept))
      error("on purpose")
    end, "view")
    push:send("x")
    support.run(loop)
    is_stale(kept)
  end)

  it("ends what one has that never goes on", function()
    local kept = {}
    do
      local own = eddy.loop.new()
      local pull, push = support.pair(zmq.PULL, zmq.PUSH)
      local stream = eddy.stream(pull, own)
      stream:on_recv(function(msg)
        kept.view = msg[1]
        own:add_callback(own.stop, own)
        coroutine.yield()
      end, "view")
      push:send(("x"):rep(100))
      support.run(own)
      assert.equal(100, #kept.view)
      own:close()
      assert.equal(100, #kept.view)
    end
    for _ = 1, 10 do collectgarbage() end
    is_stale(kept.view)
  end)

  it("holds in a flush and in what a flush calls, for each handler its own", function()
    local stream, push = support.receiver()
    local depth, seen = 0, {}
    stream:on_recv(function(msg)
      depth = depth + 1
      local text = "message " .. depth .. ("!"):rep(depth * 20)
      assert.equal(text, tostring(msg[1]))
      stream:flush(zmq.POLLIN)
      assert.equal(text, tostring(msg[1]))
      seen[#seen + 1] = msg[1]
    end, "view")
    local function send(from, to)
      for i = from, to do push:send("message " .. i .. ("!"):rep(i * 20)) end
    end
    send(1, 3)
    stream:flush()
    assert.equal(3, depth)
    send(4, 9)
    support.wait(loop, function() return depth == 9 end)
    for _, view in ipairs(seen) do is_stale(view) end
  end)

  it("holds when the handler discards, pauses and closes", function()
    local stream, push = support.receiver()
    for _ = 1, 3 do push:send(("x"):rep(50)) end
    stream:on_recv(function(msg)
      assert.equal(2, stream:discard())
      assert.equal(50, #msg[1])
      stream:on_recv(nil)
      push:send("more")
      stream:close()
      eddy.sleep(2)
      assert.equal(("x"):rep(50), tostring(msg[1]))
      loop:stop()
    end, "view")
    support.run(loop)
  end)

  it("may change to strings or frames and back, and loses nothing", function()
    local stream, push = support.receiver()
    local got, kinds, handler = {}, { "view", true, false }, nil
    function handler(msg)
      local data = msg[1]
      got[#got + 1] = type(data) == "string" and data or data.bytes
      stream:on_recv(handler, kinds[#got % 3 + 1])
    end
    stream:on_recv(handler)
    for i = 1, 30 do push:send("m" .. i) end
    support.wait(loop, function() return #got == 30 end)
    for i = 1, 30 do assert.equal("m" .. i, got[i]) end
  end)

  it("refuses another kind of copy", function()
    local stream = support.receiver()
    assert.error_matches(function() stream:on_recv(print, "views") end,
      'on_recv: expected true, false or "view", got "views"')
  end)

  it("may be sent on, kept in a frame, and heard of by on_send", function()
    local left, right = support.streams(zmq.PAIR, zmq.PAIR)
    local out, sink = support.streams(zmq.PUSH, zmq.PULL)
    local big, told, got, frame = ("b"):rep(100000), {}, {}, nil
    out:on_send(function(msg) told[#told + 1] = { msg[1].bytes, msg[2].bytes } end)
    sink:on_recv(function(msg) got[#got + 1] = msg end)
    right:on_recv(function(msg)
      frame = zmq.frame(msg[2])
      out:send_multipart(msg)
      out:send_multipart({ msg[2], "text", zmq.frame(msg[1]) },
        { callback = function(sent) told[#told + 1] = { sent[1].bytes, sent[2] } end })
      right:send(msg[1])
    end, "view")
    left:on_recv(function(msg) got[#got + 1] = msg end)
    left:send_multipart { "small", big }
    support.wait(loop, function() return #got == 3 and #told == 2 end)
    assert.equal(big, frame.bytes)
    table.sort(got, function(a, b) return #a < #b end)
    assert.same({ { "small" }, { "small", big }, { big, "text", "small" } }, got)
    assert.same({ { "small", big }, { big, "text" } }, told)
  end)

  it("is not sent when it is stale", function()
    local stream, push = support.receiver()
    local kept
    stream:on_recv(function(msg)
      kept = msg
      loop:stop()
    end, "view")
    push:send("x")
    support.run(loop)
    local out = support.streams(zmq.PUSH, zmq.PULL)
    for _, use in ipairs {
      function() out:send(kept[1]) end, function() out:send_multipart { "a", kept[1] } end,
      function() push:send(kept[1]) end, function() push:send_multipart(kept) end,
    } do assert.equal("EBADF", name_of(use)) end
  end)

  it("answers a REP's request, also one that failed", function()
    local req, rep = support.pair(zmq.REQ, zmq.REP)
    local stream, seen = eddy.stream(rep, loop), nil
    loop:on_error(function() end)
    stream:set_error_reply(function(_, msg)
      seen = tostring(msg[1])
      return msg[1]
    end)
    stream:on_recv(function(msg)
      if msg[1] == "fail" then error("on purpose") end
      stream:send_multipart(msg)
    end, "view")
    for _, text in ipairs { "echo", "fail" } do
      req:send(text)
      support.wait(loop, function() return req:poll(0) ~= 0 end)
      assert.equal(text, req:recv())
    end
    assert.equal("fail", seen)
  end)

  it("outlasts its loop and its Lua objects", function()
    local kept
    local own = eddy.loop.new()
    local pull, push = support.pair(zmq.PULL, zmq.PUSH)
    eddy.stream(pull, own):on_recv(function(msg)
      kept = msg[1]
      own:stop()
    end, "view")
    push:send("x")
    support.run(own)
    own:close()
    collectgarbage()
    is_stale(kept)
  end)

  it("never shows another message, whatever is kept and however hot it runs", function()
    local stream, push = support.receiver()
    local kept, got, wrong = {}, 0, 0
    stream:on_recv(function(msg)
      got = got + 1
      local number = msg[1]:u32be()
      if number ~= got then wrong = wrong + 1 end
      local old = kept[got % 50 + 1]
      if old and pcall(old.u32be, old) then wrong = wrong + 1 end
      kept[got % 50 + 1] = msg[1]
    end, "view")
    for round = 1, 20 do
      for i = (round - 1) * 500 + 1, round * 500 do
        push:send(string.char(0, 0, math.floor(i / 256), i % 256) .. ("."):rep(i % 60))
      end
      support.wait(loop, function() return got == round * 500 end)
    end
    assert.equal(0, wrong)
  end)
end)

for _, kind in ipairs { "zmq", "async", "green" } do
  describe("a socket of eddy." .. kind .. " that receives views", function()
    local module = kind == "zmq" and zmq or eddy[kind]
    local context, loop, own
    support.each(function(...) loop, context, own = ... end, kind ~= "zmq" and module or nil)

    it("gives frames, which stay", function()
      local push, pull = support.join(context, zmq.PUSH, own or context, zmq.PULL)
      local function await(result) return kind == "async" and result:await() or result end
      support.task(loop, function()
        local all = {}
        for i = 1, 3 do
          push:send_multipart { "head " .. i, ("x"):rep(i * 100) }
          all[i] = await(pull:recv_multipart(0, "view"))
        end
        push:send("one")
        local one = await(pull:recv(0, "view"))
        collectgarbage()
        for i = 1, 3 do
          assert.is_true(all[i][1] == "head " .. i and #all[i][2] == i * 100)
          assert.equal(i, all[i][1]:u8(6) - 48)
        end
        assert.is_true(one == "one" and one:sub(2) == "ne" and one[1] == 111)
      end)
    end)
  end)
end
