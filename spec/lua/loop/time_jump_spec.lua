local eddy = require "eddy"
local support = require "spec.lua.support"

local C = require("eddy.base.libeddy").C

describe("a loop's on_gap", function()
  local loop, gaps
  local function note(ms) gaps[#gaps + 1] = ms end

  before_each(function()
    loop, gaps = support.open(), {}
    C.eddy_loop_virtual_time(loop._c, 1000)
  end)
  after_each(support.close)

  -- Time that passes as if the process were stopped.
  local function lose(ms) C.eddy_loop_advance(loop._c, ms) end

  it("is called once for what was lost, before the timers that are late", function()
    local heard = {}
    loop:on_gap(function(...) heard[#heard + 1] = { "gap", ... } end)
    local ticker = loop:call_every(10, function() heard[#heard + 1] = { "tick", loop:time() } end)
    loop:call_later(15, lose, 60000)
    loop:call_later(60045, loop.stop, loop)
    loop:start()
    ticker:cancel()
    assert.same({
      { "tick", 1010 }, { "gap", 60000 }, { "tick", 61015 }, { "tick", 61020 }, { "tick", 61030 },
      { "tick", 61040 },
    }, heard)
  end)

  it("is not called for what the loop chose to wait for, nor for less", function()
    loop:on_gap(note)
    loop:call_later(3600000, lose, 4999)
    loop:call_later(7200000, loop.stop, loop)
    loop:start()
    assert.same({}, gaps)
  end)

  it("has one function, the last one, and none after nil", function()
    local function run(fn)
      loop:on_gap(fn)
      loop:call_later(10, lose, 6000)
      loop:call_later(20, loop.stop, loop)
      loop:start()
    end
    loop:on_gap(error)
    run(note)
    assert.same({ 6000 }, gaps)
    run(nil)
    assert.same({ 6000 }, gaps)
  end)

  it("may end itself, stop the loop, and wait", function()
    loop:on_gap(function(ms)
      loop:on_gap(nil)
      note(ms)
      support.suspend(loop, 100)
      note(loop:time())
      loop:stop()
    end)
    loop:call_later(10, lose, 6000)
    loop:call_later(20, lose, 6000)
    loop:start()
    assert.same({ 6000, 13010 }, gaps)
  end)

  it("names itself in errors, and goes on", function()
    local told
    loop:on_error(function(err, _, source) told = { err, source } end)
    loop:on_gap(function(ms)
      note(ms)
      error("late", 0)
    end)
    for i = 1, 2 do loop:call_later(10 * i, lose, 6000 * i) end
    loop:call_later(10000, loop.stop, loop)
    loop:start()
    assert.same({ "late", "on_gap" }, told)
    assert.same({ 6000, 12000 }, gaps)
  end)

  it("keeps no loop alive", function()
    loop:on_gap(note)
    loop:_run_until_idle()
    assert.same({}, gaps)
  end)

  it("takes a function or nil, on an open loop", function()
    assert.error_matches(function() loop:on_gap(5) end, "on_gap: expected a function")
    local closed = eddy.loop.new()
    closed:close()
    assert.error_matches(function() closed:on_gap(note) end, "on_gap: the loop is closed")
  end)
end)
