local requires = require "eddy.bundle.requires"

local function of(code) return requires.of(assert(loadstring(code))) end

describe("what a chunk asks for", function()
  it("is what it requires, in whichever function, and how it is written", function()
    local found = of [==[
      local a = require "a"
      local b = require('b.c').d(require "e")
      function f() return function() return require [[g]] end end
      -- require "in a comment"
      local text = "require 'in a string'"
    ]==]
    local lines = {}
    for _, call in ipairs(found.required) do
      assert.is_false(call.is_optional)
      lines[call.name] = call.line
    end
    assert.same({ a = 1, ["b.c"] = 2, e = 2, g = 3 }, lines)
  end)

  it("may be missing where pcall calls require", function()
    local found = of [[
      local ok, a = pcall(require, "a")
      return pcall(require, "b")
    ]]
    assert.same({ { name = "a", line = 1, is_optional = true },
      { name = "b", line = 2, is_optional = true } }, found.required)
  end)

  it("is no name that is made as it runs, and no other function's", function()
    local found = of [[
      local name = ...
      require("a" .. name)
      require("a." .. "b")
      require(name)
      other "c"
    ]]
    assert.same({}, found.required)
  end)

  it("has the modules of jobs, and strings", function()
    local found = of [[
      local workers = ...
      eddy.jobs { module = "resize", workers = workers }
      eddy.jobs { module = "hash" }
      eddy.thread.start("one.lua", { "two.lua", name = "x" })
    ]]
    table.sort(found.modules)
    assert.same({ "hash", "resize" }, found.modules)
    local strings = table.concat(found.strings, " ")
    assert.matches("one%.lua", strings)
    assert.matches("two%.lua", strings)
  end)
end)
