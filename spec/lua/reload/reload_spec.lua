-- What a reload keeps, ends, and closes.
local eddy = require "eddy"
local reload = require "eddy.reload"
local program = require "spec.lua.reload.program"
local support = require "spec.lua.support"

local KEEPS = [[
  local zmq = eddy.zmq
  pull = eddy.keep("in", function()
    return eddy.stream(context:socket(zmq.PULL, { bind = "inproc://in" }), loop)
  end)
  push = eddy.keep("out", function()
    return eddy.stream(context:socket(zmq.PUSH, { connect = "inproc://in" }), loop)
  end)
]]

describe("a reload", function()
  local loop, said
  support.each(function(own, context)
    loop = own
    program.open(own, context)
    said = rawget(_G, "said")
  end)
  before_each(function() reload.set_grace(5000) end)
  after_each(program.close)

  local function wait_for(count)
    support.wait(loop, function() return #said >= count end)
    return table.concat(said, " ")
  end

  -- Runs some turns.
  local function turn()
    loop:run_sync(function() for _ = 1, 3 do eddy.sleep(1) end end, 5000)
  end

  it("gives the next generation what the one before kept, and says so", function()
    program.run [[
      state = eddy.keep("state", function() return { count = 1 } end)
      said[#said + 1] = eddy.generation .. ":" .. state.count
    ]]
    local answer = program.again [[
      local state = eddy.keep("state", error)
      eddy.keep("more", function() return 5 end)
      state.count = state.count + 1
      said[#said + 1] = eddy.generation .. ":" .. state.count
    ]]
    assert.same({ "1:1", "2:2" }, said)
    assert.equal(2, eddy.generation)
    assert.is_true(answer.took_ms >= 0)
    answer.took_ms = nil
    assert.same({ generation = 2, kept = { "state" }, new = { "more" }, closed = {}, waiting = 0 },
      answer)
  end)

  it("loses, doubles and reorders nothing of what a kept stream has", function()
    local text = KEEPS .. [[
      local state = eddy.keep("state", function() return { sent = 0 } end)
      pull:on_recv(function(msg) said[#said + 1] = tonumber(msg[1]) end)
      local function send()
        for _ = 1, 50 do
          state.sent = state.sent + 1
          push:send(tostring(state.sent))
        end
      end
      loop:call_every(1, send)
    ]]
    program.run(text)
    for _ = 1, 20 do
      turn()
      assert.is_table(program.again())
    end
    turn()
    assert.is_true(#said > 1000)
    for i, number in ipairs(said) do assert.equal(i, number) end
  end)

  it("hands a stream over without the functions of the generation before", function()
    program.run(KEEPS .. [[
      pull:on_recv(function() said[#said + 1] = "old" end)
      push:on_send(function() said[#said + 1] = "old sent" end)
      push:on_drain(print)
      push:send "a"
    ]])
    wait_for(2)
    program.again(KEEPS)
    _G.push:send "b"
    turn()
    assert.is_false(_G.pull:receiving())
    assert.equal(2, #said)
    program.again(KEEPS .. "pull:on_recv(function(msg) said[#said + 1] = msg[1] end)")
    assert.matches("b$", wait_for(3))
  end)

  it("ends timers, and handlers of descriptors and sockets, but those that were kept", function()
    program.run [[
      socket = eddy.keep("s", function() return context:socket(eddy.zmq.PULL, {
        bind = "inproc://s" }) end)
      other = context:socket(eddy.zmq.PUSH, { connect = "inproc://s" })
      loop:call_every(1, function() said[#said + 1] = "old" end)
      eddy.keep("timer", function()
        return loop:call_every(1, function() said.timer = "old" end)
      end)
      loop:add_handler(socket, function() said[#said + 1] = "old handler" end)
      loop:on_gap(print)
      loop:on_error(print)
    ]]
    local answer = program.again [[
      socket = eddy.keep("s", error)
      eddy.keep("timer", error):set_callback(function(a, b) said.timer = a + b end, 1, 2)
      other = context:socket(eddy.zmq.PUSH, { connect = "inproc://s" })
      loop:add_handler(socket, function()
        socket:recv()
        said[#said + 1] = "new handler"
      end)
    ]]
    for i = #said, 1, -1 do said[i] = nil end
    _G.other:send "x"
    assert.equal("new handler", wait_for(1))
    turn()
    assert.equal("new handler", wait_for(1))
    assert.equal(3, said.timer)
    assert.equal(1, #answer.closed) -- the socket that the first generation sent with
  end)

  it("ends timers that call methods, and lets those of waits be", function()
    program.run(KEEPS .. [[
      loop:call_every(1, push.send, push, "old")
      loop:call_later(60000, loop.stop, loop)
      loop:call_later(60000, require("eddy.reload").request)
      eddy.spawn(function()
        eddy.with_timeout(10000, eddy.spawn(function() eddy.sleep(30) end)):await()
        said[#said + 1] = "slept"
      end)
    ]])
    turn()
    local answer = program.again(KEEPS .. [[
      pull:on_recv(function(msg) said[#said + 1] = msg[1] end)
    ]])
    assert.equal(2, answer.waiting)
    support.wait(loop, function() return table.concat(said):find "slept" end)
    local count = #said
    turn()
    assert.equal(count, #said)
    assert.is_true(loop:stats().timers <= 2)
  end)

  it("lets a request be answered, and handlers that overlap end, each in its own code", function()
    local text = [[
      local zmq = eddy.zmq
      router = eddy.keep("router", function()
        return eddy.stream(context:socket(zmq.ROUTER, { bind = "inproc://router" }), loop)
      end)
      dealer = eddy.keep("dealer", function()
        return eddy.stream(context:socket(zmq.DEALER, { connect = "inproc://router" }), loop)
      end)
      local number = eddy.generation
      router:set_concurrency(3)
      router:on_recv(function(msg)
        local text = msg[2].bytes
        eddy.sleep(text == "slow" and 30 or 1)
        router:send_multipart { msg[1], text .. number }
      end, number == 1 and "view" or false)
      dealer:on_recv(function(msg) said[#said + 1] = msg[1] end)
    ]]
    program.run(text)
    _G.dealer:send "slow"
    turn()
    assert.equal(1, program.again(text).waiting)
    _G.dealer:send "quick"
    assert.equal("quick2 slow1", wait_for(2))
    assert.is_nil((program.again(text .. "error 'no'")))
    support.take_log()
    _G.dealer:send "quick"
    assert.equal("quick2 slow1 quick2", wait_for(3))
  end)

  it("closes what nobody asks for, when its queue is sent", function()
    program.run(KEEPS .. [[
      far = eddy.keep("far", function()
        return eddy.stream(context:socket(eddy.zmq.PUSH, { connect = "inproc://far" }), loop)
      end)
      unkept = eddy.stream(context:socket(eddy.zmq.PULL, { bind = "inproc://u" }), loop)
      unkept.name = "unkept"
      far:send "kept in its queue"
    ]])
    local answer = program.again(KEEPS)
    assert.same({ "in", "out" }, answer.kept)
    assert.same({ "far", "unkept" }, answer.closed)
    assert.is_true(_G.unkept:closed())
    local peer = _G.context:socket(eddy.zmq.PULL, { bind = "inproc://far" })
    assert.equal("kept in its queue", peer:recv())
    support.wait(loop, function() return _G.far:closed() end)
  end)

  it("lets handlers and tasks that wait end in the old code", function()
    local text = [[
      local zmq = eddy.zmq
      rep = eddy.keep("rep", function()
        return eddy.stream(context:socket(zmq.REP, { bind = "inproc://rep" }), loop)
      end)
      req = eddy.keep("req", function()
        return eddy.stream(context:socket(zmq.REQ, { connect = "inproc://rep" }), loop)
      end)
      local go = eddy.keep("go", function() return eddy.future(loop) end)
      local number = eddy.generation
      rep:on_recv(function(msg)
        go:await()
        rep:send(msg[1] .. number)
      end)
      req:on_recv(function(msg) said[#said + 1] = msg[1] end)
    ]]
    program.run(text .. [[
      eddy.spawn(function()
        go:await()
        said[#said + 1] = "task"
      end)
      open = go
    ]])
    _G.req:send "a"
    turn()
    local answer = program.again(text)
    assert.equal(2, answer.waiting)
    _G.open:set_result()
    assert.equal("a1 task", (wait_for(2):gsub("task a1", "a1 task")))
    _G.req:send "b"
    assert.matches("b2$", wait_for(3))
  end)

  it("ends them when the grace is over, and what they began", function()
    reload.set_grace(50)
    program.run [[
      eddy.spawn(function()
        local _, err = eddy.sleep(60000)
        said[#said + 1] = err.name
        loop:call_every(1, function() said.ticks = true end)
        eddy.spawn(function()
          eddy.sleep(60000)
          said[#said + 1] = "child"
          eddy.sleep(60000)
          said[#said + 1] = "never"
        end)
        eddy.sleep(60000)
      end)
    ]]
    turn()
    local answer = program.again "stays = loop:call_every(60000, print)"
    assert.equal(1, answer.waiting)
    wait_for(1)
    support.wait(loop, function() return loop:stats().timers <= 3 end)
    assert.not_matches("never", table.concat(said, " "))
    assert.is_true(_G.stays:active())
    support.take_log()
  end)

  it("loads modules again, but those that are pinned", function()
    program.write("part.lua", "return { number = 1 }")
    program.write("fixed.lua", "eddy.pin() return {}")
    program.write("types.lua", "eddy.cdef 'struct eddy_reload_spec { int a; };' return {}")
    local text = "part, fixed, types = require 'part', require 'fixed', require 'types'"
    program.run(text)
    local part, fixed, types = _G.part, _G.fixed, _G.types
    program.write("part.lua", "return { number = 2 }")
    assert.is_table(program.again())
    assert.equal(2, _G.part.number)
    assert.equal(1, part.number)
    assert.equal(fixed, _G.fixed)
    assert.not_equal(types, _G.types)
  end)

  it("declares C types, and tells who does not", function()
    program.run "said.ok, said.err = pcall(function() eddy.cdef('struct {') end)"
    assert.is_false(_G.said.ok)
    assert.matches("^%S*script.lua:1: cdef: .+ near '<eof>'$", _G.said.err)
  end)

  it("leaves nothing of a generation that is over", function()
    local weak = setmetatable({}, { __mode = "v" })
    rawset(_G, "weak", weak)
    local text = KEEPS .. [[
      weak[eddy.generation] = function() return pull end
      local own = weak[eddy.generation]
      pull:on_recv(own)
      push:on_send(own)
      loop:call_every(10, own)
      loop:on_error(own)
      for _ = 1, 300 do push:send "until LuaJIT compiles the way to the handler" end
      eddy.spawn(function() eddy.sleep(1) own() end)
    ]]
    program.run(text)
    for _ = 1, 20 do
      turn()
      program.again()
    end
    turn()
    collectgarbage()
    collectgarbage()
    local left = 0
    for _ in pairs(weak) do left = left + 1 end
    assert.equal(1, left)
    rawset(_G, "weak", nil)
  end)

  it("sends what a generation sends while it is loaded when it takes over", function()
    program.run(KEEPS .. "pull:on_recv(function(msg) said[#said + 1] = msg[1] end)")
    local sends = KEEPS .. [[
      pull:on_recv(function(msg) said[#said + 1] = msg[1] end)
      push:send "hello"
    ]]
    assert.is_nil((program.again(sends .. "error 'no'")))
    support.take_log()
    turn()
    assert.same({}, said)
    program.again(sends)
    assert.equal("hello", wait_for(1))
  end)
end)
