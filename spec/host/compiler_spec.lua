local process = require "spec.support.process"

-- Runs the host with EDDY_JIT; nil leaves it out.
local function run(settings, code)
  local words = { "env -u EDDY_JIT" }
  if settings then words[2] = "EDDY_JIT=" .. settings end
  words[#words + 1] = EDDY_HOST
  words[#words + 1] = "-e '" .. code .. "'"
  return process.shell(table.concat(words, " "))
end

-- Compiles `count` loops, each from a source of its own, and runs them all so many times.
local loops = [[
  local count, times = %d, %d
  local fns = {}
  for i = 1, count do
    fns[i] = loadstring("local x = 0 for i = 1, 200 do x = x + i %% " .. i .. " end", "=hot" .. i)
  end
  for _ = 1, times do
    for _, fn in ipairs(fns) do fn() end
  end
]]

local function count(text, pattern) return select(2, text:gsub(pattern, "")) end

local compiled = "room for compiled code was full"

describe("LuaJIT's limits", function()
  it("have room for what is compiled of a large script", function()
    local out, err = process.check(0, run(nil, loops:format(1500, 1) .. [[
      print((require "jit.util").traceinfo(1400) ~= nil)
    ]]))
    assert.same({ "true\n", "" }, { out, err })
  end)

  it("are LuaJIT's options in EDDY_JIT", function()
    local out = process.check(0, run("maxtrace=100,maxside=3", loops:format(150, 1) .. [[
      print((require "jit.util").traceinfo(101) == nil)
    ]]))
    assert.equal("true\n", out)
  end)

  it("let no large strings pile up, and the script change that", function()
    local out = process.check(0, run(nil, [[
      local function pile()
        local text, highest = ("x"):rep(2 ^ 20), 0
        for i = 1, 1000 do
          local _ = text .. i
          highest = math.max(highest, collectgarbage "count" / 1024)
        end
        return highest
      end
      print(pile() < 100, collectgarbage("setstepmul", 200), pile() > 150)
    ]]))
    assert.equal("true\t1000\ttrue\n", out)
  end)

  it("are a mistake on the command line when LuaJIT does not know them", function()
    local out, err = process.check(2, run("maxtrace=100,maxtraces=2", "print(1)"))
    assert.same({ "", "eddy: EDDY_JIT: unknown or malformed optimization flag 'maxtraces=2'\n" },
      { out, err })
  end)

  it("tell the log once when they do not suffice, and where", function()
    local _, err = process.check(0, run("maxtrace=50", loops:format(60, 20)))
    assert.message(err).equal(1, count(err, compiled))
    assert.matches("^eddy: LuaJIT's .* 3 times within 60 s, .* at hot%d+:1 %(", err)
  end)

  it("tell the script's own log", function()
    local out, err = process.check(0, run("maxtrace=50", [[
      require("eddy").loop.set_log(function(text) print("told", text) end)
    ]] .. loops:format(60, 20)))
    assert.message(out).equal(1, count(out, compiled))
    assert.equal("", err)
  end)

  it("do not tell of what a script flushes itself, or of a few times", function()
    local _, err = process.check(0, run("maxtrace=50",
      loops:format(60, 2) .. "for _ = 1, 10 do jit.flush() end"))
    assert.equal("", err)
  end)
end)

describe("EDDY_JIT=off", function()
  it("runs all in the interpreter", function()
    assert.equal("false\n", process.check(0, run("off", "print((jit.status()))")))
    assert.equal("true\n", process.check(0, run(nil, "print((jit.status()))")))
  end)
end)
