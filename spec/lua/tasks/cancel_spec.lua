local async = require "eddy.async"
local eddy = require "eddy"
local ffi = require "ffi"
local files = require "spec.support.files"
local green = require "eddy.green"
local support = require "spec.lua.support"
local zmq = require "eddy.zmq"

describe("a task that is cancelled", function()
  local loop
  support.each(function(...) loop = ... end)

  local function run(fn) return support.task(loop, fn) end

  it("before it began never does", function()
    local began = false
    local task = loop:spawn(function() began = true end)
    assert.is_true(task:cancel())
    assert.is_false(task:cancel())
    support.turns(loop, 3)
    assert.is_false(began)
  end)

  it("is told in its wait, once; the next wait raises, quietly", function()
    local told, went_on = nil, false
    local task = loop:spawn(function()
      told = select(2, eddy.future():await())
      eddy.sleep(60000)
      went_on = true
    end)
    run(function()
      eddy.sleep(1)
      task:cancel()
      eddy.sleep(1)
    end)
    assert.equal("ECANCELED", told.name)
    assert.is_false(went_on)
    assert.equal(0, loop:stats().timers)
  end)

  it("may clean up, and fail at that, which is logged", function()
    local cleaned = false
    local task = loop:spawn(function()
      eddy.sleep(60000)
      cleaned = true
      error("while cleaning up")
    end)
    run(function()
      eddy.sleep(1)
      task:cancel()
      eddy.sleep(1)
    end)
    assert.is_true(cleaned)
    assert.matches("task %(.*cancel_spec.*while cleaning up", support.take_log())
  end)

  it("by run_sync's limit has been told when that returns", function()
    local told
    local _, err = loop:run_sync(function() told = select(2, eddy.sleep(60000)) end, 1)
    assert.equal("ETIMEDOUT", err.name)
    assert.equal("ECANCELED", told.name)
  end)

  it("cancels what it waits for, tasks too, unless somebody else waits for that", function()
    local inner = loop:spawn(function() eddy.sleep(60000) end)
    local outer = loop:spawn(function() inner:await() end)
    local shared = eddy.future(loop)
    local one = loop:spawn(function() shared:await() end)
    local two = loop:spawn(function() return shared:await() end)
    run(function()
      eddy.sleep(1)
      outer:cancel()
      one:cancel()
      assert.is_true(inner:cancelled())
      assert.is_false(shared:done())
      shared:set_result("x")
      assert.equal("x", two:await())
    end)
    assert.equal(0, loop:stats().timers)
  end)

  it("from outside while it runs leaves no receive behind that takes a message", function()
    local context = green.context()
    local pull = context:socket(zmq.PULL, { linger = 0, bind = support.inproc() })
    local push = context:socket(zmq.PUSH, { linger = 0, connect = pull.last_endpoint })
    local second
    run(function()
      local task
      task = loop:spawn(function()
        task:cancel()
        assert.equal("ECANCELED", select(2, pull:recv()).name)
        assert.is_false(pcall(pull.recv, pull))
        second = true
      end)
      eddy.sleep(1)
      assert.is_true(second)
      push:send("kept")
      assert.equal("kept", pull:recv())
    end)
    context:destroy(0)
  end)

  it("after its loop was closed is that, and nothing else happens", function()
    local other = eddy.loop.new()
    local task = other:spawn(function() eddy.sleep(60000) end)
    other:call_later(1, other.stop, other)
    other:start()
    other:close()
    assert.is_true(task:cancel())
    assert.is_true(task:cancelled())
  end)
end)

