local eddy = require "eddy"
local support = require "spec.lua.support"

describe("task:interrupt", function()
  local loop
  support.each(function(...) loop = ... end)

  -- What becomes of a task that is interrupted once it waits.
  local function interrupted(fn, text)
    local task = loop:spawn(fn)
    loop:call_later(1, function() assert.is_true(task:interrupt(text)) end)
    local result
    support.task(loop, function() result = { pcall(task.await, task) } end)
    return result, task
  end

  it("raises where the task waits", function()
    local line
    local result = interrupted(function()
      line = debug.getinfo(1, "l").currentline + 1
      eddy.sleep(1e6)
      error "not reached"
    end)
    assert.is_false(result[1])
    assert.matches("interrupt_spec%.lua:" .. line .. ": interrupted$", result[2])
  end)

  it("takes the text of the error", function()
    assert.matches("interrupt_spec%.lua:%d+: too slow$",
      interrupted(function() eddy.sleep(1e6) end, "too slow")[2])
  end)

  it("gives up what it waits for, unless others wait for it, too", function()
    local own, shared = eddy.future.new(), eddy.future.new()
    interrupted(function() own:await() end)
    assert.is_true(own:cancelled())
    local other = loop:spawn(function() return shared:await() end)
    interrupted(function() shared:await() end)
    assert.is_false(shared:done())
    shared:set_result "both"
    support.task(loop, function() assert.equal("both", other:await()) end)
  end)

  it("may be caught: the task goes on, and can wait again", function()
    local result = interrupted(function()
      local ok, err = pcall(eddy.sleep, 1e6)
      eddy.sleep(1)
      return ok, err
    end)
    assert.same({ true, false }, { result[1], result[2] })
    assert.matches("interrupted", result[3])
  end)

  it("leaves it what it has got already, and raises in its next wait", function()
    local source, got = eddy.future.new(), nil
    local task = loop:spawn(function()
      got = source:await()
      eddy.sleep(1e6)
    end)
    loop:call_later(1, function()
      source:set_result "here"
      task:interrupt()
    end)
    support.task(loop, function()
      assert.is_false((pcall(task.await, task)))
      assert.matches("interrupted", task:error())
    end)
    assert.equal("here", got)
  end)

  it("raises at once in the task that calls it", function()
    local task
    task = loop:spawn(function()
      task:interrupt()
      error "not reached"
    end)
    support.task(loop, function()
      local _, err = pcall(task.await, task)
      assert.matches("interrupt_spec%.lua:%d+: interrupted$", err)
    end)
  end)

  it("raises at the next line of one that has resumed who calls", function()
    local task
    task = loop:spawn(function()
      local inner = coroutine.create(function() assert.is_true(task:interrupt()) end)
      coroutine.resume(inner)
      local count = 0
      for i = 1, 1e9 do count = count + i end
      error "not reached"
    end)
    support.task(loop, function()
      local _, err = pcall(task.await, task)
      assert.matches("interrupt_spec%.lua:%d+: interrupted$", err)
    end)
    assert.is_nil((debug.gethook()))
  end)

  it("fails one that was not begun, and leaves alone one that is done", function()
    local begun = false
    local task = loop:spawn(function() begun = true end)
    assert.is_true(task:interrupt())
    assert.is_false(task:interrupt())
    assert.equal("interrupted", task:error())
    support.turns(loop, 3)
    assert.is_false(begun)
  end)

  it("refuses what is no text", function()
    local task = loop:spawn(function() end)
    assert.error_matches(function() task:interrupt {} end,
      "interrupt: expected a text, got table")
    support.turns(loop, 2)
  end)
end)
