local eddy = require "eddy"
local support = require "spec.lua.support"
local zmq = require "eddy.zmq"

describe("eddy.first", function()
  local loop, _, async
  support.each(function(...) loop, _, async = ... end, eddy.async)

  local function run(fn) return support.task(loop, fn) end

  local function pending(count)
    local list = {}
    for i = 1, count do list[i] = eddy.future(loop) end
    return list
  end

  it("tells which one is done first, and its results", function()
    local list = pending(3)
    loop:call_later(0, list[2].set_result, list[2], "a", nil, "c")
    assert.same({ n = 4, 2, "a", nil, "c" }, (run(function()
      local function pack(...) return { n = select("#", ...), ... } end
      return pack(eddy.first(list[1], list[2], list[3]):await())
    end)))
    assert.is_false(list[1]:done() or list[3]:done())
    list[1]:set_result "late"
    assert.equal("late", list[1]:result())
  end)

  it("takes the first in the list of those that are done already, and a list", function()
    local list = pending(3)
    list[3]:set_result "third"
    list[2]:set_result()
    local which = eddy.first(list)
    assert.is_true(which:done())
    assert.same({ 2 }, { which:result() })
    assert.same({ 2, "third" }, { eddy.first(list[1], list[3]):result() })
  end)

  it("leaves nothing on those that go on, however often it is asked", function()
    local stop = eddy.future(loop)
    for i = 1, 1000 do
      local each = eddy.future(loop)
      local which = eddy.first(stop, each, stop, each)
      each:set_result(i)
      assert.same({ 2, i }, { which:result() })
    end
    assert.is_false(stop._listeners)
    assert.is_true(stop:cancel())
  end)

  it("gives an error to expect with its index, and fails with any other", function()
    local list = pending(2)
    local which = eddy.first(list)
    list[2]:cancel()
    local index, value, err = which:result()
    assert.same({ 2, nil, "ECANCELED" }, { index, value, err.name })
    list = pending(2)
    which = eddy.first(list)
    list[1]:set_error "no"
    assert.error_matches(function() which:result() end, "^no$")
    assert.is_false(list[2]:done())
  end)

  it("cancels the others when asked, but those that somebody else waits for", function()
    local list = pending(3)
    local gathered = eddy.gather(list[3])
    list.cancel = true
    local which = eddy.first(list)
    list[1]:set_result(1)
    assert.equal(1, (which:result()))
    assert.is_true(list[2]:cancelled())
    assert.is_false(list[3]:done() or gathered:done())
  end)

  it("that is cancelled, or late, cancels them, but those that others wait for", function()
    for _, way in ipairs { "cancel", "late" } do
      local list = pending(2)
      list[2]:add_done_callback(function() end)
      local which = eddy.first(list)
      if way == "cancel" then
        assert.is_true(which:cancel())
      else
        assert.equal("ETIMEDOUT", select(2, run(function()
          return eddy.with_timeout(1, which):await()
        end)).name)
      end
      assert.same({ true, true, false },
        { which:cancelled(), list[1]:cancelled(), list[2]:done() })
    end
  end)

  it("loses no message: one that lost has its own, one that was cancelled took none", function()
    local pull, push = support.join(async, zmq.PULL, zmq.context(), zmq.PUSH)
    local got = run(function()
      local heard = {}
      local receive = pull:recv()
      for _ = 1, 3 do
        heard[#heard + 1] = eddy.first(eddy.spawn(eddy.sleep, 0), receive):await()
      end
      push:send "one"
      heard[#heard + 1] = select(2, eddy.first(receive):await())
      local which = eddy.first { eddy.spawn(eddy.sleep, 0), pull:recv(), cancel = true }
      heard[#heard + 1] = which:await()
      push:send "two"
      heard[#heard + 1] = pull:recv():await()
      return heard
    end)
    assert.same({ 1, 1, 1, "one", 1, "two" }, got)
    push:close()
  end)

  it("has a result on its way when one of them has: that beats a cancel", function()
    local queue, other = eddy.queue(1), eddy.queue(1)
    local waits, which, reader
    reader = loop:spawn(function()
      local get = loop:spawn(function() return (queue:get():await()) end)
      waits = loop:spawn(function()
        local value = other:get():await()
        return eddy.sleep(0) and value
      end)
      which = eddy.first(waits, get)
      return which:await()
    end)
    support.turns(loop, 3)
    queue:try_put "in hand"
    assert.is_false(reader:cancel())
    support.turns(loop, 3)
    assert.same({ 2, "in hand" }, { reader:result() })
    other:try_put "too" -- this one was not told to end
    support.wait(loop, function() return waits:done() end)
    assert.equal("too", waits:result())
  end)

  it("says what is wrong with what it is given", function()
    assert.error_matches(function() eddy.first() end, "first: expected one future at least")
    assert.error_matches(function() eddy.first {} end, "first: expected one future at least")
    assert.error_matches(function() eddy.first(1) end, "first: expected a future, got number")
    assert.error_matches(function() eddy.first { eddy.future(loop), cancels = true } end,
      "first: no such option: 'cancels'")
  end)
end)
