-- How long calls wait: negative and infinite limits are for ever, in each of them.
local eddy = require "eddy"
local async = require "eddy.async"
local devices = require "eddy.devices"
local errors = require "eddy.base.errors"
local green = require "eddy.green"
local zmq = require "eddy.zmq"
local support = require "spec.lua.support"

local FOR_EVER = { ["infinity"] = math.huge, ["a negative number"] = -1,
  ["minus infinity"] = -math.huge, ["more than any clock"] = 1e300, ["2^53"] = 2 ^ 53,
  ["2^31"] = 2 ^ 31 }

describe("a limit of", function()
  local loop, context, own
  before_each(function() loop, context, own = support.open(green) end)
  after_each(support.close)

  -- A descriptor-less thing that becomes ready while somebody blocks: a device's thread sends.
  local function message_soon()
    local front, back = support.inproc(), support.inproc()
    local device = devices.device(zmq.STREAMER, zmq.PULL, zmq.PUSH)
    device:bind_in(front)
    device:bind_out(back)
    device:start()
    local push = context:socket(zmq.PUSH, { linger = 0, connect = front })
    local last = context:socket(zmq.PULL, { linger = 0, connect = back })
    push:send "x"
    return last, function()
      push:close()
      last:close()
      device:stop()
      assert.is_true(device:join(5000))
    end
  end

  -- What waits, for `ms`; returns whether it waited until what it waits for was there.
  local waits = {
    ["a tracker's wait"] = function(ms)
      local push, endpoint = support.lonely(zmq.PUSH)
      local pull = context:socket(zmq.PULL, { linger = 0, connect = endpoint })
      local tracker = push:send("x", 0, false, true)
      local msg = pull:recv(0, false)
      msg:close()
      local done = tracker:wait(ms)
      push:close()
      pull:close()
      return done
    end,
    ["a socket's poll"] = function(ms)
      local socket, close = message_soon()
      local events = socket:poll(ms)
      close()
      return events == zmq.POLLIN
    end,
    ["a poller's poll"] = function(ms)
      local socket, close = message_soon()
      local poller = zmq.poller()
      poller:register(socket, zmq.POLLIN)
      local ready = poller:poll(ms)
      close()
      return ready[socket] == zmq.POLLIN
    end,
    ["select"] = function(ms)
      local socket, close = message_soon()
      local ready = zmq.select({ socket }, {}, {}, ms)
      close()
      return ready[1] == socket
    end,
    ["with_timeout"] = function(ms)
      return support.task(loop, function()
        return eddy.await(eddy.with_timeout(ms, loop:spawn(function()
          eddy.sleep(5)
          return true
        end)))
      end)
    end,
    ["run_sync"] = function(ms)
      return loop:run_sync(function()
        eddy.sleep(5)
        return true
      end, ms)
    end,
    ["a poll of eddy.green"] = function(ms)
      local endpoint = support.inproc()
      local a = own:socket(zmq.PAIR, { linger = 0, bind = endpoint })
      local b = own:socket(zmq.PAIR, { linger = 0, connect = endpoint })
      return support.task(loop, function()
        loop:call_later(5, function() a:send "x" end)
        local poller = green.poller()
        poller:register(b, green.POLLIN)
        local ready = poller:poll(ms)
        return b:poll(ms) == zmq.POLLIN and ready[b] == zmq.POLLIN
      end)
    end,
    ["a poll of eddy.async"] = function(ms)
      local other = async.context()
      local endpoint = support.inproc()
      local a = other:socket(zmq.PAIR, { linger = 0, bind = endpoint })
      local b = other:socket(zmq.PAIR, { linger = 0, connect = endpoint })
      local events = support.task(loop, function()
        loop:call_later(5, function() a:send "x" end)
        return b:poll(ms):await()
      end)
      other:destroy(0)
      return events == zmq.POLLIN
    end,
    ["a close that drains"] = function(ms)
      local push, pull = support.streams(zmq.PUSH, zmq.PULL)
      push:send "x"
      local lost = support.task(loop, function() return push:close { drain = ms } end)
      pull:close()
      return lost == 0
    end,
    ["a close that drains outside of the loop"] = function(ms)
      local push, pull = support.streams(zmq.PUSH, zmq.PULL)
      push:send "x"
      local lost = push:close { drain = ms, linger = 0 }
      pull:close()
      return lost == 0
    end,
  }

  for name, ms in pairs(FOR_EVER) do
    for what, wait in pairs(waits) do
      it(name .. ", for " .. what .. ", is for ever", function() assert.is_true(wait(ms)) end)
    end

    it(name .. ", to join a device, is for ever", function()
      local device = devices.device(zmq.STREAMER, zmq.PULL, zmq.PUSH)
      device:bind_in(support.inproc())
      device:bind_out(support.inproc())
      device:start()
      device:stop() -- its thread ends a moment later
      assert.is_true(device:join(ms))
    end)
  end

  it("infinity is no timer, which would keep the loop alive", function()
    local socket = own:socket(zmq.PULL, { linger = 0, bind = support.inproc() })
    local future = eddy.future(loop)
    local tasks = { loop:spawn(function() return socket:poll(math.huge) end),
      loop:spawn(function() return eddy.await(eddy.with_timeout(math.huge, future)) end) }
    support.turns(loop, 3)
    assert.equal(0, loop:stats().timers)
    for _, task in ipairs(tasks) do task:cancel() end
    support.turns(loop, 3)
  end)

  it("nothing that is a number is refused by all of them", function()
    local device = devices.device(zmq.STREAMER, zmq.PULL, zmq.PUSH)
    device:bind_in(support.inproc())
    device:bind_out(support.inproc())
    device:start()
    local tracker = zmq.frame("x", true).tracker
    local socket = support.lonely(zmq.PULL)
    local future = eddy.future(loop)
    local calls = {
      function(ms) device:join(ms) end, function(ms) tracker:wait(ms) end,
      function(ms) socket:poll(ms) end, function(ms) zmq.poller():poll(ms) end,
      function(ms) zmq.select({ socket }, {}, {}, ms) end,
      function(ms) eddy.with_timeout(ms, future) end, function(ms) eddy.sleep(ms) end,
      function(ms) loop:run_sync(function() end, ms) end,
      function(ms) loop:call_later(ms, print) end, function(ms) loop:call_every(ms, print) end,
      function(ms) socket:close(ms) end,
    }
    for i, call in ipairs(calls) do
      for _, wrong in ipairs { 0 / 0, "x" } do
        local ok, err = pcall(call, wrong)
        assert.is_false(ok, "call " .. i)
        assert.matches("milliseconds", tostring(err))
      end
    end
    device:stop()
    assert.is_true(device:join(5000))
    socket:close()
  end)

  it("a negative time from now is now, where something is to be done then", function()
    local over = false
    loop:call_later(-5, function() over = true end)
    assert.is_true(support.task(loop, function()
      eddy.sleep(-5)
      return over
    end))
    local timer = loop:call_later(math.huge, function() end)
    assert.is_true(timer:active())
    timer:cancel()
  end)
end)

describe("a linger", function()
  it("is whole, for ever when it is negative or infinite, and never shorter than asked", function()
    for _, each in ipairs { { -1, -1 }, { -0.5, -1 }, { math.huge, -1 }, { -math.huge, -1 },
      { 0, 0 }, { 0.5, 1 }, { 7, 7 }, { 2 ^ 31, 2 ^ 31 - 1 }, { 2 ^ 53, 2 ^ 31 - 1 } } do
      assert.equal(each[2], errors.linger_of(each[1]))
    end
    assert.is_nil(errors.linger_of(nil))
    assert.is_false((pcall(errors.linger_of, 0 / 0)))
  end)
end)
