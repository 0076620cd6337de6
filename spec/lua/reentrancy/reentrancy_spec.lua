-- Code that runs in the middle of eddy's own, and calls eddy: finalizers, wherever memory is
-- allocated, and hooks, at every instruction.
local auth_calls = require "spec.lua.reentrancy.auth_calls"
local end_calls = require "spec.lua.reentrancy.end_calls"
local hostile = require "spec.lua.reentrancy.hostile"
local link_calls = require "spec.lua.reentrancy.link_calls"
local loop_calls = require "spec.lua.reentrancy.loop_calls"
local plain_calls = require "spec.lua.reentrancy.plain_calls"
local public = require "spec.lua.reentrancy.public"
local support = require "spec.lua.support"

local calls = {}
for _, part in ipairs { auth_calls, end_calls, plain_calls, loop_calls, link_calls } do
  for name, scenario in pairs(part) do calls[name] = scenario end
end

-- What a scenario comes to in a fresh world, and its result.
-- @param around around(fn): calls it
local function play(scenario, around)
  local loop, context = support.open()
  local ok, result = around(function() return scenario(loop, context) end)
  collectgarbage()
  support.close()
  if not ok then error(result, 0) end
  return result
end

describe("what runs in the middle of a call", function()
  local other
  before_each(function() other = hostile.new() end)
  after_each(function() other:close() end)

  for name, scenario in pairs(calls) do
    for _, how in ipairs { "hook", "finalize" } do
      it("spoils nothing of " .. name .. ", nor is spoilt: " .. how, function()
        local expected = play(scenario, pcall)
        local count = other.count
        local got = play(scenario, function(fn)
          return hostile[how](function() other:act() end, fn)
        end)
        assert.same(expected, got)
        assert.same({}, other.wrong)
        assert.is_true(other.count > count)
      end)
    end
  end
end)

describe("every public function", function()
  it("is among what was interrupted", function()
    local called, jit = {}, require "jit"
    local was_on = jit.status()
    jit.off()
    jit.flush()
    for _, scenario in pairs(calls) do
      play(scenario, function(fn)
        debug.sethook(function() called[debug.getinfo(2, "f").func] = true end, "c")
        local results = { pcall(fn) }
        debug.sethook()
        return unpack(results)
      end)
    end
    if was_on then jit.on() end
    local missing = {}
    for fn, full in pairs(public.functions()) do
      if not called[fn] then missing[#missing + 1] = full end
    end
    table.sort(missing)
    assert.same({}, missing)
  end)
end)
