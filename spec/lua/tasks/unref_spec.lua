-- Tasks and timers that keep nothing alive.
local eddy = require "eddy"
local zmq = require "eddy.zmq"
local process = require "spec.support.process"
local support = require "spec.lua.support"

local loop, context, green

support.each(function(...) loop, context, green = ... end, eddy.green)

-- Runs the loop as the host does, and says whether it ended before `ms` were over.
local function ends_within(ms)
  local late = false
  local timer = loop:call_later(ms, function()
    late = true
    loop:stop()
  end):unref()
  loop:_run_until_idle()
  timer:cancel()
  return not late
end

-- What a task may wait for.
local function waits()
  local pull = support.join(green, zmq.PULL, context, zmq.PUSH)
  local push = green:socket(zmq.PUSH, { linger = 0, bind = support.inproc() })
  local poller = eddy.green.poller()
  poller:register(pull, zmq.POLLIN)
  return {
    receiving = function() pull:recv() end,
    sending = function() push:send("x") end,
    ["receiving with a limit"] = function()
      pull.rcvtimeo = 60000
      pull:recv()
    end,
    polling = function() poller:poll(60000) end,
    ["a sleep"] = function() eddy.sleep(60000) end,
    ["a future"] = function() eddy.future(loop):await() end,
    ["a future with a limit"] = function()
      eddy.with_timeout(60000, eddy.gather(eddy.future(loop), eddy.future(loop))):await()
    end,
    ["another task"] = function() loop:spawn(eddy.sleep, 60000):unref():await() end,
  }
end

describe("task:unref", function()
  local names = {}
  for name in pairs { receiving = 1, sending = 1, ["receiving with a limit"] = 1, polling = 1,
    ["a sleep"] = 1, ["a future"] = 1, ["a future with a limit"] = 1, ["another task"] = 1 } do
    names[#names + 1] = name
  end
  for _, name in ipairs(names) do
    it("has a task keep nothing alive that waits for " .. name, function()
      local task = loop:spawn(waits()[name])
      assert.equal(task, task:unref())
      assert.is_true(ends_within(30000))
      assert.is_false(task:done())
    end)

    it("does so, and ref takes it back, while it waits for " .. name, function()
      local task = loop:spawn(waits()[name])
      local is_first = true
      loop:add_callback(loop.add_callback, loop, function()
        if is_first then task:unref() end
      end)
      assert.is_true(ends_within(30000))
      task:ref()
      if name == "a future" then return end -- which is a deadlock
      assert.is_false(ends_within(30))
    end)
  end

  it("does not keep the task from its work while others keep the loop alive", function()
    local beats = 0
    loop:spawn(function()
      while true do
        beats = beats + 1
        eddy.sleep(1)
      end
    end):unref()
    loop:spawn(function() while beats < 5 do eddy.sleep(1) end end)
    assert.is_true(ends_within(30000))
    assert.is_true(beats >= 5)
  end)

  it("keeps one out of the report of a deadlock's reasons", function()
    loop:spawn(function() eddy.future(loop):await() end):unref()
    assert.is_true(ends_within(30000))
    loop:spawn(function() eddy.future(loop):await() end)
    assert.has_error(function() loop:_run_until_idle() end)
  end)

  it("has an end in order not wait for the task", function()
    loop:spawn(eddy.sleep, 60000):unref()
    local future = loop:stop_gracefully(60000)
    support.run(loop)
    assert.same({}, future:result())
  end)

  it("lets a program end that has a server in a task", function()
    local out = process.check(0, process.eddy("-e", [[
      local eddy, zmq = require "eddy", require "eddy.zmq"
      local green = require("eddy.green").instance()
      local rep = green:socket(zmq.REP, { bind = "inproc://server" })
      local req = green:socket(zmq.REQ, { connect = "inproc://server" })
      eddy.spawn(function() while true do rep:send(rep:recv() .. ", too") end end):unref()
      eddy.spawn(function() while true do eddy.sleep(1000) end end):unref()
      eddy.spawn(function()
        req:send("hello")
        print(req:recv())
      end)]]))
    assert.equal("hello, too\n", out)
  end)
end)

describe("timer:unref", function()
  it("has a timer keep no loop running, and ref does again", function()
    local timer = loop:call_later(60000, print)
    assert.equal(timer, timer:unref())
    timer:unref()
    assert.is_true(ends_within(30000))
    assert.equal(timer, timer:ref())
    assert.is_false(ends_within(30))
    timer:unref():start()
    assert.is_true(ends_within(30000))
    timer:stop()
    assert.equal(0, loop._expected)
  end)

  it("holds for periodic ones, also while their functions wait", function()
    local ticks = 0
    local timer
    timer = loop:call_every(1, function()
      ticks = ticks + 1
      if ticks == 2 then timer:ref() end
      eddy.sleep(1)
      if ticks == 3 then timer:unref() end
    end):unref()
    loop:call_later(5, function() end)
    assert.is_true(ends_within(30000))
    timer:stop()
    assert.equal(0, loop._expected)
    assert.is_true(ticks >= 1)
  end)
end)
