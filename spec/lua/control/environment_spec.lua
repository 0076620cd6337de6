local environment = require "eddy.control.environment"

describe("what a console sees", function()
  after_each(function() _G.console_spec = nil end)

  it("completes names of globals, fields and methods, and calls nothing", function()
    assert.same({ "string.format" }, environment.completions "string.for")
    assert.same({ "setmetatable" }, environment.completions "setm")
    assert.same({ "task", "tasks" }, environment.completions "tas")
    local function refuse() error "not to be called" end
    _G.console_spec = setmetatable({ inner = setmetatable({ alpha = 1, beta = 2, _hidden = 3 },
      { __index = { method = 1 } }) }, { __index = refuse })
    assert.same({ "console_spec.inner.alpha", "console_spec.inner.beta",
      "console_spec.inner.method" }, environment.completions "console_spec.inner.")
    assert.same({ "console_spec.inner:method" }, environment.completions "console_spec.inner:me")
    for _, text in ipairs { "console_spec.none.x", "no.such.thing", "1.", "..", "" } do
      assert.equal("table", type(environment.completions(text)))
    end
  end)

  it("are the script's globals, which it sets, too", function()
    local lines = {}
    local chunk = setfenv(loadstring "console_spec = 5 print(console_spec, tasks ~= nil)",
      environment.of(function(line) lines[#lines + 1] = line end))
    chunk()
    assert.equal(5, _G.console_spec)
    assert.same({ "5\ttrue" }, lines)
  end)
end)
