local ffi = require "ffi"
local zmq = require "eddy.zmq"
local support = require "spec.lua.support"

describe("a plain socket", function()
  local context, a, b
  support.each(function(...)
    context = select(2, ...)
    a, b = support.pair(zmq.PAIR, zmq.PAIR)
  end)

  local function silent() assert.equal(0, b:poll(0)) end

  local function would_block(value, err)
    assert.is_nil(value)
    assert.equal("EAGAIN", err.name)
  end

  describe("and strings", function()
    it("takes nothing else", function()
      assert.is_true(a:send_string("text"))
      assert.equal("text", b:recv_string())
      for _, wrong in ipairs { 5, {}, true, zmq.frame("x") } do
        assert.error_matches(function() a:send_string(wrong) end, "send_string: expected a string")
      end
      assert.error_matches(function() a:send_string() end, "expected a string, got nil")
      silent()
      would_block(b:recv_string(zmq.DONTWAIT))
    end)

    it("sends more frames of a message", function()
      a:send_string("1", zmq.SNDMORE)
      a:send_string("2")
      assert.same({ "1", "2" }, b:recv_multipart())
    end)
  end)

  describe("and JSON", function()
    it("brings objects over", function()
      local objects = { { a = 1, b = { true, "x" } }, { 1, 2, 3 }, "text", 5.5, true, {} }
      for _, object in ipairs(objects) do
        assert.is_true(a:send_json(object))
        assert.same(object, b:recv_json())
      end
      a:send_json(false)
      assert.is_false(b:recv_json())
      a:send("null")
      assert.equal(require("cjson").null, b:recv_json())
    end)

    it("is a text of one frame", function()
      a:send_json({ a = 1 }, zmq.SNDMORE)
      a:send_json { 2 }
      assert.same({ '{"a":1}', "[2]" }, b:recv_multipart())
    end)

    it("raises for what has none, before anything is sent", function()
      local ring = {}
      ring[1] = ring
      for _, wrong in ipairs { print, { f = print }, 0 / 0, ring, { [{}] = 1 }, zmq.frame("x") } do
        assert.error_matches(function() a:send_json(wrong) end, "no JSON for this")
      end
      silent()
    end)

    it("raises EBADMSG for what is none, and goes on with the next", function()
      for _, text in ipairs { "", "{", "nonsense", "\0" } do
        a:send(text)
        local ok, err = pcall(b.recv_json, b)
        assert.is_false(ok)
        assert.equal("EBADMSG", err.name)
        assert.matches("not JSON", tostring(err))
      end
      a:send_json { 1 }
      assert.same({ 1 }, b:recv_json())
      would_block(b:recv_json(zmq.DONTWAIT))
    end)

    it("says what to install when lua-cjson is missing", function()
      local text = support.script [[
        package.preload["cjson.safe"] = function() error "none" end
        local zmq = require "eddy.zmq"
        local socket = zmq.instance():socket(zmq.PAIR, { linger = 0, bind = "inproc://x" })
        print(select(2, pcall(socket.send_json, socket, {})))
        print(select(2, pcall(socket.recv_json, socket)))
      ]]
      assert.equal(2, select(2, text:gsub("apt%-get install lua%-cjson", "")))
    end)
  end)

  describe("and a user's codec", function()
    local function encode(msg) return { msg.name, tostring(msg.value) } end
    local function decode(frames)
      return { name = frames[1], value = tonumber(frames[2]) }, "more"
    end

    it("brings messages over", function()
      assert.is_true(a:send_serialized({ name = "x", value = 5 }, encode))
      local msg, more = b:recv_serialized(decode)
      assert.same({ name = "x", value = 5 }, msg)
      assert.equal("more", more)
      would_block(b:recv_serialized(decode, zmq.DONTWAIT))
    end)

    it("may have frames and trackers", function()
      local tracker = a:send_serialized("x", function(msg) return { zmq.frame(msg, true) } end, 0,
        false, true)
      local function is_frame(frames) return zmq.is_frame(frames[1]) end
      assert.is_true(b:recv_serialized(is_frame, 0, false))
      assert.is_boolean(tracker.done)
    end)

    it("sends nothing when it fails", function()
      assert.error_matches(function() a:send_serialized({}, function() error "oh" end) end, "oh")
      for _, wrong in ipairs { {}, { 5 }, "text", 5 } do
        assert.error(function() a:send_serialized({}, function() return wrong end) end)
      end
      assert.error_matches(function() a:send_serialized {} end, "send_serialized: expected a f")
      silent()
    end)

    it("must be a function before a message is taken for it", function()
      a:send("x")
      assert.error_matches(function() b:recv_serialized() end, "recv_serialized: expected a f")
      assert.error_matches(function() b:recv_serialized(function() error "oh" end) end, "oh")
      silent()
    end)
  end)

  describe("and a buffer", function()
    local buffer
    before_each(function() buffer = ffi.new("char[10]", ("."):rep(10)) end)

    local function content() return ffi.string(buffer, 10) end

    it("receives what fits", function()
      a:send("hello")
      assert.equal(5, b:recv_into(buffer))
      assert.equal("hello.....", content())
      a:send("")
      assert.equal(0, b:recv_into(buffer))
      a:send("0123456789")
      assert.equal(10, b:recv_into(buffer))
      assert.equal("0123456789", content())
    end)

    it("cuts what does not, and tells the true size", function()
      a:send("0123456789abc")
      assert.equal(13, b:recv_into(buffer))
      assert.equal("0123456789", content())
      a:send("ABCDE")
      assert.equal(5, b:recv_into(buffer, 3))
      assert.equal("ABC3456789", content())
    end)

    it("discards when it has no room", function()
      local none = { { buffer, 0 }, { ffi.new("uint8_t[0]") }, { ffi.new("char[?]", 0) } }
      for _, args in ipairs(none) do
        a:send("hello")
        assert.equal(5, b:recv_into(unpack(args)))
      end
      assert.equal(("."):rep(10), content())
      silent()
    end)

    it("may be any array of bytes, or a pointer with a size", function()
      for _, array in ipairs { ffi.new("uint8_t[4]"), ffi.new("int8_t[4]"), ffi.new("char[?]", 4),
        ffi.new("char[1][4]")[0] } do
        a:send("hello")
        assert.equal(5, b:recv_into(array))
        assert.equal("hell", ffi.string(array, 4))
      end
      a:send("hello")
      assert.equal(5, b:recv_into(buffer + 2, 4))
      assert.equal("..hell....", content())
    end)

    it("takes one frame of many", function()
      a:send_multipart { "one", "two" }
      assert.equal(3, b:recv_into(buffer))
      assert.is_true(b.rcvmore)
      assert.equal(3, b:recv_into(buffer))
      assert.equal("two", ffi.string(buffer, 3))
      assert.is_false(b.rcvmore)
    end)

    it("does not wait when told not to", function()
      would_block(b:recv_into(buffer, nil, zmq.DONTWAIT))
      b.rcvtimeo = 5
      would_block(b:recv_into(buffer))
    end)

    it("is looked at before a message is taken for it", function()
      a:send("hello")
      for _, wrong in ipairs { -1, 11, 1.5, 0 / 0, "5", {} } do
        assert.error_matches(function() b:recv_into(buffer, wrong) end, "number of bytes up to 10")
      end
      for _, wrong in ipairs { "text", 5, {}, zmq.frame("x"), ffi.new("int[4]"),
        ffi.new("const char[4]"), ffi.new("char[2][2]"), ffi.new("char"),
        ffi.cast("const char *", "x") } do
        assert.error_matches(function() b:recv_into(wrong) end, "recv_into: expected an")
      end
      assert.error_matches(function() b:recv_into(buffer + 1) end, "a pointer needs")
      assert.error_matches(function() b:recv_into(buffer + 1, -1) end, "number of bytes")
      assert.error(function() b:recv_into() end)
      assert.equal("hello", b:recv())
    end)
  end)

  it("says ENOTSOCK once closed", function()
    local closed = context:socket(zmq.PAIR)
    closed:close()
    for name, args in pairs { send_string = { "x" }, recv_string = {}, send_json = { {} },
      recv_json = {}, send_serialized = { "x", function(x) return { x } end },
      recv_serialized = { print }, recv_into = { ffi.new("char[1]") } } do
      local ok, err = pcall(closed[name], closed, unpack(args))
      assert.is_false(ok)
      assert.equal("ENOTSOCK", err.name, name)
    end
  end)
end)
