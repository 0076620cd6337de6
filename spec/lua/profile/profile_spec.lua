-- The profiler: whose code, which functions, and its options.
local eddy = require "eddy"
local profile = require "eddy.profile"
local zmq = require "eddy.zmq"
local support = require "spec.lua.support"

local C = require("eddy.base.libeddy").C

-- Uses CPU time until the profiler must have seen it, on a busy machine, too.
local function work(ms)
  local clock = os.clock
  local over = clock() + ms / 1000
  local sum = 0
  while clock() < over do
    for i = 1, 1000 do sum = sum + i % 7 end
  end
  return sum
end

-- The samples of stacks that have a text in them.
local function samples(text, wanted)
  local sum = 0
  for stack, count in text:gmatch "([^\n]*) (%d+)\n" do
    if stack:find(wanted, 1, true) then sum = sum + tonumber(count) end
  end
  return sum
end

describe("a profile", function()
  local loop

  support.each(function(l) loop = l end)
  after_each(function()
    if profile.running() then profile.stop() end
  end)

  it("tells streams, timers, tasks and what is none of them apart, by the CPU time they take",
    function()
      local a, b = support.streams(zmq.PAIR, zmq.PAIR)
      a.name = "orders; urgent"
      local left = 3
      local function done()
        left = left - 1
        if left == 0 then loop:stop() end
      end
      a:on_recv(function()
        work(60)
        done()
      end)
      b:send "x"
      loop:call_later(0, function()
        work(60)
        done()
      end).name = "tick"
      loop:spawn(function()
        eddy.sleep(1)
        work(60)
        done()
      end).name = "chore"
      profile.start { interval = 1 }
      work(60)
      loop:start()
      local text, sum = profile.stop()
      assert.message(text).is_true(samples(text, "orders  urgent;") > 3)
      assert.message(text).is_true(samples(text, 'timer "tick" after 0 ms') > 3)
      assert.message(text).is_true(samples(text, 'task "chore"') > 3)
      assert.message(text).is_true(samples(text, "profile_spec.lua:work") > 12)
      local all = 0
      for count in text:gmatch " (%d+)\n" do all = all + tonumber(count) end
      assert.equal(all, sum)
    end)

  it("says what is the collector's", function()
    profile.start { interval = 1 }
    local over = os.clock() + 0.2
    while os.clock() < over do collectgarbage() end
    local text = profile.stop()
    assert.message(text).is_truthy(text:find ";%[GC%] %d+\n")
  end)

  it("tells lines apart when asked to", function()
    profile.start { interval = 1, lines = true }
    work(50)
    assert.matches(";profile_spec.lua:1%d ?[^;]* %d+\n", (profile.stop()))
  end)

  it("can be made again, and only one at a time", function()
    for _ = 1, 3 do
      assert.is_false(profile.running())
      profile.start { interval = 1 }
      assert.is_true(profile.running())
      assert.has_error(profile.start, "start: a profile is being made already: stop it first")
      work(30)
      local _, sum = profile.stop()
      assert.is_true(sum > 0)
    end
    assert.has_error(profile.stop, "stop: no profile is being made")
  end)

  it("refuses wrong options, and begins nothing", function()
    for text, options in pairs {
      ["start: no such option: 'intervall' (did you mean interval?)"] = { intervall = 1 },
      ["start: interval: expected a whole number of ms from 1 to 1000, got number 0"] =
        { interval = 0 },
      ["start: depth: expected a whole number above 0, got number 0"] = { depth = 0 },
      ["start: expected a table, got number"] = 10,
    } do
      assert.has_error(function() profile.start(options) end, text)
      assert.is_false(profile.running())
    end
  end)

  it("is of the code that runs: who waits takes no samples", function()
    profile.start { interval = 1 }
    loop:call_later(50, loop.stop, loop)
    local began = C.eddy_time()
    loop:start()
    assert.is_true(C.eddy_time() - began >= 50)
    local _, sum = profile.stop()
    assert.is_true(sum < 25)
  end)
end)
