-- A generation that fails is undone, and the one that runs never notices.
local eddy = require "eddy"
local program = require "spec.lua.reload.program"
local support = require "spec.lua.support"

local GOOD = [[
  local zmq = eddy.zmq
  local function stream(kind, how)
    return eddy.stream(context:socket(kind, how), loop)
  end
  pull = eddy.keep("in", function()
    return stream(zmq.PULL, { bind = "inproc://in", rcvhwm = 7 })
  end)
  push = eddy.keep("out", function() return stream(zmq.PUSH, { connect = "inproc://in" }) end)
  sub = eddy.keep("sub", function()
    return stream(zmq.SUB, { bind = "inproc://sub", subscribe = "a" })
  end)
  pub = eddy.keep("pub", function() return stream(zmq.PUB, { connect = "inproc://sub" }) end)
  helper = require "helper"
]]

local FIRST = GOOD .. [[
  pull:on_recv(function(msg) said[#said + 1] = msg[1] end)
  sub:on_recv(function(msg) said[#said + 1] = msg[1] end)
  push:on_send(function() said.sent = (said.sent or 0) + 1 end)
  push:set_send_limit { messages = 5 }
  pull.name = "the first"
  loop:call_every(1, function() said.ticks = (said.ticks or 0) + 1 end)
  loop:on_error(function(err) said.err = err end)
  plain = eddy.keep("plain", function()
    return context:socket(zmq.PULL, { bind = "inproc://plain" })
  end)
  plain_out = context:socket(zmq.PUSH, { connect = "inproc://plain" })
  loop:add_handler(plain, function() said[#said + 1] = plain:recv() end)
  eddy.keep("timer", function() return loop:call_every(1, function() said.kept = true end) end)
  global = "first"
]]

-- What it did to all it could reach, before it failed.
local MEDDLES = GOOD .. [[
  pull:on_recv(function() error "never" end, false)
  pull:on_close(error)
  pull:on_err(error)
  pull:on_event(error)
  push:on_send(error)
  push:on_full(error)
  push:set_send_limit { messages = 1 }
  push:set_priority(5)
  push:set_budget(1)
  pull.name = "the second"
  pull.socket:bind "inproc://second"
  pull.socket.rcvhwm = 1
  push:send "never"
  sub:on_recv(nil)
  sub:subscribe "b"
  sub:unsubscribe "a"
  pub:disconnect "inproc://sub"
  loop:call_every(1, error)
  loop:on_error(error)
  loop:on_gap(error)
  eddy.spawn(error)
  loop:add_callback(error)
  loop:add_handler(context:socket(zmq.PULL, { bind = "inproc://third" }), error)
  stream(zmq.PULL, { bind = "inproc://fourth" }):on_close(error)
  eddy.keep("five", function() return stream(zmq.PULL, { bind = "inproc://fifth" }) end)
  coroutine.wrap(function() eddy.sleep(1) error "never" end)()
  eddy.keep("timer", error):set_callback(error)
  eddy.keep("timer", error):stop()
  eddy.keep("in", error):close()
  global, another = "second", true
  loop:stop()
]]

local BAD = {
  { "a syntax error", "x = = 1", "unexpected symbol" },
  { "an error", MEDDLES .. "error 'on purpose'", "on purpose" },
  { "an error that is a table", MEDDLES .. "error { code = 5 }", "table" },
  { "a mistake in a call", MEDDLES .. "pull:on_recv 'text'", "expected a function" },
  { "a module that is not there", MEDDLES .. "require 'nowhere'", "module 'nowhere' not found" },
  { "an address that is taken", MEDDLES .. "context:socket(zmq.PULL):bind 'inproc://in'",
    "bind in the function that is given to eddy.keep" },
  { "a check that says no", MEDDLES .. "eddy.check(function() return false, 'no peer' end)",
    "says no: no peer" },
  { "a check that fails", MEDDLES .. "eddy.check(function() error 'bad check' end)", "bad check" },
  { "os.exit", MEDDLES .. "os.exit(0)", "os.exit" },
  { "a wait", MEDDLES .. "eddy.sleep(1)", "the script waits" },
  { "a deep recursion", MEDDLES .. "local function f() return 1 + f() end f()", "stack overflow" },
  { "a kept object that is none", MEDDLES .. "eddy.keep('six', function() end)",
    "returned nothing" },
}

describe("a generation that fails", function()
  local loop, said
  support.each(function(own, context)
    loop = own
    program.open(own, context)
    said = rawget(_G, "said")
    program.write("helper.lua", "return {}")
    program.run(FIRST)
  end)
  after_each(program.close)

  -- The first generation works.
  local function check_first()
    for i = #said, 1, -1 do said[i] = nil end
    said.sent, said.ticks, said.kept = nil, nil, nil
    _G.push:send "pushed"
    _G.plain_out:send "plain"
    support.wait(loop, function()
      if #said < 3 then _G.pub:send "b published" end
      if #said == 2 then _G.pub:send "a published" end -- until the subscription has come
      return #said >= 3 and said.sent and said.ticks and said.kept
    end)
    table.sort(said)
    assert.same({ "a published", "plain", "pushed" }, { unpack(said) })
    assert.equal(1, said.sent)
    assert.is_nil(said.err)
    assert.equal("the first", _G.pull.name)
    assert.equal(7, _G.pull:get "rcvhwm")
    assert.equal("first", _G.global)
    assert.is_nil(rawget(_G, "another"))
    assert.equal(1, eddy.generation)
  end

  -- What is open on the loop and in the context.
  local function count()
    local sockets, stats = 0, loop:stats()
    for socket in pairs(_G.context._sockets) do
      if socket._id then sockets = sockets + 1 end
    end
    return ("%d sockets, %d streams, %d timers, %d handlers"):format(sockets, stats.streams,
      stats.timers, stats.handlers)
  end

  for _, bad in ipairs(BAD) do
    it("is undone, with " .. bad[1], function()
      check_first()
      local helper, before = _G.helper, count()
      for _ = 1, 2 do
        local answer, err = program.again(bad[2])
        assert.is_nil(answer)
        assert.matches(bad[3], tostring(err), 1, true)
        assert.matches(bad[3], support.take_log(), 1, true)
        check_first()
        assert.equal(before, count())
        assert.equal(helper, _G.helper)
        assert.equal(helper, package.loaded.helper)
      end
      assert.is_table(program.again(FIRST))
      assert.equal(2, eddy.generation)
    end)
  end

  it("is not even begun when a module has a syntax error", function()
    program.write("helper.lua", "return {")
    local _, err = program.again "said.begun = true"
    assert.matches("helper.lua:1", tostring(err))
    support.take_log()
    assert.is_nil(said.begun)
    check_first()
  end)

  it("is undone when a module is not there any more", function()
    os.remove(program.write("helper.lua", ""))
    local answer, err = program.again()
    assert.is_nil(answer)
    assert.matches("script.lua:%d+: module 'helper' not found", tostring(err))
    support.take_log()
    check_first()
  end)

  it("has a place in the error", function()
    local _, err = program.again "\n\nlocal function f() error 'here' end f()"
    assert.matches("script.lua:3: here", tostring(err))
    assert.matches("stack traceback:\n.*script.lua:3: in function 'f'", tostring(err))
    support.take_log()
  end)
end)
