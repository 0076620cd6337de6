-- `eddy --profile`, and a profile beside the watchdog, which needs the same signal.
local files = require "spec.support.files"
local process = require "spec.support.process"

local check, eddy = process.check, process.eddy

local read = files.read

local spin = [[
  local function spin(s)
    local over, n = os.clock() + s, 0
    while os.clock() < over do n = n + 1 end
  end
]]

describe("eddy --profile", function()
  local name

  before_each(function() name = os.tmpname() end)
  after_each(function() os.remove(name) end)

  it("writes where the time went, also when the script exits or fails", function()
    for code, last in pairs { [0] = "", [3] = "os.exit(3)", [1] = "error 'no'" } do
      check(code, eddy("--profile", name, "-e", spin .. "spin(0.2) " .. last))
      assert.matches("^the main program;.*spin.* %d+\n", read(name))
    end
  end)

  it("says at once that the file cannot be written", function()
    local _, err = check(2, eddy("--profile", name .. "/x", "-e", "print 'never'"))
    assert.matches("^eddy: %-%-profile: cannot write " .. name, err)
  end)

  it("is the main thread's", function()
    local out = check(0, eddy("-e", [[
      local eddy = require "eddy"
      print(eddy.thread.start(function()
        return select(2, pcall(require("eddy.profile").start))
      end):join())
    ]]))
    assert.matches("main thread's Lua state only", out)
  end)
end)

describe("a profile beside the watchdog", function()
  -- In each step the watchdog interrupts a loop that LuaJIT has compiled.
  it("samples, and has handlers interrupted, in whatever order the two begin and end", function()
    local out, err = check(0, eddy("-e", [[
      local eddy = require "eddy"
      local profile = require "eddy.profile"
      local loop, watch = eddy.loop.instance(), eddy.loop.set_watchdog
      local limits = { interrupt = 50 }
      local interrupted, sampled = 0, 0
      local function forever() local x = 0 while true do x = x + 1 end end
      loop:on_error(function() interrupted = interrupted + 1 end)
      local function stop() sampled = sampled + (select(2, profile.stop()) > 0 and 1 or 0) end
      local function start() profile.start { interval = 1 } end
      local steps = {
        function() watch(limits) start() end, forever, stop, -- inside the watchdog's
        forever, -- after it
        function() start() watch(nil) watch(limits) end, forever, stop, -- anew
        function() watch(nil) start() watch(limits) end, forever, -- the profile first
        function() watch(nil) end, stop, function() watch(limits) end, forever,
      }
      for i, step in ipairs(steps) do loop:call_later(i, step) end
      loop:call_later(#steps + 1, function()
        print(interrupted, sampled)
        loop:stop()
      end)
      loop:start()]]))
    assert.message(err).equal("5\t3\n", out)
  end)

  it("does not disturb what a script does with LuaJIT's profiler itself", function()
    check(0, eddy("--watchdog", "report=20", "-e", spin .. [[
      local loop = require("eddy").loop.instance()
      local samples = 0
      require("jit.profile").start("li1", function(_, n) samples = samples + n end)
      loop:call_later(0, function() for i = 1, 5 do spin(0.1) end end)
      loop:call_later(1, function()
        require("jit.profile").stop()
        assert(samples > 10)
      end)]]))
  end)
end)
