local ffi = require "ffi"
local eddy = require "eddy"
local support = require "spec.lua.support"
local zmq = require "eddy.zmq"

ffi.cdef [[
struct outside_pollfd { int fd; short events, revents; };
int poll(struct outside_pollfd *items, unsigned long count, int timeout);
]]

local PATIENCE_MS = 5000

-- Whether the descriptor tells within `ms`.
local function tells(loop, ms)
  return ffi.C.poll(ffi.new("struct outside_pollfd", loop:fd(), 1), 1, ms) == 1
end

-- What another loop does: waits, and steps, until `done`.
local function run(loop, done)
  local latest = loop:time() + PATIENCE_MS
  repeat
    local ms = loop:timeout()
    local before = loop:time()
    tells(loop, math.ceil(math.min(ms or PATIENCE_MS, PATIENCE_MS)))
    assert(loop:time() - before < PATIENCE_MS, "it slept on what there was to do")
    loop:step()
    assert(loop:time() < latest, "it did not come to its end")
  until done()
end

describe("a loop inside another one", function()
  local loop

  support.each(function(...) loop = ... end)

  it("has one descriptor, and is left alone as long as there is nothing to do", function()
    assert.equal(loop:fd(), loop:fd())
    assert.is_nil(loop:timeout())
    assert.is_false(tells(loop, 0))
    assert.is_false(loop:step())
    assert.is_nil(loop:timeout())
  end)

  it("tells how long timers leave it alone", function()
    local fired = 0
    loop:call_later(4, function() fired = fired + 1 end)
    loop:call_later(50000, print)
    local ms = loop:timeout()
    assert.is_true(ms > 0 and ms <= 4)
    run(loop, function() return fired == 1 end)
    assert.is_true(loop:timeout() > 4000)
    assert.is_true(loop:step())
  end)

  it("is to be stepped at once for callbacks, also for those that a callback queues", function()
    local calls = 0
    loop:add_callback(function()
      calls = calls + 1
      loop:add_callback(function() calls = calls + 1 end)
    end)
    assert.equal(0, loop:timeout())
    assert.is_true(loop:step())
    assert.equal(0, loop:timeout())
    assert.is_false(loop:step())
    assert.equal(2, calls)
    assert.is_nil(loop:timeout())
  end)

  it("handles messages, and never sleeps on those whose wake-up is used up", function()
    local pull, push = support.streams(zmq.PULL, zmq.PUSH)
    local got = 0
    pull:on_recv(function() got = got + 1 end)
    for round = 1, 50 do
      for _ = 1, 3 do push:send "x" end
      pull:get "events" -- uses up what the descriptor would tell
      run(loop, function() return got == 3 * round end)
    end
  end)

  it("comes back for what a turn left", function()
    local pull, push = support.receiver()
    local got = {}
    pull:set_budget(2)
    pull:on_recv(function(msg)
      got[#got + 1] = msg[1]
      if msg[1] == "3" then pull:on_recv(nil) end
    end)
    for i = 1, 9 do push:send(tostring(i)) end
    run(loop, function() return #got == 3 end)
    assert.is_nil(loop:timeout())
    pull:on_recv(function(msg)
      got[#got + 1] = msg[1]
      if msg[1] == "5" then error "oops" end
    end)
    assert.equal(0, loop:timeout())
    run(loop, function() return #got == 9 end)
    assert.equal("1 2 3 4 5 6 7 8 9", table.concat(got, " "))
    assert.matches("oops", support.take_log())
  end)

  it("is woken by what is done to it while the other one waits", function()
    local pull, push = support.streams(zmq.PULL, zmq.PUSH)
    pull:on_recv(print)
    loop:step()
    local future = eddy.future(loop)
    loop:spawn(function() future:await() end)
    loop:step()
    for name, touch in pairs {
      send = function() push:send "x" end,
      callback = function() loop:add_callback(print) end,
      timer = function() loop:call_later(1, print) end,
      option = function() pull:get "events" end,
      future = function() future:set_result() end,
    } do
      pull:on_recv(function() end)
      for _ = 1, 5 do loop:step() end
      assert.message(name).is_true((loop:timeout() or 1) > 0)
      touch()
      assert.message(name).is_true(tells(loop, 0))
    end
    -- A timer that is due later than another one changes nothing.
    for _ = 1, 5 do loop:step() end
    loop:call_later(1000, print)
    loop:step()
    assert.is_true(loop:timeout() > 0)
    loop:call_later(2000, print)
    assert.is_false(tells(loop, 0))
  end)

  it("has handlers that wait, and tasks", function()
    local pull, push = support.receiver()
    local seen = {}
    pull:on_recv(function(msg)
      seen[#seen + 1] = msg[1]
      support.suspend(loop, 2)
      seen[#seen + 1] = msg[1] .. " end"
    end)
    push:send "a"
    push:send "b"
    loop:spawn(function()
      eddy.sleep(1)
      seen[#seen + 1] = "task"
    end)
    run(loop, function() return #seen == 5 end)
    assert.same({ "a", "b", "b end" }, { seen[1], seen[4], seen[5] })
  end)

  it("goes on after errors", function()
    local pull, push = support.receiver()
    local got = {}
    pull:on_recv(function(msg)
      got[#got + 1] = msg[1]
      error "oops"
    end)
    for i = 1, 3 do push:send(tostring(i)) end
    run(loop, function() return #got == 3 end)
    assert.equal("1 2 3", table.concat(got, " "))
    assert.equal(3, select(2, support.take_log():gsub("oops", "")))
  end)

  it("ends a step at a stop, and goes on at the next one", function()
    local calls = {}
    for i = 1, 3 do
      loop:add_callback(function()
        calls[#calls + 1] = i
        loop:stop()
      end)
    end
    assert.is_false(loop:step())
    assert.equal("1", table.concat(calls, " "))
    assert.equal(0, loop:timeout())
    loop:stop()
    assert.is_false(loop:step())
    assert.equal("1", table.concat(calls, " "))
    for _ = 1, 2 do loop:step() end
    assert.equal("1 2 3", table.concat(calls, " "))
  end)

  it("may be run as any loop between two steps", function()
    local calls = 0
    loop:call_later(1, function() calls = calls + 1 end)
    loop:step()
    support.run(loop, loop:call_later(3, loop.stop, loop) and 5000)
    assert.equal(1, calls)
    loop:add_callback(function() calls = calls + 1 end)
    loop:step()
    assert.equal(2, calls)
  end)

  it("refuses a step inside a step, and when it is closed", function()
    local err
    loop:add_callback(function() err = select(2, pcall(loop.step, loop)) end)
    loop:step()
    assert.matches("step: a loop is already running", err)
    local other = eddy.loop.new()
    other:step()
    other:close()
    for _, name in ipairs { "step", "timeout", "fd" } do
      assert.error_matches(function() other[name](other) end, name .. ": the loop is closed")
    end
  end)

  it("asks the loops inside it", function()
    local steps, due = 0, nil
    local embedded = loop:embed { fd = loop:fd() and eddy.loop.instance():fd(),
      timeout = function() return due and due - loop:time() end,
      step = function() steps, due = steps + 1, nil end }
    assert.is_nil(loop:timeout())
    due = loop:time() + 5
    assert.is_true(loop:timeout() <= 5)
    run(loop, function() return steps == 1 end)
    embedded:close()
    eddy.loop.instance():close()
  end)

  it("ends at a signal, whose name the step tells", function()
    local text, code = support.script(support.interrupt_soon "TERM" .. [[
      local eddy = require "eddy"
      local loop = eddy.loop.instance()
      loop:call_every(1, function() end)
      local is_alive, signal
      repeat is_alive, signal = loop:step() until not is_alive
      print(is_alive, signal)
      print(loop:step())
      loop:close()
    ]])
    assert.equal("false\tSIGTERM\ntrue\n", text)
    assert.equal(0, code)
  end)

  describe("of luv's", function()
    local has_luv, uv = pcall(require, "luv")
    if not has_luv then return pending("needs luv; on Debian: apt-get install lua-luv") end

    it("works as the guide has it", function()
      local pull, push = support.streams(zmq.PULL, zmq.PUSH)
      local got, ticks = 0, 0
      local poll, timer, prepare, own = uv.new_poll(loop:fd()), uv.new_timer(), uv.new_prepare(),
        uv.new_timer()
      local function step() loop:step() end
      poll:start("r", step)
      prepare:start(function()
        local ms = loop:timeout()
        if ms then timer:start(math.ceil(ms), 0, step) else timer:stop() end
      end)
      loop:call_every(2, function() ticks = ticks + 1 end)
      own:start(1, 1, function() push:send "from luv" end)
      pull:on_recv(function()
        got = got + 1
        if got >= 10 and ticks >= 3 then uv.stop() end
      end)
      uv.run()
      for _, handle in ipairs { poll, timer, prepare, own } do handle:close() end
      uv.run()
      assert.is_true(got >= 10)
    end)
  end)

  describe("of cqueues'", function()
    local has_cqueues, cqueues = pcall(require, "cqueues")
    if not has_cqueues then
      return pending("needs cqueues; on Debian: apt-get install lua-cqueues")
    end

    it("works as the guide has it", function()
      local pull, push = support.streams(zmq.PULL, zmq.PUSH)
      local queue, got, done = cqueues.new(), {}, false
      local future = eddy.future(loop)
      pull:on_recv(function(msg)
        got[#got + 1] = msg[1]
        if #got == 4 then loop:call_later(2, function() future:set_result "done" end) end
      end)
      queue:wrap(function()
        local outer = { pollfd = loop:fd(), events = "r" }
        function outer.timeout()
          local ms = loop:timeout()
          return ms and ms / 1000
        end
        repeat
          cqueues.poll(outer)
          loop:step()
        until done
      end)
      queue:wrap(function()
        for i = 1, 4 do
          cqueues.sleep(0.001)
          push:send(tostring(i))
        end
        assert(future:await() == "done")
        eddy.with_timeout(1, eddy.future(loop)):await()
        done = true
        loop:add_callback(function() end)
      end)
      assert(queue:loop(5))
      assert.is_true(done)
      assert.equal("1 2 3 4", table.concat(got, " "))
    end)
  end)
end)
