-- A result that is in hand when a limit runs out, or somebody cancels: it goes to the caller, or
-- stays for the next receive.
local async = require "eddy.async"
local eddy = require "eddy"
local green = require "eddy.green"
local support = require "spec.lua.support"
local zmq = require "eddy.zmq"

local TRANSPORTS = { "inproc", "tcp", "ipc" }

describe("a message that comes in the turn in which its receiver is ended", function()
  local loop, context, pull, push

  before_each(function() loop = support.open() end)
  after_each(function()
    if context then context:destroy(0) end
    context = nil
    support.close()
  end)

  local function run(fn) return support.task(loop, fn) end

  local function open(kind, transport)
    context = kind.context()
    pull = context:socket(zmq.PULL, { linger = 0 })
    local path = os.tmpname()
    os.remove(path)
    pull:bind(({ inproc = support.inproc(), tcp = "tcp://127.0.0.1:*",
      ipc = "ipc://" .. path })[transport or "inproc"])
    push = context:socket(zmq.PUSH, { linger = 0, connect = pull.last_endpoint })
  end

  -- Has a message be received in a turn, and `finish` run later in that turn, before whoever
  -- waits for the message goes on.
  local function in_one_turn(finish)
    loop:call_later(0, function()
      push:send("a message")
      local socket = zmq.poller()
      socket:register(pull, zmq.POLLIN)
      assert.is_truthy(next(socket:poll(1000)))
      loop:call_later(0, finish)
    end)
  end

  -- What is still there for the next receive.
  local function next_one()
    local got = pull:recv(zmq.DONTWAIT)
    if type(got) ~= "table" then return got end
    return got:error() == nil and got:result() or nil
  end

  local function receive()
    local got = pull:recv()
    return type(got) == "table" and got:await() or got
  end

  local function nested(depth)
    if depth == 0 then return receive() end
    return eddy.spawn(nested, depth - 1):await()
  end

  -- The ways to wait for a message: each returns a future of it.
  local waits = {
    { "a task", function() return eddy.spawn(receive) end },
    { "a task that awaits others", function() return eddy.spawn(nested, 5) end },
    { "a limit within", function() return eddy.with_timeout(60000, eddy.spawn(receive)) end },
    { "limits and tasks", function()
      return eddy.spawn(function() return eddy.with_timeout(60000, eddy.spawn(receive)):await() end)
    end },
    { "a gather", function() return eddy.gather(eddy.spawn(receive)) end },
    { "a task with a poll before", function()
      return eddy.spawn(function()
        local ready = pull:poll()
        if type(ready) == "table" then ready:await() end
        return receive()
      end)
    end },
  }

  for name, kind in pairs { green = green, async = async } do
    for _, each in ipairs(waits) do
      local who, wait = each[1], each[2]

      it("goes to the caller of with_timeout, of " .. who .. ", " .. name, function()
        for _, transport in ipairs(TRANSPORTS) do
          open(kind, transport)
          run(function()
            local inner = wait()
            eddy.sleep(1)
            local limited
            in_one_turn(function() limited:_expire("late") end)
            limited = eddy.with_timeout(60000, inner)
            local got = limited:await() or next_one()
            assert.equal("a message", got)
            assert.is_nil(next_one())
          end)
          context:destroy(0)
        end
      end)

      it("is not lost when it is cancelled: by " .. who .. ", " .. name, function()
        open(kind)
        run(function()
          local inner = wait()
          eddy.sleep(1)
          in_one_turn(function() inner:cancel() end)
          local got = inner:await() or next_one()
          assert.equal("a message", got)
          assert.is_nil(next_one())
        end)
      end)
    end
  end

  it("goes to the caller when the time of the limit itself runs out", function()
    open(green)
    run(function()
      for _ = 1, 5 do
        local limited = eddy.with_timeout(10, eddy.spawn(receive))
        loop:call_later(5, function()
          local began = loop:time()
          while loop:time() < began + 4 do end
          push:send("a message")
          while loop:time() < began + 10 do end
        end)
        assert.equal("a message", limited:await() or next_one())
        assert.is_nil(next_one())
      end
    end)
  end)

  it("goes to the caller of run_sync", function()
    open(green)
    loop:call_later(5, function()
      local began = loop:time()
      push:send("a message")
      while loop:time() < began + 10 do end
    end)
    assert.equal("a message", loop:run_sync(receive, 10) or next_one())
    assert.is_nil(next_one())
  end)
end)

