-- Walks over tables, in compiled code.
local process = require "spec.support.process"

describe("pairs and next", function()
  local function output_of(script)
    local code, out, err = process.eddy(process.script(script))
    assert.message(err).equal(0, code)
    return out
  end

  -- By LuaJIT's own, these end after the first key once the outer loop was given up.
  local walks = [[
    local inner = { 1, 2, 3, 4, 5 }
    local outer = { a = inner, b = inner, c = inner, d = inner, e = inner }
    local function call() for _ = 1, 100 do end end
    local short = 0
    for _ = 1, 100000 do
      call()
      local count = 0
      for _, each in %s do
        for _ in pairs(each) do end
        count = count + 1
      end
      if count ~= 5 then short = short + 1 end
    end
    io.write(short, "\n")
  ]]

  it("come to the last key, however often", function()
    assert.equal("0\n", output_of(walks:format "pairs(outer)"))
    assert.equal("0\n", output_of(walks:format "next, outer"))
  end)

  it("do so in threads", function()
    assert.equal("0\n", output_of(([[
      require("eddy.thread").start(function() %s end):join()
    ]]):format(walks:format "pairs(outer)")))
  end)

  it("see each key once, also when what is there is taken away meanwhile", function()
    assert.equal("1 2 3 a b c\nnil\n1\tx\n", output_of [[
      local t, keys = { "x", "y", "z", a = 1, b = 2, c = 3 }, {}
      for key in pairs(t) do
        t[key] = nil
        keys[#keys + 1] = tostring(key)
      end
      table.sort(keys)
      print(table.concat(keys, " "))
      print(next(t))
      print(next { "x" })
    ]])
  end)

  it("say what they want", function()
    assert.equal([[
bad argument #1 to 'pairs' (table expected, got nil)
bad argument #1 to 'pairs' (table expected, got no value)
bad argument #1 to 'next' (table expected, got number)
true
]], output_of [[
      local function tell(fn, ...)
        local _, err = pcall(function(...)
          local pairs, next = pairs, next
          if fn == "pairs" then pairs(...) else next(...) end
        end, ...)
        print((err:gsub("^[^:]*:%d+: ", "")))
      end
      tell("pairs", nil)
      tell "pairs"
      tell("next", 1)
      print(select(2, pcall(next, {}, "no key")):find "invalid key" ~= nil)
    ]])
  end)
end)
