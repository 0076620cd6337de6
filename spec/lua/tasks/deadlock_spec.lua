local eddy = require "eddy"
local support = require "spec.lua.support"

describe("a deadlock", function()
  local function script(code)
    return support.script("local eddy = require 'eddy'\nlocal future = eddy.future()\n" .. code)
  end

  it("ends the program with 1, and says which tasks wait where", function()
    local text, code = script [[
      local function the_waiter() future:await() end
      eddy.spawn(the_waiter)
      coroutine.wrap(function() eddy.await(future) end)()
    ]]
    assert.equal(1, code)
    assert.matches("deadlock: nothing is left on the loop that could wake those who wait", text)
    assert.matches("task %(%(%-e%):3%) waits for future\nstack traceback:.*%(%-e%):3", text)
    assert.matches("\ncoroutine waits for future\nstack traceback:.*%(%-e%):5", text)
  end)

  it("of the main program is one, too, in whatever way it waits", function()
    for _, code in ipairs {
      "future:await()",
      "eddy.spawn(function() future:await() end):await()",
      "eddy.async.run(function() eddy.gather(future, eddy.future()):await() end)",
      "eddy.spawn(function() future:await() end) eddy.loop.instance():start()",
    } do
      local text, status = script(code)
      assert.message(code .. text).equal(1, status)
      assert.matches("eddy: .*deadlock: .* waits for ", text)
    end
  end)

  it("is none while something could still wake them", function()
    for _, code in ipairs {
      "eddy.loop.instance():call_later(5, future.set_result, future)",
      "eddy.spawn(function() eddy.sleep(5) future:set_result() end)",
      [[local loop = eddy.loop.instance()
        local handle = loop:on_signal("USR1", function() future:set_result() end)
        os.execute("(sleep 0.05; kill -USR1 $PPID) &")
        future:add_done_callback(function() handle:cancel() end)]],
      [[local zmq = eddy.zmq.instance()
        local pull = eddy.stream(zmq:socket(eddy.zmq.PULL, { bind = "inproc://x" }))
        local push = zmq:socket(eddy.zmq.PUSH, { connect = "inproc://x" })
        pull:on_recv(function() future:set_result() pull:close() end)
        push:send("x")]],
    } do
      local text, status = script(code .. "\nfuture:await() print 'end'")
      assert.same({ "end\n", 0 }, { text, status })
      text, status = script("eddy.spawn(function() future:await() print 'end' end) " .. code)
      assert.same({ "end\n", 0 }, { text, status })
    end
  end)

  it("is one of a socket that nobody can wait for any more", function()
    local text, status = script [[
      local socket = eddy.async.instance():socket(eddy.zmq.PULL, { bind = "inproc://x" })
      local got = socket:recv()
      got:cancel()
      eddy.spawn(function() future:await() end)
    ]]
    assert.equal(1, status)
    assert.matches("deadlock", text)
  end)

  it("is one of a periodic timer whose handler waits", function()
    local text, status = script "eddy.loop.instance():call_every(1, function() future:await() end)"
    assert.equal(1, status)
    assert.matches("deadlock: .*coroutine waits for future", text)
  end)

  -- A descriptor that is ready.
  local PIPE = [[
    local ffi, loop = require "ffi", eddy.loop.instance()
    ffi.cdef "int pipe(int *fds); long write(int fd, const char *data, size_t size);"
    local fds = ffi.new "int[2]"
    ffi.C.pipe(fds)
    ffi.C.write(fds[1], "x", 1)
  ]]

  it("is one of a descriptor's handler that waits, also when it is removed meanwhile", function()
    for _, removal in ipairs { "", "loop:call_later(1, loop.remove_handler, loop, fds[0])" } do
      local text, status = script(PIPE ..
        "loop:add_handler(fds[0], function() future:await() end) " .. removal)
      assert.equal(1, status)
      assert.matches("deadlock: .*coroutine waits for future", text)
    end
  end)

  it("is none of one that goes on, nor of others", function()
    assert.same({ "1\n2\n", 0 }, { script(PIPE .. [[
      local count = 0
      loop:add_handler(fds[0], function()
        eddy.sleep(1)
        count = count + 1
        print(count)
        if count == 2 then loop:remove_handler(fds[0]) end
      end)]]) })
    assert.same({ "end\n", 0 }, { script(PIPE .. [[
      loop:add_handler(fds[0], function()
        future:await()
        print "end"
        loop:remove_handler(fds[0])
      end)
      eddy.sleep(1)
      local other = ffi.new "int[2]"
      ffi.C.pipe(other)
      ffi.C.write(other[1], "x", 1)
      loop:add_handler(other[0], function() future:set_result() loop:remove_handler(other[0]) end)
    ]]) })
  end)

  it("can be caught; the loop is in order after it", function()
    local loop = support.open()
    local one = eddy.future(loop)
    for _ = 1, 2 do
      local ok, err = pcall(one.await, one)
      assert.is_false(ok)
      assert.matches("^deadlock: .*\nthe main program waits for future$", err)
    end
    loop:call_later(1, one.set_result, one, "x")
    assert.equal("x", one:await())
    support.close()
  end)
end)

describe("a program with tasks", function()
  it("runs until they have ended", function()
    assert.same({ "1\n2\n", 0 }, { support.script [[
      local eddy = require "eddy"
      eddy.spawn(function() eddy.sleep(5) print(2) end)
      print(1)
    ]] })
  end)

  it("exits with 1 when one failed, with the traceback through its coroutine", function()
    local text, code = support.script [[
      local eddy = require "eddy"
      local function deep() eddy.sleep(1) error("boom") end
      eddy.spawn(function() deep() end)
    ]]
    assert.equal(1, code)
    assert.matches("task %(%(%-e%):3%): %(%-e%):2: boom\nstack traceback:.*'deep'.*%(%-e%):3", text)
  end)

  it("ends in order with tasks that never end, once its loop was stopped", function()
    assert.same({ "end\n", 0 }, { support.script [[
      local eddy, green = require "eddy", require "eddy.green"
      local loop, future = eddy.loop.instance(), eddy.future()
      local pull = green.instance():socket(green.PULL, { bind = "inproc://x" })
      local push = green.instance():socket(green.PUSH, { bind = "inproc://y" })
      for _ = 1, 10 do
        eddy.spawn(function() pull:recv() end)
        eddy.spawn(function() push:send("x") end)
        eddy.spawn(function() future:await() end)
        eddy.spawn(function() eddy.sleep(60000) end)
        coroutine.wrap(function() future:await() end)()
      end
      loop:call_later(5, loop.stop, loop)
      loop:start()
      print "end"
    ]] })
  end)

  it("that is stopped while the main program waits ends quietly", function()
    local text, code = support.script([[
      local eddy, green = require "eddy", require "eddy.green"
      local pull = green.instance():socket(green.PULL, { bind = "inproc://x" })
      ]] .. support.interrupt_soon "INT" .. [[
      pull:recv()
      print "not reached"
    ]])
    assert.same({ "", 0 }, { text, code })
  end)
end)