describe("who is cancelled with a result in hand", function()
  local loop
  support.each(function(...) loop = ... end)

  local function run(fn) return support.task(loop, fn) end

  it("goes on with it, and is told in its next wait, as one that is cancelled there", function()
    local got, told, ended = nil, nil, false
    local one = eddy.future(loop)
    local task = loop:spawn(function()
      got = one:await()
      told = select(2, eddy.sleep(60000))
      eddy.sleep(60000)
      ended = true
    end)
    run(function()
      eddy.sleep(1)
      one:set_result("x")
      assert.is_false(task:cancel())
      assert.is_false(task:done())
      assert.equal("ECANCELED", select(2, task:await()).name)
    end)
    assert.equal("x", got)
    assert.equal("ECANCELED", told.name)
    assert.is_true(task:cancelled())
    assert.is_false(ended)
    assert.equal(0, loop:stats().timers)
  end)

  it("by a limit, and waits once more, has run out of time", function()
    local one = eddy.future(loop)
    local inner = loop:spawn(function()
      one:await()
      return select(2, eddy.sleep(60000))
    end)
    local outer = loop:spawn(function() return inner:await() end)
    run(function()
      local limited = eddy.with_timeout(60000, outer)
      eddy.sleep(1)
      one:set_result("x")
      limited:_expire("the time is up")
      local ok, err = pcall(limited.await, limited)
      assert.same({ false, "the time is up" }, { ok, err })
      assert.is_true(inner:cancelled())
      outer:await()
    end)
    assert.is_true(outer:done())
    assert.equal(0, loop:stats().timers)
  end)

  it("by run_sync's limit, and waits once more, has run out of time", function()
    local steps, one = 0, eddy.future(loop)
    loop:call_later(1, function()
      one:set_result()
      support.busy(10)
    end)
    local result, err = loop:run_sync(function()
      one:await()
      steps = steps + 1
      eddy.sleep(60000)
      steps = steps + 1
      return "late"
    end, 5)
    assert.is_nil(result)
    assert.equal("ETIMEDOUT", err.name)
    assert.is_true(steps == 1 or steps == 2)
  end)

  it("has its error told, too", function()
    local one = eddy.future(loop)
    local task = loop:spawn(function() return one:await() end)
    run(function()
      eddy.sleep(1)
      one:set_error("on purpose")
      local limited = eddy.with_timeout(60000, task)
      limited:_expire("the time is up")
      assert.same({ false, "on purpose" }, { pcall(limited.await, limited) })
    end)
  end)

  it("has it, when others wait for it as well, from them", function()
    local one, shared = eddy.future(loop), nil
    run(function()
      shared = eddy.spawn(function() return one:await() end)
      local first, second = eddy.with_timeout(60000, shared), eddy.with_timeout(60000, shared)
      eddy.sleep(1)
      one:set_result("x")
      first:_expire("the time is up")
      second:_expire("the time is up")
      assert.equal("the time is up", first:error())
      assert.equal("x", second:await())
    end)
  end)

  it("is a gather only when all that it waits for is in hand; each of these keeps its own",
    function()
      local one, two, three = eddy.future(loop), eddy.future(loop), eddy.future(loop)
      local function wait(future) return future:await() end
      run(function()
        local a, b = eddy.spawn(wait, one), eddy.spawn(wait, two)
        local c, d = eddy.spawn(wait, one), eddy.spawn(wait, three)
        local all, some = eddy.gather(a, b), eddy.gather(c, d)
        eddy.sleep(1)
        one:set_result(1)
        two:set_result(2)
        assert.is_false(all:cancel())
        assert.is_true(some:cancel())
        assert.same({ 1, 2 }, { all:await() })
        assert.equal(1, c:await())
        assert.is_true(d:cancelled() and three:cancelled())
      end)
    end)

  it("is not one whose chain is a circle", function()
    local one, two
    one = loop:spawn(function() two:await() end)
    two = loop:spawn(function() one:await() end)
    run(function()
      eddy.sleep(1)
      assert.is_true(one:cancel())
      assert.is_true(two:cancelled())
    end)
  end)
end)

describe("what one receives and decodes", function()
  local loop, pull, push
  support.each(function(open, plain, context)
    loop = open
    pull = context:socket(zmq.PULL, { linger = 0, bind = support.inproc() })
    push = plain:socket(zmq.PUSH, { linger = 0, connect = pull.last_endpoint })
  end, async)

  it("is not cancelled while its function waits with the message", function()
    support.task(loop, function()
      local go_on = eddy.future()
      local decoding = false
      local got = pull:recv_serialized(function(parts)
        decoding = true
        go_on:await()
        return parts[1]
      end)
      push:send("x")
      eddy.sleep(1)
      while not decoding do eddy.sleep(1) end
      local other = pull:recv() -- what others do meanwhile goes on
      push:send("y")
      assert.equal("y", other:await())
      assert.is_false(got:cancel())
      go_on:set_result()
      assert.equal("x", got:await())
    end)
  end)

  it("and cannot be decoded is told, with what came", function()
    support.task(loop, function()
      push:send("no JSON")
      local limited = eddy.with_timeout(60000, pull:recv_json())
      local ok, err = pcall(limited.await, limited)
      assert.is_false(ok)
      assert.equal("EBADMSG", err.name)
      assert.equal("no JSON", err.received)
    end)
  end)
end)

describe("a device that is cancelled", function()
  local loop, plain, context
  support.each(function(...) loop, plain, context = ... end, green)

  it("hands on what it has in hand, though it finds no room at first", function()
    support.task(loop, function()
      local front = context:socket(zmq.PULL, { linger = 0, bind = support.inproc() })
      local back = context:socket(zmq.PUSH, { linger = 0, sndhwm = 1, bind = support.inproc() })
      local source = plain:socket(zmq.PUSH, { linger = 0, connect = front.last_endpoint })
      local sink = plain:socket(zmq.PULL, { linger = 0, rcvhwm = 1, connect = back.last_endpoint })
      local device = loop:spawn(green.proxy, front, back)
      eddy.sleep(1) -- it waits to receive: there is room now
      local others = 0
      while back:send("another's", zmq.DONTWAIT) do others = others + 1 end
      source:send("in hand")
      repeat eddy.sleep(1) until back._line and back._line.sends.first
      device:cancel()
      eddy.sleep(1)
      local got = {}
      while #got <= others do
        local msg = sink:recv(zmq.DONTWAIT)
        if msg then got[#got + 1] = msg else eddy.sleep(1) end
      end
      assert.equal("in hand", got[#got])
    end)
  end)
end)
