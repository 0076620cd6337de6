local values = require "eddy.control.values"

describe("a console's texts of values", function()
  it("are as Lua would read them, where that is possible", function()
    for text, value in pairs { ["1.5"] = 1.5, ["true"] = true, ['"a\\"\\\\\\n\\001"'] = "a\"\\\n\1",
      ["{}"] = {}, ['{ 1, "b", [4] = true, x = "y" }'] = { 1, "b", [4] = true, x = "y" } } do
      assert.equal(text, values.text(value))
    end
    assert.equal("nil", values.text(nil))
    assert.matches("^function: 0x%x+ %(.*values_spec%.lua:%d+%)$", values.text(function() end))
  end)

  it("show one level of a table", function()
    assert.matches("^{ a = table: 0x%x+ }$", values.text { a = { b = 1 } })
    local circle = {}
    circle.circle = circle
    assert.matches("^{ circle = table: 0x%x+ }$", values.text(circle))
  end)

  it("are bounded, whatever comes", function()
    local many = {}
    for i = 1, 1e5 do many[i] = ("x"):rep(1e4) end
    local text = values.text(many)
    assert.is_true(#text < 50 * 600)
    assert.matches("\n  %.%.%. 99950 more }$", text)
    assert.matches('^"x+"%.%.%. %(1000000 bytes%)$', values.text(("x"):rep(1e6)))
    local named = setmetatable({}, { __tostring = function() return ("y"):rep(1e5) end })
    assert.is_true(#values.text(named) < 600)
  end)

  it("call nothing of a script's but __tostring, whose errors they tell", function()
    local function refuse() error "not to be called" end
    local object = setmetatable({ a = 1 }, { __index = refuse, __pairs = refuse, __len = refuse })
    assert.equal("{ a = 1 }", values.text(object))
    local bad = setmetatable({}, { __tostring = function() error("on purpose", 0) end })
    assert.equal("an error object whose __tostring fails: on purpose", values.text(bad))
  end)

  it("do not steer a terminal", function()
    local named = setmetatable({}, { __tostring = function() return "\27[2J" end })
    for _, value in ipairs { "\27[2J", named, { ["\27[2J"] = "\27[2J" } } do
      assert.is_nil(values.text(value):find "\27")
    end
  end)
end)
