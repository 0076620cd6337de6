local eddy = require "eddy"
local log = require "eddy.log"
local zmq = require "eddy.zmq"
local support = require "spec.lua.support"

-- The line that calls this, for comparing with what is logged.
local function here() return debug.getinfo(2, "l").currentline end

describe("logging", function()
  local loop, context
  support.each(function(...) loop, context = ... end)

  -- A handler over an XPUB socket, which says when the subscriber is there; and the subscriber.
  local function joined(settings, topic)
    local socket, endpoint = support.lonely(zmq.XPUB)
    local sub = context:socket(zmq.SUB, { subscribe = topic or "", connect = endpoint })
    assert.equal("\1" .. (topic or ""), socket:recv())
    return log.pub_handler(socket, settings), sub, socket
  end

  local function get(sub)
    assert.equal(zmq.POLLIN, sub:poll(5000))
    return sub:recv_multipart()
  end

  describe("to subscribers", function()
    it("sends a topic and a line", function()
      local handler, sub = joined { root_topic = "app" }
      log.logger { handlers = { handler } }:info("hello")
      assert.same({ "app.INFO", "hello\n" }, get(sub))
    end)

    it("binds a socket of its own, in the context it is given", function()
      local endpoint = support.inproc()
      local handler = log.pub_handler(endpoint, { context = context })
      local sub = context:socket(zmq.SUB, { subscribe = "INFO", connect = endpoint })
      local logger = log.logger { handlers = { handler } }
      repeat logger:info("there?") until sub:poll(10) ~= 0
      assert.same({ "INFO", "there?\n" }, get(sub))
      assert.equal(endpoint, handler.socket.last_endpoint)
      handler:close(0)
      assert.is_true(handler.socket.closed)
      logger:info("nobody hears this")
      assert.is_true(handler.dropped > 0)
    end)

    it("uses the process's context when it is given none", function()
      local handler = log.pub_handler("tcp://127.0.0.1:*")
      assert.matches("^tcp://127", handler.socket.last_endpoint)
      handler:close(0)
    end)

    it("leaves a socket that it was given open", function()
      local handler, _, socket = joined()
      assert.equal(socket, handler.socket)
      handler:close()
      assert.is_false(socket.closed)
    end)

    it("has a topic of the level alone without a root, which can be set at any time", function()
      local handler, sub = joined(nil, "")
      local logger = log.logger { handlers = { handler } }
      logger:error("1")
      handler.root_topic = "later"
      logger:error("2")
      handler.root_topic = nil
      logger:error("sub::3")
      assert.equal("ERROR", get(sub)[1])
      assert.equal("later.ERROR", get(sub)[1])
      assert.equal("ERROR.sub", get(sub)[1])
    end)

    it("lets subscribers choose a level", function()
      local handler, sub = joined({ root_topic = "r" }, "r.ERROR")
      local logger = log.logger { handlers = { handler } }
      logger:info("no")
      logger:error("yes")
      assert.equal("r.ERROR", get(sub)[1])
    end)

    it("takes what is before the first :: as the topic's end, and leaves the record be", function()
      local handler, sub = joined { root_topic = "r" }
      local seen = {}
      local logger = log.logger { handlers = {
        function(record) seen[#seen + 1] = record.text end, handler,
        function(record) seen[#seen + 1] = record.text end,
      } }
      logger:info("a.b::x::y")
      assert.same({ "r.INFO.a.b", "x::y\n" }, get(sub))
      assert.same({ "a.b::x::y", "a.b::x::y" }, seen)
      logger:info("%s::has %d", "sub", 3)
      assert.same({ "r.INFO.sub", "has 3\n" }, get(sub))
      logger:info("no topic: %s", "a::b")
      assert.same({ "r.INFO", "no topic: a::b\n" }, get(sub))
    end)

    it("says where the script called, but for INFO", function()
      local handler, sub = joined()
      local logger = log.logger { handlers = { handler } }
      for _, level in ipairs { "debug", "warn", "error", "critical" } do
        local line = here() + 1
        logger[level](logger, "what")
        local name = level:upper()
        assert.same({ name, name .. " log_spec.lua:" .. line .. " - what\n" }, get(sub))
      end
      local line = here() + 1
      logger:log("WARN", "what")
      assert.matches("log_spec.lua:" .. line .. " ", get(sub)[2], 1, true)
    end)

    it("publishes levels of the script's own, named or not", function()
      local handler, sub = joined()
      log.add_level("NOTICE", 25)
      local logger = log.logger { handlers = { handler } }
      logger:notice("a")
      logger:log("NOTICE", "b")
      logger:log(25, "c")
      logger:log(33, "d")
      for _, text in ipairs { "a", "b", "c" } do
        assert.same({ "NOTICE", text .. "\n" }, get(sub))
      end
      assert.same({ "LEVEL33", "d\n" }, get(sub))
      assert.has_error(function() log.add_level("SET_LEVEL", 26) end)
      assert.has_error(function() log.add_level("INFO", 26) end)
      assert.has_error(function() log.add_level("small", 26) end)
      assert.has_error(function() logger:log("NONE", "x") end)
    end)

    it("takes anything that has a text as message", function()
      local handler, sub = joined()
      local logger = log.logger { handlers = { handler } }
      logger:info(setmetatable({}, { __tostring = function() return "sub::an object" end }))
      assert.same({ "INFO.sub", "an object\n" }, get(sub))
      logger:info(42)
      logger:info(nil)
      logger:info(setmetatable({}, { __tostring = error }))
      logger:info("%d of %s", "x")
      logger:info("100%")
      assert.equal("42\n", get(sub)[2])
      assert.equal("nil\n", get(sub)[2])
      assert.equal("an object whose __tostring fails\n", get(sub)[2])
      assert.matches("^%%d of %%s %(bad argument", get(sub)[2])
      assert.equal("100%\n", get(sub)[2])
    end)

    it("never waits and never raises", function()
      local push = support.lonely(zmq.PUSH) -- nobody is there
      local rep = support.lonely(zmq.REP)   -- not its turn
      local gone = context:socket(zmq.PUB)
      gone:close()
      local list = {}
      for i, socket in ipairs { push, rep, gone } do list[i] = log.pub_handler(socket) end
      local logger = log.logger { handlers = list }
      for _ = 1, 3 do logger:info("x") end
      for _, handler in ipairs(list) do assert.equal(3, handler.dropped) end
    end)

    it("sends through a stream, in its order", function()
      local socket, endpoint = support.lonely(zmq.PUSH)
      local stream = eddy.stream(socket, loop)
      local before = log.logger { handlers = { log.pub_handler(stream) } }
      local after = log.logger { handlers = { log.pub_handler(socket) } }
      before:info("1")
      after:info("2")
      before:info("3")
      assert.equal(3, stream:stats().queued)
      local pull = context:socket(zmq.PULL, { connect = endpoint })
      support.turns(loop)
      for _, text in ipairs { "1\n", "2\n", "3\n" } do assert.equal(text, get(pull)[2]) end
      stream:close()
      before:info("nobody hears this")
    end)

    it("refuses what is no socket", function()
      assert.has_error(function() log.pub_handler(7) end)
      assert.has_error(function() log.pub_handler {} end)
      local ok, err = pcall(log.pub_handler, "nonsense", { context = context })
      assert.is_false(ok)
      assert.equal("EINVAL", err.name)
    end)
  end)

  describe("in a format", function()
    it("of one level alone", function()
      local handler, sub = joined()
      local logger = log.logger("me", { handlers = { handler } })
      handler:set_formatter("{name} {level} {topic}: {message} {unknown}", "DEBUG")
      logger:debug("t::a")
      logger:info("t::b")
      assert.same({ "DEBUG.t", "me DEBUG t: a {unknown}\n" }, get(sub))
      assert.same({ "INFO.t", "b\n" }, get(sub))
    end)

    it("of all levels, and then of one again", function()
      local handler, sub = joined()
      local logger = log.logger { handlers = { handler } }
      handler:set_formatter(function(record, text)
        return "<" .. record.level .. " " .. text .. ">"
      end)
      handler:set_formatter("info {message}\n", log.INFO)
      for _, level in ipairs { "debug", "info", "critical" } do logger[level](logger, "x::%s") end
      assert.equal("<10 %s>\n", get(sub)[2])
      assert.equal("info %s\n", get(sub)[2])
      assert.equal("<50 %s>\n", get(sub)[2])
      handler:set_formatter("all {message}", 0)
      logger:info("x")
      assert.equal("all x\n", get(sub)[2])
    end)

    it("that fails, without losing the text", function()
      local handler, sub = joined()
      handler:set_formatter(function() error("boom", 0) end)
      log.logger { handlers = { handler } }:info("text")
      assert.equal("text (its formatter failed: boom)\n", get(sub)[2])
      assert.has_error(function() handler:set_formatter(7) end)
      assert.has_error(function() handler:set_formatter("x", "NONE") end)
    end)
  end)

  describe("with the topic first", function()
    it("has each level right", function()
      local handler, sub = joined { root_topic = "r" }
      local texts = {}
      local logger = log.topic_logger { handlers = {
        handler, function(record) texts[#texts + 1] = record.text end,
      } }
      local names = { "DEBUG", "INFO", "WARN", "ERROR", "CRITICAL" }
      for _, name in ipairs(names) do logger[name:lower()](logger, "a.b", "n %d", 5) end
      for _, name in ipairs(names) do
        local msg = get(sub)
        assert.equal("r." .. name .. ".a.b", msg[1])
        assert.matches("n 5\n$", msg[2])
      end
      assert.equal("a.b::n 5", texts[5])
      logger:log("INFO", "100%", "y")
      logger:info("", "tcp://[::1]:5555")
      assert.same({ "r.INFO.100%", "y\n" }, get(sub))
      assert.same({ "r.INFO", "tcp://[::1]:5555\n" }, get(sub))
    end)
  end)

  describe("of a logger", function()
    it("leaves out what is below its level, or a handler's", function()
      local handler, sub = joined()
      local logger = log.logger { handlers = { handler }, level = "INFO" }
      handler:set_level("WARN")
      logger:debug("no")
      logger:info("no")
      logger:warn("yes")
      assert.equal("WARN", get(sub)[1])
      logger:set_level(log.ERROR)
      assert.is_false(logger:enabled("WARN"))
      assert.is_true(logger:enabled(log.CRITICAL))
      assert.has_error(function() logger:set_level("LOUD") end)
    end)

    it("goes to the handlers it has at the time", function()
      local count = 0
      local function handler() count = count + 1 end
      local logger = log.logger()
      logger:info("1")
      logger:add_handler(handler)
      logger:info("2")
      logger:remove_handler(handler)
      logger:info("3")
      assert.equal(1, count)
      assert.has_error(function() logger:add_handler("x") end)
    end)

    it("hands whole records over, which may be kept", function()
      local kept, formatted = {}, nil
      local own = log.pub_handler(support.inproc(), { context = context })
      own:set_formatter(function(record, text)
        formatted = record
        return text
      end)
      local logger = log.logger("me", { handlers = {
        own, function(record) kept[1] = record end,
        { handle = function(_, record) kept[2] = record end },
      } })
      logger:info("a::%d", 1)
      local line = here() - 1
      local fields = {}
      for name, value in pairs(kept[1]) do fields[name] = value end
      assert.is_true(math.abs(os.time() - fields.time) <= 5)
      fields.time = nil
      assert.same({ level = 20, level_name = "INFO", name = "me", message = "a::%d", text = "a::1",
        topic = "a", body = "1", file = "log_spec.lua", line = line }, fields)
      assert.is_nil(getmetatable(kept[1]))
      assert.equal(kept[1], kept[2])
      assert.equal(kept[1], formatted)
      own:close(0)
    end)

    it("goes on when a handler fails, and to the standard error", function()
      local text, code = support.script [[
        local log = require "eddy.log"
        local logger = log.logger("me", { handlers = {
          function() error("boom", 0) end, log.stderr_handler(),
        } })
        logger:warn("still %s", "here")]]
      assert.matches("^eddy: a log handler failed: boom\n%d+%-%d+%-%d+ [%d:]+ WARN .*:%d+ %- " ..
        "still here\n$", text)
      assert.equal(0, code)
    end)
  end)

  it("takes over what loops log", function()
    local text, code = support.script [[
      local eddy, log = require "eddy", require "eddy.log"
      local logger = log.logger { handlers = { function(record) print(record.text) end } }
      eddy.loop.set_log(function(line) logger:error(line) end)
      local loop = eddy.loop.instance()
      loop:call_later(0, error, "first")
      loop:call_later(1, function()
        eddy.loop.set_log(function() error("second", 0) end)
        error("third", 0)
      end)
      loop:call_later(2, function() eddy.loop.set_log(nil) error("fourth", 0) end)]]
    assert.matches("^timer .-first", text)
    assert.matches("eddy: timer .-third.-eddy: and its log failed: second\neddy: timer .-fourth",
      text)
    assert.equal(1, code)
  end)
end)