describe("those that wait", function()
  local loop, context
  support.each(function(...) loop, context = ... end)

  local function run(fn) return support.task(loop, fn) end

  it("may be 10,000 tasks, each with its own future", function()
    local futures, tasks, sum = {}, {}, 0
    for i = 1, 10000 do
      local own = eddy.future(loop)
      futures[i], tasks[i] = own, loop:spawn(function()
        local result = own:await()
        sum = sum + result
      end)
    end
    loop:call_later(1, function()
      for i = 10000, 1, -1 do futures[i]:set_result(i) end
    end)
    run(function() eddy.gather(tasks):await() end)
    assert.equal(10000 * 10001 / 2, sum)
    assert.same({}, loop._waiting)
    assert.equal(0, loop._waiters)
  end)

  it("and are cancelled at random moments leave nothing behind", function()
    local alive, finished = {}, 0
    run(function()
      local nobody = eddy.future()
      nobody:add_done_callback(function() end)
      for i = 1, 2000 do
        alive[i] = loop:spawn(function()
          for _ = 1, math.random(1, 5) do
            local _, err
            if math.random() < 0.3 then
              _, err = eddy.with_timeout(math.random() * 5, nobody):await()
            else
              _, err = eddy.sleep(math.random() * 5)
            end
            if err and err.name == "ECANCELED" then return end
          end
          finished = finished + 1
        end)
        if i % 20 == 0 then eddy.sleep(0) end
        alive[math.random(1, i)]:cancel()
      end
      for _, task in ipairs(alive) do
        task:await()
      end
    end)
    assert.is_true(finished > 0 and finished < 2000)
    assert.same({}, loop._waiting)
    assert.equal(0, loop._waiters)
    assert.equal(0, loop:stats().timers)
  end)

  it("and have ended are let go: memory is flat", function()
    local function some()
      for _ = 1, 20 do
        for _ = 1, 1000 do loop:spawn(function() return 1 end) end
        support.turns(loop, 2)
      end
      collectgarbage()
      collectgarbage()
      return collectgarbage("count")
    end
    local before = some()
    assert.is_true(some() - before < 500)
  end)

  it("may be plain coroutines: of a script's own, with an error of their own", function()
    local order, one = {}, eddy.future(loop)
    local go = coroutine.wrap(function()
      order[#order + 1] = one:await()
      error("in the coroutine")
    end)
    go()
    loop:call_later(1, one.set_result, one, "x")
    support.wait(loop, function() return #order == 1 end)
    assert.same({ "x" }, order)
    local log = support.take_log()
    assert.matches("coroutine: .*cancel_spec%.lua:%d+: in the coroutine\nstack traceback", log)
  end)

  it("do not mind somebody else who resumes them", function()
    local one, got = eddy.future(loop), nil
    local thread = coroutine.create(function() got = one:await() end)
    coroutine.resume(thread)
    coroutine.resume(thread, "not what it waits for")
    assert.is_nil(got)
    one:set_result("x")
    support.turns(loop, 2)
    assert.equal("x", got)
    assert.equal("dead", coroutine.status(thread))
  end)

  describe("may be handlers", function()
    local function await_something()
      local one = eddy.future(loop)
      loop:call_later(2, one.set_result, one, "x")
      assert.equal("x", eddy.await(one))
      eddy.sleep(1)
      loop:stop()
    end

    it("of callbacks, timers, periodic timers and futures", function()
      loop:add_callback(await_something)
      support.run(loop)
      loop:call_later(1, await_something)
      support.run(loop)
      local timer = loop:call_every(1, await_something)
      support.run(loop)
      timer:cancel()
      local one = eddy.future(loop)
      one:add_done_callback(await_something)
      one:set_result()
      support.run(loop)
    end)

    it("of signals and descriptors", function()
      ffi.cdef "int getpid(void); int kill(int pid, int signal);"
      local handle = loop:on_signal("SIGUSR1", await_something)
      ffi.C.kill(ffi.C.getpid(), 10)
      support.run(loop)
      handle:cancel()
      local push = context:socket(zmq.PUSH, { linger = 0, bind = support.inproc() })
      local pull = context:socket(zmq.PULL, { linger = 0, connect = push.last_endpoint })
      loop:add_handler(pull, function()
        pull:recv()
        await_something()
      end)
      push:send("x")
      support.run(loop)
      loop:remove_handler(pull)
    end)

    it("of streams: on_recv, on_send, on_close", function()
      local a, b = support.streams(zmq.PAIR, zmq.PAIR)
      a:on_recv(await_something)
      b:send("x")
      support.run(loop)
      a:on_recv(nil)
      b:on_send(await_something)
      b:send("y")
      support.run(loop)
      b:on_close(await_something)
      loop:add_callback(b.close, b, 0)
      support.run(loop)
    end)
  end)

  it("go on where they were after a stop and another start", function()
    local order = {}
    local task = loop:spawn(function()
      for i = 1, 3 do
        eddy.sleep(1)
        order[#order + 1] = i
        loop:stop()
      end
    end)
    for i = 1, 3 do
      support.run(loop)
      assert.equal(i, #order)
    end
    assert.is_true(task:done())
  end)

  it("end as cancelled or not at all when the loop is closed; nothing runs there", function()
    local other, sockets, ran = eddy.loop.new(), async.context(), 0
    local pull = sockets:socket(zmq.PULL, { bind = support.inproc() })
    local futures, own = {}, eddy.future(other)
    other:run_sync(function()
      futures = { pull:recv(), pull:poll(), eddy.with_timeout(60000, pull:recv()) }
      for _, each in ipairs(futures) do
        other:spawn(function()
          each:await()
          ran = ran + 1
        end)
        each:add_done_callback(function() ran = ran + 1 end)
      end
      other:spawn(function() own:await() end)
      eddy.sleep(1)
    end)
    other:close()
    for _, each in ipairs(futures) do assert.equal("ECANCELED", each:error().name) end
    own:set_result(1)
    assert.equal(0, ran)
    sockets:destroy(0)
  end)

  it("in the main program go on as soon as they can, and run the loop for no longer", function()
    local late = eddy.future(loop)
    loop:call_later(60000, late.set_result, late)
    local soon = eddy.future(loop)
    loop:call_later(1, soon.set_result, soon, "x")
    assert.equal("x", soon:await())
    assert.is_false(late:done())
    local failed = loop:spawn(function() error("mine", 0) end)
    assert.same({ false, "mine" }, { pcall(eddy.await, failed) })
    loop:call_later(1, function() error("in a timer") end)
    local more = eddy.future(loop)
    loop:call_later(3, more.set_result, more)
    more:await()
    assert.matches("in a timer", support.take_log())
  end)

  it("cannot inside a C function that calls back: told so, they leave nothing behind", function()
    local one = eddy.future(loop)
    run(function()
      for _, wait in ipairs { function() eddy.sleep(1) end, function() one:await() end } do
        local ok, err = pcall(string.gsub, "x", "x", wait)
        assert.is_false(ok)
        assert.matches("cannot wait for %w+ inside a C function", err)
      end
      assert.equal(1, loop:stats().timers) -- run_sync's
      one:set_result()
      eddy.sleep(3)
    end)
  end)

  it("cannot in a file that dofile runs: told so, with what may", function()
    local path = os.tmpname()
    files.write(path, 'require("eddy").sleep(1) return "waited"')
    run(function()
      local ok, err = pcall(dofile, path)
      assert.is_false(ok)
      assert.matches(":1: a coroutine cannot wait for sleep while `dofile` runs /.-: use " ..
        "`assert%(loadfile%(FILE%)%)%(%)` in its place", err)
      assert.equal("waited", assert(loadfile(path))())
    end)
    os.remove(path)
  end)

  it("in the main program are told of a stop; what others have goes on", function()
    local task = loop:spawn(function()
      eddy.sleep(5)
      return "x"
    end)
    loop:call_later(1, loop.stop, loop)
    local ok, err = pcall(task.await, task)
    assert.is_false(ok)
    assert.equal("EINTR", err.name)
    assert.equal("x", task:await())
  end)
end)
