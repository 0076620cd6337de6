-- Numbers of parts, messages and arguments on both sides of where a loop takes over.
local eddy = require "eddy"
local zmq = require "eddy.zmq"
local support = require "spec.lua.support"

local MOST = 20

describe("however many there are", function()
  local loop
  support.each(function(...) loop = ... end)

  -- A message of so many parts, all of which differ.
  local function message(count)
    local parts = {}
    for i = 1, count do parts[i] = i % 5 == 0 and "" or ("%d of %d"):format(i, count) end
    return parts
  end

  for _, copy in ipairs { true, false } do
    it("parts come whole and in their order, as " .. (copy and "strings" or "frames"), function()
      local a, b = support.streams(zmq.PAIR, zmq.PAIR)
      local sent, got, told = {}, {}, {}
      b:on_recv(function(msg)
        assert(b:send_multipart(msg))
      end, copy)
      b:on_send(function(msg) told[#told + 1] = #msg end)
      a:on_recv(function(msg)
        got[#got + 1] = msg
        if #got == 2 * MOST then loop:stop() end
      end)
      for round = 0, 1 do
        for count = 1, MOST do
          sent[round * MOST + count] = message(count)
          a:send_multipart(sent[round * MOST + count])
        end
      end
      support.run(loop)
      assert.same(sent, got)
      for i, count in ipairs(told) do assert.equal(#sent[i], count) end
    end)
  end

  it("messages of a turn are delivered up to where their handler stops", function()
    for last = 1, 6 do
      local stream, push = support.receiver()
      local got = {}
      for i = 1, 6 do push:send(tostring(i)) end
      stream:on_recv(function(msg)
        got[#got + 1] = msg[1]
        if #got == last then loop:stop() end
      end)
      support.run(loop)
      assert.equal(last, #got)
      stream:on_recv(function(msg)
        got[#got + 1] = msg[1]
        if #got == 6 then loop:stop() end
      end)
      if last < 6 then support.run(loop) end
      assert.same({ "1", "2", "3", "4", "5", "6" }, got)
      stream:close()
    end
  end)

  it("arguments of a callback and a task are all there, nils included", function()
    local got = {}
    local function note(...) got[#got + 1] = { n = select("#", ...), ... } end
    loop:add_callback(note)
    loop:add_callback(note, nil)
    loop:add_callback(note, 1, nil)
    loop:add_callback(note, nil, 2, 3)
    loop:add_callback(note, 1, 2, 3, nil)
    loop:add_callback(note, 1, nil, 3, 4, nil)
    loop:spawn(note, nil, 2, nil)
    loop:spawn(note, 1, 2, 3, 4, nil)
    loop:add_callback(function() loop:add_callback(loop.stop, loop) end)
    support.run(loop)
    assert.same({ { n = 0 }, { n = 1 }, { n = 2, 1 }, { n = 3, nil, 2, 3 }, { n = 4, 1, 2, 3 },
      { n = 5, 1, nil, 3, 4 }, { n = 3, nil, 2 }, { n = 5, 1, 2, 3, 4 } }, got)
  end)

  it("callbacks of a turn are called up to a stop, and the rest in the next run", function()
    for count = 1, 5 do
      local called = 0
      for i = 1, count do
        loop:add_callback(function()
          called = called + 1
          if i == 1 or i == count then loop:stop() end
        end)
      end
      support.run(loop)
      assert.equal(1, called)
      if count > 1 then support.run(loop) end
      assert.equal(count, called)
    end
  end)

  it("those who wait in a line get one message each", function()
    local async = require "eddy.async"
    for count = 1, 4 do
      local own = async.context()
      local pull = own:socket(zmq.PULL, { bind = "inproc://line" })
      local push = own:socket(zmq.PUSH, { connect = "inproc://line" })
      loop:run_sync(function()
        local futures = {}
        for i = 1, count do futures[i] = pull:recv() end
        for i = 1, count do push:send(tostring(i)):await() end
        for i = 1, count do
          assert.equal(tostring(i), eddy.with_timeout(5000, futures[i]):await())
        end
      end)
      own:destroy(0)
    end
  end)
end)
