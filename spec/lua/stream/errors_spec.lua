local eddy = require "eddy"
local zmq = require "eddy.zmq"
local support = require "spec.lua.support"

describe("an error in a stream's handler", function()
  local loop, stream, push
  support.each(function(...)
    loop = ...
    local socket
    socket, push = support.pair(zmq.PULL, zmq.PUSH)
    stream = eddy.stream(socket, loop)
  end)

  local function send(...)
    for _, data in ipairs { ... } do assert(push:send(data, zmq.DONTWAIT)) end
  end

  -- The line after the call of this.
  local function next_line() return debug.getinfo(2, "l").currentline + 1 end

  it("is logged with the stream's name and the script's line", function()
    local line
    stream:on_recv(function()
      line = next_line()
      error("on purpose")
    end)
    send("x")
    support.turns(loop)
    local text = support.take_log()
    assert.matches(stream.socket.last_endpoint, text, 1, true)
    assert.matches("stream/errors_spec.lua:" .. line .. ": on purpose", text, 1, true)
    assert.matches("stack traceback", text)
    assert.matches("stream/errors_spec.lua:" .. line .. ": in function", text, 1, true)
    assert.equal(1, loop:stats().errors)
    assert.is_false(stream:closed())
    assert.is_true(stream:receiving())
  end)

  it("is logged under the name that the stream was given", function()
    stream.name = "commands"
    stream:on_recv_stream(function(_, msg) return msg.nothing.field end)
    send("x")
    support.turns(loop)
    local text = support.take_log()
    assert.matches("commands: ", text, 1, true)
    assert.matches("nothing", text)
  end)

  it("costs that message alone, also without any other event", function()
    local got = {}
    stream:on_recv(function(msg)
      if msg[1] == "2" or msg[1] == "3" then error("on purpose") end
      got[#got + 1] = msg
      if #got == 3 then loop:stop() end
    end)
    send("1", "2", "3", "4", "5")
    support.run(loop)
    assert.equal("1 4 5", support.heads(got))
    support.take_log()
  end)

  it("costs nobody else anything", function()
    local other, to_other = support.pair(zmq.PULL, zmq.PUSH)
    local got, fired, called = {}, false, false
    stream:on_recv(function() error("on purpose") end)
    eddy.stream(other, loop):on_recv(function(msg) got[#got + 1] = msg end)
    for i = 1, 100 do
      send("x")
      to_other:send(tostring(i))
    end
    loop:call_later(1, function()
      fired = true
      loop:add_callback(function() called = true end)
    end)
    support.turns(loop, 400)
    support.wait(loop, function() return called and #got == 100 end)
    assert.equal(100, #got)
    assert.equal(100, loop:stats().errors)
    assert.is_true(fired and called)
    support.take_log()
  end)

  it("leaves what the handler did before it", function()
    local count = 0
    stream:on_recv(function()
      count = count + 1
      stream:on_recv(nil)
      error("on purpose")
    end)
    send("1", "2")
    support.turns(loop)
    assert.equal(1, count)
    local list, handler = support.collector(1)
    stream:on_recv(handler)
    support.run(loop)
    assert.equal("2", support.heads(list))
    stream:on_recv(function()
      stream:close()
      error("on purpose")
    end)
    send("3", "4")
    support.turns(loop)
    assert.is_true(stream:closed())
    stream, count = nil, select(2, support.take_log():gsub("on purpose\n", ""))
    assert.equal(2, count)
  end)

  it("leaves a stop", function()
    stream:on_recv(function(msg)
      loop:stop()
      if msg[1] == "1" then error("on purpose") end
    end)
    send("1", "2")
    support.run(loop)
    support.run(loop)
    assert.equal(0, stream.socket:poll(0))
    support.take_log()
  end)

  it("goes to on_error instead of the log: the error, its traceback, the name", function()
    local object, told = { "an object" }, {}
    loop:on_error(function(err, traceback, source)
      told[#told + 1] = { err, traceback, source }
      if #told == 3 then loop:stop() end
    end)
    stream.name = "commands"
    stream:on_recv(function(msg)
      if msg[1] == "text" then error("a text") end
      error(msg[1] == "object" and object or nil)
    end)
    send("object", "text", "nil")
    support.run(loop)
    assert.equal(object, told[1][1])
    assert.equal("commands", told[1][3])
    assert.matches("a text", told[2][1])
    assert.matches("stream/errors_spec.lua", told[2][2])
    assert.is_nil(told[3][1])
    assert.is_string(told[3][2])
    assert.equal(0, loop:stats().errors)
  end)

  it("goes to the log again when on_error is nil or fails", function()
    loop:on_error(function() error("on_error's own") end)
    stream:on_recv(function() error("the first") end)
    send("x")
    support.turns(loop)
    local text = support.take_log()
    assert.matches("on_error's own", text)
    assert.matches("the first", text)
    loop:on_error(nil)
    send("x")
    support.turns(loop)
    text = support.take_log()
    assert.matches("the first", text)
    assert.not_matches("on_error", text)
  end)

  it("is isolated in every other callback too", function()
    local a = support.pair(zmq.PAIR, zmq.PAIR)
    local pair = eddy.stream(a, loop)
    pair.name = "the pair"
    pair:on_send(function() error("in on_send") end)
    pair:send("x")
    pair:send("x", { callback = function() error("in callback") end })
    support.turns(loop)
    local text = support.take_log()
    assert.matches("the pair: .*in on_send", text)
    assert.matches("the pair: .*in callback", text)

    local lonely = eddy.stream((support.lonely(zmq.PUSH)), loop)
    lonely:set_send_limit { messages = 0 }
    lonely:on_full(function() error("in on_full") end)
    lonely:on_close(function() error("in on_close") end)
    lonely:send("x")
    support.turns(loop)
    lonely:close()
    text = support.take_log()
    assert.matches("in on_full", text)
    assert.matches("in on_close", text)
    assert.equal(4, loop:stats().errors)
  end)

  it("is logged whatever was raised", function()
    local raised = {
      setmetatable({}, { __tostring = function() return "told by itself" end }),
      setmetatable({}, { __tostring = function() error("worse") end }),
      setmetatable({}, { __tostring = function() return 5 end }),
      42, false, {}, function() end,
    }
    local i, after = 0, 0
    stream:on_recv(function()
      i = i + 1
      if i <= #raised then error(raised[i]) end
      after = after + 1
    end)
    for _ = 1, #raised + 1 do send("x") end
    support.turns(loop, 20)
    assert.equal(1, after)
    assert.equal(#raised, loop:stats().errors)
    assert.matches("told by itself", support.take_log())
  end)

  it("may be the stack's overflow, and the loop goes on", function()
    local text, status = support.script([[
      local eddy = require "eddy"
      local zmq = require "eddy.zmq"
      local loop = eddy.loop.instance()
      local function deep() return 1 + deep() end
      local pull = zmq.instance():socket(zmq.PULL, { bind = "inproc://x" })
      local push = zmq.instance():socket(zmq.PUSH, { connect = "inproc://x" })
      local count = 0
      eddy.stream(pull):on_recv(function()
        count = count + 1
        if count == 4 then print "went on"; loop:stop() end
        deep()
      end)
      for _ = 1, 4 do push:send("x") end
      loop:call_later(3000, loop.stop, loop)
      loop:start()
    ]], "env EDDY_JIT=off '" .. EDDY_HOST .. "'") -- compiled code crashes at times there
    assert.matches("went on", text)
    assert.matches("stack overflow", text)
    assert.equal(1, status)
  end)

  it("may come from a table that is called, wherever it is", function()
    local text = support.script [[
      local eddy = require "eddy"
      local zmq = require "eddy.zmq"
      local loop = eddy.loop.instance()
      local callable = setmetatable({}, { __call = function() error("on purpose") end })
      local pull = zmq.instance():socket(zmq.PULL, { bind = "inproc://x" })
      zmq.instance():socket(zmq.PUSH, { connect = "inproc://x" }):send("x")
      eddy.stream(pull):on_recv(callable)
      loop:add_callback(callable)
      loop:call_later(1, callable)
      loop:call_every(1, callable)
      loop:call_later(20, function() print "went on"; loop:stop() end)
      loop:start()
    ]]
    assert.matches("on purpose", text)
    assert.matches("went on", text)
  end)
end)
