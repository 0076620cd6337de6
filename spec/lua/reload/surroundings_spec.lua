-- What a script sets without an object of its own, and what runs beside its loop.
local eddy = require "eddy"
local program = require "spec.lua.reload.program"
local support = require "spec.lua.support"

local FIRST = [[
  loop:on_signal("USR1", function() said[#said + 1] = "first" end)
  loop:on_signal("USR2", function() said[#said + 1] = "first's own" end)
  eddy.loop.set_log(function(text) said[#said + 1] = text end)
  loop:on_gap(function() end)
  stops = loop:on_stop(function() said[#said + 1] = "on_stop" end)
]]

describe("what a script sets", function()
  local loop, said
  support.each(function(own, context)
    loop = own
    program.open(own, context)
    said = rawget(_G, "said")
  end)
  after_each(function()
    program.close()
    eddy.loop.set_log(nil)
  end)

  -- Sends the process a signal, and waits for it.
  local function signal(name)
    local count = #said
    os.execute("kill -" .. name .. " $PPID")
    support.wait(loop, function() return #said > count end)
    return said[#said]
  end

  it("comes back when the next generation fails", function()
    program.run(FIRST)
    local before = loop:stats()
    program.again [[
      loop:on_signal("USR1", error)
      loop:on_signal("USR2", nil)
      loop:on_signal("WINCH", error)
      eddy.loop.set_log(error)
      loop:on_gap(nil)
      loop:on_stop(error)
      error "no"
    ]]
    support.take_log()
    assert.equal("first", signal "USR1")
    assert.equal("first's own", signal "USR2")
    assert.is_nil(loop._signals[28])
    assert.is_table(loop._gap)
    assert.equal(1, #loop._on_stop)
    assert.equal(before.handlers, loop:stats().handlers)
    eddy.loop._log "logged"
    assert.equal("logged", said[#said])
  end)

  it("ends when the next generation takes over", function()
    program.run(FIRST)
    program.again [[ loop:on_signal("USR1", function() said[#said + 1] = "second" end) ]]
    assert.equal("second", signal "USR1")
    assert.is_nil(loop._signals[12])
    assert.is_false(loop._gap)
    assert.equal(0, #loop._on_stop)
  end)

  local BESIDE = [[
    local zmq = eddy.zmq
    thread = %s("thread", function() return eddy.thread.start(function()
      require("eddy").sleep(60000)
    end) end)
    child = %s("child", function() return eddy.process.spawn { "sleep", "60" } end)
    device = %s("device", function()
      local made = eddy.devices.device(zmq.STREAMER, zmq.PULL, zmq.PUSH)
      made:bind_in "inproc://device-in"
      made:bind_out "inproc://device-out"
      made:start()
      return made
    end)
    other = %s("loop", eddy.loop.new)
    other:call_later(60000, print)
  ]]
  local kept = BESIDE:gsub("%%s", "eddy.keep")
  local own = BESIDE:gsub("%%s", "(function(_, make) return make() end)")

  local function are_over(thread, child, device, other)
    return thread:done() and not child._id and device:done() and other._closed
  end

  it("goes on beside the loop where it is kept, and ends where it is not", function()
    program.run(kept)
    local thread, child, device, other = _G.thread, _G.child, _G.device, _G.other
    assert.is_table(program.again(kept))
    assert.is_true(thread == _G.thread and child == _G.child and device == _G.device)
    assert.equal(other, _G.other)
    assert.is_false(thread:done() or not child._id or device:done() or other._closed)
    local answer = program.again ""
    assert.same({ "child", "device", "loop", "thread" }, answer.closed)
    support.wait(loop, function() return are_over(thread, child, device, other) end)
  end)

  it("ends beside the loop when it is of a generation that fails", function()
    program.run ""
    program.again(own .. "said.all = { thread, child, device, other } error 'no'")
    support.take_log()
    support.wait(loop, function() return are_over(unpack(said.all)) end)
  end)
end)
