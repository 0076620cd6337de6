local eddy = require "eddy"
local process = require "spec.support.process"
local repeats = require "eddy.loop.repeats"
local support = require "spec.lua.support"

local check = process.check

describe("log lines that come again and again", function()
  local loop
  support.each(function(of_test) loop = of_test end)

  local function bound(limit)
    local written = {}
    local function write(text) written[#written + 1] = text end
    return repeats.new(limit, write, write), written
  end

  it("are written so often, then counted", function()
    local it, written = bound(2)
    for i = 1, 1236 do it:put(nil, "app.lua:3: no order " .. i .. "\ntrace") end
    it:put(nil, "app.lua:4: no order 1")
    it:tell()
    it:tell()
    assert.same({ "app.lua:3: no order 1\ntrace", "app.lua:3: no order 2\ntrace",
      "app.lua:4: no order 1", "repeated 1,234 times: app.lua:3: no order 3" }, written)
    it:put(nil, "app.lua:3: no order 5")
    assert.equal("app.lua:3: no order 5", written[5])
  end)

  it("are of one kind by their first line, but for numbers that are no name's", function()
    local it, written = bound(1)
    for _, text in ipairs { "worker1: 5 left", "worker2: 5 left", "worker1: 6 left\nmore",
      "worker1: 0x7f31 left", "7 lost", "8.5 lost" } do it:put(nil, text) end
    assert.same({ "worker1: 5 left", "worker2: 5 left", "7 lost" }, written)
  end)

  it("of too many kinds are one kind", function()
    local it, written = bound(1)
    for i = 1, 300 do it:put(nil, ("x"):rep(i)) end
    it:tell()
    assert.equal(100 + 1 + 1, #written)
    assert.equal("repeated 199 times: " .. ("x"):rep(102), written[#written])
  end)

  it("are counted in the log when the minute is over", function()
    local it, written = bound(1)
    for _ = 1, 3 do it:put(loop, "text") end
    assert.is_true(it._timer:active())
    it._timer._delay = 1
    it._timer:start()
    loop:call_every(1, function() if #written == 2 then loop:stop() end end)
    support.run(loop, 20000)
    assert.same({ "text", "repeated 2 times: text" }, written)
  end)

  it("may come from a loop that is being closed", function()
    local it, written = bound(1)
    local own = require("eddy.loop").new()
    own:close()
    for _ = 1, 3 do it:put(own, "text") end
    it:tell()
    assert.same({ "text", "repeated 2 times: text" }, written)
  end)

  it("keep no loop running", function()
    local it = bound(1)
    for _ = 1, 3 do it:put(loop, "text") end
    loop:_run_until_idle()
  end)

  it("may come as often as they like", function()
    local it, written = bound(math.huge)
    for _ = 1, 100 do it:put(loop, "text") end
    assert.equal(100, #written)
  end)

  it("need a bound that makes sense", function()
    for _, bad in ipairs { 0, -1, 0 / 0, "x" } do
      assert.error_matches(function() eddy.loop.set_log_limit(bad) end,
        "set_log_limit: expected a number of lines from 1, got", 1, true)
    end
  end)

  local FAILING = [[
    local loop = require("eddy").loop.instance()
    local left = 2000
    loop:call_every(0.01, function()
      left = left - 1
      if left == 0 then loop:stop() end
      error "no luck"
    end)]]

  it("are few when a handler fails and fails, and the rest is told at the end", function()
    local script, remove = process.scripts()
    local name = script(FAILING)
    local _, err = check(1, process.eddy(name))
    remove()
    local _, full = err:gsub("stack traceback", "")
    assert.equal(10, full)
    assert.matches("\neddy: repeated 1,990 times: timer every 0.010 ms at [^\n]*no luck\n$", err)
  end)

  it("are all there for who wants them", function()
    local _, err = check(1, process.eddy("-e", [[
      local loops = require("eddy").loop
      loops.set_log_limit(math.huge)
      for _ = 1, 30 do loops.instance():add_callback(error, "no luck") end]]))
    local _, count = err:gsub("no luck", "")
    assert.equal(30, count)
  end)

  it("are counted for the script's own log, too", function()
    local out = check(1, process.eddy("-e", [[
      local loops = require("eddy").loop
      local count = 0
      loops.set_log(function(text) print((text:match "^[^\n]*")) end)
      loops.set_log_limit(1)
      for _ = 1, 3 do loops.instance():add_callback(error, "no luck", 0) end]]))
    local _, count = out:gsub("\n", "")
    assert.equal(2, count)
    assert.matches("\nrepeated 2 times: callback .*no luck\n$", out)
  end)
end)
