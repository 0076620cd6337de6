-- Time that a host loses: its process is stopped, or its machine suspended.
local full = require "spec.support.full"
local process = require "spec.support.process"

local shell, quote = process.shell, process.quote

local SECONDS = full.size(false, 60) -- for which it is stopped

describe("a host that is stopped", function()
  local script, remove_scripts = process.scripts()
  after_each(remove_scripts)

  it("hears of it once, and its timers tick once for it", function()
    -- A gap begins at five seconds, for which a short run has no time.
    if not SECONDS then return pending "./spec/soak rows" end
    local name = script [[
      local loop, C = require("eddy").loop.instance(), require("eddy.base.libeddy").C
      local seconds, order, ticks, gaps, began = tonumber(arg[2]), {}, 0, {}, C.eddy_time()
      local function note(what) order[#order + 1] = what end
      local ticker = loop:call_every(10, function()
        ticks = ticks + 1
        if #gaps > 0 then note "tick" end
        if #gaps == 0 and ticks == 1 then
          local ready = io.open(arg[1], "w")
          ready:write "ready\n"
          ready:close()
        end
      end)
      loop:on_gap(function(ms)
        gaps[#gaps + 1] = ms
        note "gap"
        ticks, began = 0, C.eddy_time()
        loop:call_later(1000, loop.stop, loop)
      end)
      loop:start()
      local late = ticks - (C.eddy_time() - began) / 10
      assert(#gaps == 1 and order[1] == "gap", table.concat(order, " "))
      assert(gaps[1] > seconds * 1000 - 100 and gaps[1] < seconds * 1000 + 5000, gaps[1])
      assert(late <= 1, late .. " ticks too many")
      print(("%.0f"):format(gaps[1] / 1000))]]
    local code, out, err = shell(([[
      dir=$(mktemp -d); mkfifo $dir/ready
      %s %s $dir/ready %d & pid=$!
      read line <$dir/ready
      kill -STOP $pid; sleep %d; kill -CONT $pid
      wait $pid; code=$?; rm -r $dir; exit $code]]):format(quote(EDDY_HOST), name, SECONDS,
      SECONDS))
    assert.same({ 0, "" }, { code, err })
    full.figure("the process is suspended", "for %d s: told once, as %d s; no tick too many",
      SECONDS, tonumber(out))
  end)

  it("hears of a machine that was suspended when it wakes next, once", function()
    local name = script [[
      local loop = require("eddy").loop.instance()
      loop:on_gap(function(ms) print(("%.0f"):format(ms / 1000)) end)
      for ms = 10, 50, 10 do loop:call_later(ms, function() end) end]]
    local code, out, err = shell(([[
      dir=$(mktemp -d)
      cc -shared -fPIC -o $dir/wallclock.so %s/spec/scenarios/wallclock.c &&
        ASAN_OPTIONS=verify_asan_link_order=0:detect_leaks=0 LD_PRELOAD=$dir/wallclock.so %s %s
      code=$?; rm -r $dir; exit $code]]):format(quote(EDDY_ROOT), quote(EDDY_HOST), name))
    assert.same({ 0, "3600\n", "" }, { code, out, err })
  end)
end)
