local C = require("eddy.base.libeddy").C
local eddy = require "eddy"
local support = require "spec.lua.support"

describe("eddy.now", function()
  local loop
  support.each(function(...) loop = ... end)

  it("is the time of day in ms, with a fraction", function()
    local before, all = os.time() * 1000, 0
    local now = eddy.now()
    assert.is_true(now >= before and now < (os.time() + 1) * 1000)
    for _ = 1, 100 do all = all + eddy.now() % 1 end
    assert.is_true(all > 0)
  end)

  it("goes with a virtual clock, for the current loop", function()
    assert.equal(0, C.eddy_loop_virtual_time(loop._c, C.eddy_loop_time(loop._c)))
    local before = eddy.now()
    loop:make_current()
    assert.equal(0, C.eddy_loop_advance(loop._c, 86400000))
    local day = eddy.now() - before
    eddy.loop.clear_current()
    assert.is_true(day > 86400000 - 1000 and day < 86400000 + 1000)
    assert.is_true(eddy.now() - before < 86400000)
  end)
end)
