-- Chains and crowds of futures: as long and as many as there are, in work that grows with them
-- and no faster, and with texts that do not.
local async = require "eddy.async"
local eddy = require "eddy"
local support = require "spec.lua.support"
local zmq = require "eddy.zmq"

local DEPTH = 10000

describe("tasks that await each other", function()
  local loop
  support.each(function(...) loop = ... end)

  local function run(fn) return support.task(loop, fn) end

  local function link(depth, last)
    if depth == 0 then return last() end
    local result, err = eddy.spawn(link, depth - 1, last):await()
    return result, err
  end

  it("have the result of the last one, 10,000 deep", function()
    assert.equal("x", run(function()
      return eddy.spawn(link, DEPTH, function() return "x" end):await()
    end))
  end)

  it("have its error; the text names its origin, some awaits and how many are left out", function()
    local task = loop:spawn(link, DEPTH, function() error("at the end") end)
    local ok, err = pcall(run, function() return task:await() end)
    assert.is_false(ok)
    assert.matches("size_spec.lua:%d+: at the end$", err)
    local unheard = loop:spawn(link, DEPTH, function() error("for the log") end)
    run(function()
      while not unheard:done() do eddy.sleep(0) end
      eddy.sleep(0)
    end)
    local log = support.take_log()
    assert.matches("^task %(.*size_spec.lua.*: for the log\nstack traceback", log)
    local _, awaits = log:gsub("\nawaited by:", "")
    assert.is_true(awaits < 12)
    assert.equal(DEPTH, awaits + tonumber(log:match("%(awaited by (%d+) more%)")))
    assert.is_true(#log < 20000)
  end)

  it("of two are told of in full", function()
    loop:spawn(link, 2, function() error("deep") end)
    support.turns(loop, 10)
    local log = support.take_log()
    local _, awaits = log:gsub("\nawaited by:", "")
    assert.equal(2, awaits)
    assert.is_nil(log:find("more)", 1, true))
  end)

  -- Cancels the task of a depth, counted from the last one. All come to their ends.
  local function cancel_at(depth, first)
    local ended, chosen = 0, nil
    local function each(left)
      if left == 0 then
        eddy.sleep(60000)
      else
        local task = eddy.spawn(each, left - 1)
        if left == depth + 1 then chosen = task end
        task:await()
      end
      ended = ended + 1
    end
    run(function()
      local task = eddy.spawn(each, DEPTH)
      for _ = 1, DEPTH + 2 do eddy.sleep(0) end
      assert.is_true((first and task or chosen):cancel())
      task:await()
    end)
    assert.equal(DEPTH + 1, ended)
    assert.equal(0, loop._waiters)
  end

  it("are cancelled with the first one", function() cancel_at(DEPTH, true) end)
  it("go on when the last one is cancelled", function() cancel_at(0) end)
  it("are cancelled from the middle on; those before go on", function() cancel_at(DEPTH / 2) end)

  it("go on with the last one's result when the first one is out of time then", function()
    local last = eddy.future(loop)
    run(function()
      local limited = eddy.with_timeout(60000, eddy.spawn(link, DEPTH, function()
        return last:await()
      end))
      for _ = 1, DEPTH + 2 do eddy.sleep(0) end
      last:set_result("x")
      limited:_expire("the time is up")
      assert.equal("x", limited:await())
    end)
  end)

  it("by gathers and limits, have results and are cancelled as deep", function()
    run(function()
      local function limit(each) return eddy.with_timeout(60000, each) end
      for _, wrap in ipairs { eddy.gather, limit } do
        local inner = eddy.future()
        local outer = inner
        for _ = 1, DEPTH do outer = wrap(outer) end
        inner:set_result("x")
        assert.equal("x", outer:await())
        inner = eddy.future()
        outer = inner
        for _ = 1, DEPTH do outer = wrap(outer) end
        if wrap == limit then assert.is_false(inner:_attended()) end
        assert.is_true(outer:cancel())
        assert.is_true(inner:cancelled())
        local function gathered(depth)
          if depth == 0 then return eddy.sleep(60000) end
          return wrap(eddy.spawn(gathered, depth - 1)):await()
        end
        local task = eddy.spawn(gathered, DEPTH / 4)
        for _ = 1, DEPTH / 4 + 2 do eddy.sleep(0) end
        assert.is_true(task:cancel())
        task:await()
      end
    end)
    assert.equal(0, loop:stats().timers)
  end)
end)

describe("the work for", function()
  local loop, plain, context
  support.each(function(...) loop, plain, context = ... end, async)

  -- How many instructions a function takes, in hundreds.
  local function steps_of(fn, count)
    local hook, mask, every = debug.gethook()
    local steps = 0
    jit.off()
    jit.flush() -- what is compiled runs uncounted
    debug.sethook(function() steps = steps + 1 end, "", 100)
    local ok, err = pcall(fn, count)
    debug.sethook(hook, mask or "", every or 0)
    jit.on()
    if os.getenv "EDDY_JIT" == "off" then jit.off() end
    assert.message(tostring(err)).is_true(ok)
    return steps
  end

  local function run(fn) return support.task(loop, fn) end

  local function shuffle(list)
    for i = #list, 2, -1 do
      local j = math.random(i)
      list[i], list[j] = list[j], list[i]
    end
  end

  local function cancel_all(list, order)
    if order == "at random" then shuffle(list) end
    if order == "youngest first" then
      for i = #list, 1, -1 do list[i]:cancel() end
    else
      for i = 1, #list do list[i]:cancel() end
    end
  end

  local function socket() return context:socket(zmq.PULL, { bind = support.inproc() }) end

  local crowds = {
    ["tasks that wait for one future"] = function(count, order)
      local one, tasks = eddy.future(), {}
      for i = 1, count do tasks[i] = eddy.spawn(function() one:await() end) end
      eddy.sleep(0)
      cancel_all(tasks, order)
      eddy.sleep(0)
    end,
    ["limits of one future"] = function(count, order)
      local one, limits = eddy.future(), {}
      one:add_done_callback(function() end)
      for i = 1, count do limits[i] = eddy.with_timeout(60000, one) end
      cancel_all(limits, order)
    end,
    ["gathers of one future"] = function(count, order)
      local one, others = eddy.future(), {}
      for i = 1, count do
        others[i] = eddy.future()
        eddy.gather(one, others[i]):error()
      end
      cancel_all(others, order)
    end,
    ["receives of one socket"] = function(count, order)
      local one, futures = socket(), {}
      for i = 1, count do futures[i] = one:recv() end
      cancel_all(futures, order)
    end,
    ["polls of one socket"] = function(count, order)
      local one, futures = socket(), {}
      for i = 1, count do futures[i] = one:poll() end
      cancel_all(futures, order)
    end,
    ["polls of one poller"] = function(count, order)
      local one, futures = async.poller(), {}
      one:register(socket())
      for i = 1, count do futures[i] = one:poll() end
      eddy.sleep(0)
      cancel_all(futures, order)
      eddy.sleep(0)
    end,
    ["timers"] = function(count, order)
      local timers = {}
      for i = 1, count do timers[i] = loop:call_later(60000 + i % 7, print) end
      cancel_all(timers, order)
    end,
  }

  for name, crowd in pairs(crowds) do
    for _, order in ipairs { "youngest first", "oldest first", "at random" } do
      it(name .. ", cancelled " .. order .. ", grows with their number", function()
        run(function()
          crowd(10, order)
          local few = steps_of(function(count) crowd(count, order) end, 500)
          local many = steps_of(function(count) crowd(count, order) end, 4000)
          assert.message(("%d and %d"):format(few, many)).is_true(many < 2 * 8 * few)
        end)
      end)
    end
  end

  local others = {
    ["a gather of many"] = function(count)
      local list = {}
      for i = 1, count do list[i] = eddy.future() end
      local all = eddy.gather(list)
      for i = count, 1, -1 do list[i]:set_result(i) end
      assert.equal(count, all:await()[count])
      for i = 1, count do list[i] = eddy.future() end
      eddy.gather(list):cancel()
      assert.is_true(list[count]:cancelled())
    end,
    ["sends of a ROUTER that pass others"] = function(count)
      local router = context:socket(zmq.ROUTER, { linger = 0, sndhwm = 1, router_mandatory = 1,
        bind = support.inproc() })
      local slow = context:socket(zmq.DEALER, { linger = 0, rcvhwm = 1, routing_id = "slow",
        connect = router.last_endpoint })
      local quick = context:socket(zmq.DEALER, { linger = 0, routing_id = "quick",
        connect = router.last_endpoint })
      eddy.sleep(1)
      local waiting = {}
      for i = 1, count do waiting[i] = router:send_multipart { "slow", "x" } end
      for _ = 1, count do
        router:send_multipart({ "quick", "x" }):cancel()
        quick:recv(zmq.DONTWAIT):cancel()
      end
      cancel_all(waiting, "youngest first")
      slow:close()
      quick:close()
      router:close()
    end,
    ["tasks that wait for room in a send queue, and send in their order,"] = function(count)
      local push = eddy.stream(plain:socket(zmq.PUSH, { linger = 0, sndhwm = 1,
        bind = support.inproc() }), loop)
      local pull = eddy.stream(plain:socket(zmq.PULL, { linger = 0, rcvhwm = 1,
        connect = push.socket.last_endpoint }), loop)
      push:set_send_limit { messages = 2 }
      pull:set_budget(1)
      local all, got = eddy.future(), 0
      pull:on_recv(function(msg)
        got = got + 1
        if got == count then all:set_result() end
        assert.equal(got, tonumber(msg[1]))
      end)
      for i = 1, count do eddy.spawn(push.send, push, tostring(i)) end
      all:await()
      push:close()
      pull:close()
    end,
    ["what a poller forgets"] = function(count)
      local one = zmq.poller()
      for i = 1, count do one:register(1000 + i, zmq.POLLIN) end
      for i = 1, count do one:unregister(1000 + i) end
      assert.is_false(one:has(1001))
    end,
    ["an error through tasks that await each other"] = function(count)
      local function link(depth)
        if depth == 0 then error("deep") end
        return (eddy.spawn(link, depth - 1):await())
      end
      pcall(eddy.await, eddy.spawn(link, count))
    end,
    ["a chain that is cancelled"] = function(count)
      local function link(depth)
        if depth == 0 then return eddy.sleep(60000) end
        return eddy.with_timeout(60000, eddy.spawn(link, depth - 1)):await()
      end
      local task = eddy.spawn(link, count)
      for _ = 1, count + 2 do eddy.sleep(0) end
      task:cancel()
      task:await()
    end,
  }

  for name, fn in pairs(others) do
    it(name .. " grows with their number", function()
      run(function()
        fn(10)
        local few, many = steps_of(fn, 400), steps_of(fn, 3200)
        assert.message(("%d and %d"):format(few, many)).is_true(many < 2 * 8 * few)
      end)
    end)
  end

  it("a deadlock of many is told in a bounded text: who waits alike is counted", function()
    local other = eddy.loop.new()
    local function wait() eddy.future(other):await() end
    for _ = 1, 3000 do other:spawn(wait) end
    for i = 1, 30 do
      other:spawn(assert(loadstring("local eddy = ... " .. ("\n"):rep(i) ..
        "require('eddy').future():await()", "=place")))
    end
    local ok, err = pcall(other._run_until_idle, other)
    other:close()
    assert.is_false(ok)
    assert.matches("deadlock: ", err)
    assert.matches("\n3000 times: task %(.-size_spec.lua:%d+%) waits for future\n", err)
    assert.matches("\n11 more wait elsewhere$", err)
    assert.is_true(#err < 20 * 1500)
  end)
end)
