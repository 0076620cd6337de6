local eddy = require "eddy"
local C = require("eddy.base.libeddy").C
local zmq = require "eddy.zmq"
local support = require "spec.lua.support"

describe("a stream that only sends", function()
  local loop, context, stream, endpoint
  before_each(function()
    loop, context = support.open()
    local socket
    socket, endpoint = support.lonely(zmq.PUSH)
    stream = eddy.stream(socket, loop)
    stream:set_send_limit { messages = 1 }
  end)
  after_each(function()
    stream:close(0)
    support.take_log()
    support.close()
  end)

  local function ignore() end

  -- Whether the loop would run on when all that is queued now has had its turn.
  local function is_alive()
    support.turns(loop, 3)
    return C.eddy_loop_alive(loop._c) > 0
  end

  it("keeps the loop running while on_drain waits, whenever that was set", function()
    stream:send "1"
    assert.is_false(is_alive())
    stream:on_drain(ignore)
    assert.is_true(is_alive())
    stream:on_drain(nil)
    assert.is_false(is_alive())
    stream:on_drain(ignore)
    context:socket(zmq.PULL, { linger = 0, connect = endpoint })
    loop:_run_until_idle()
    assert.is_false(stream:sending())
  end)

  it("keeps the loop running for a coroutine that waits for room, whatever on_drain is", function()
    stream:send "1"
    local sender = loop:spawn(function() return stream:send "2" end)
    assert.is_true(is_alive())
    stream:on_drain(ignore)
    stream:on_drain(nil)
    assert.is_true(is_alive())
    sender:cancel()
    assert.is_false(is_alive())
    stream:on_drain(ignore)
    sender = loop:spawn(function() return stream:send "2" end)
    support.turns(loop, 3)
    sender:cancel()
    assert.is_true(is_alive())
  end)

  it("keeps the loop running for on_send as long as that is set", function()
    stream:send "1"
    assert.is_false(is_alive())
    stream:on_send(ignore)
    assert.is_true(is_alive())
    stream:stop_on_send()
    assert.is_false(is_alive())
    stream:on_send(ignore)
    assert.is_true(is_alive())
    stream:stop_on_send()
    stream:set_send_limit {}
    stream:send("2", { callback = ignore })
    assert.is_true(is_alive())
  end)

  it("lets the loop tell on_full, whatever else there is", function()
    local told = 0
    stream:on_full(function() told = told + 1 end)
    stream:send "1"
    loop:_run_until_idle()
    assert.equal(1, told)
  end)
end)

-- What wakes a task comes from another process, so that nothing else keeps the loop running.
describe("a program whose peer reads", function()
  local prelude = [[
    local eddy, zmq = require "eddy", require "eddy.zmq"
    local loop, context = eddy.loop.instance(), zmq.instance()
    local COUNT = 2000
    local endpoint = "ipc://FOLDER/socket"
    local peer = ([=[%s -e '
      local zmq = require "eddy.zmq"
      local s = zmq.instance():socket(zmq.PULL, { connect = "%s", rcvtimeo = 5000, rcvhwm = 10 })
      for _ = 1, tonumber(arg[1]) do if not s:recv_multipart() then os.exit(1) end end' %d &]=])
    local stream = eddy.stream(context:socket(zmq.PUSH, { sndhwm = 10, bind = endpoint }))
    stream:set_send_limit { messages = 100 }
    local function read(count) os.execute(peer:format(arg[-1], endpoint, count)) end
  ]]

  local function script(code)
    local folder = support.temp_dir()
    local text, status = support.script((prelude:gsub("FOLDER", folder)) .. code)
    os.execute("rm -r " .. folder)
    return { text, status }
  end

  for name, code in pairs {
    ["a task that waits for room"] = [[
      read(COUNT)
      eddy.spawn(function()
        for i = 1, COUNT do assert(stream:send "x") end
        print "end"
      end)]],
    ["the main program that waits for such a task"] = [[
      read(COUNT)
      eddy.spawn(function()
        for i = 1, COUNT do assert(stream:send_multipart { "x", "y" }) end
      end):await()
      print "end"]],
    ["a run_sync that waits for room"] = [[
      read(COUNT)
      loop:run_sync(function()
        for i = 1, COUNT do assert(stream:send "x") end
      end)
      print "end"]],
    ["a producer that sets on_drain when the queue is full"] = [[
      read(COUNT)
      local sent = 0
      local function produce()
        stream:on_drain(nil)
        while sent < COUNT do
          if not stream:send "x" then return stream:on_drain(produce) end
          sent = sent + 1
        end
        print "end"
      end
      loop:add_callback(produce)]],
    ["a producer that on_full holds"] = [[
      read(COUNT)
      local sent, held = 0, false
      local function produce()
        if held then return end
        if sent == COUNT then return print "end" end
        assert(stream:send "x")
        sent = sent + 1
        loop:add_callback(produce)
      end
      stream:on_full(function()
        held = true
        stream:on_drain(function()
          stream:on_drain(nil)
          held = false
          produce()
        end)
      end)
      produce()]],
    ["a future that a send's callback settles"] = [[
      read(1)
      local future = eddy.future()
      stream:send("x", { callback = function() future:set_result() end })
      future:await()
      print "end"]],
    ["a future that an on_send settles which was set late"] = [[
      local future = eddy.future()
      stream:send "x"
      eddy.spawn(function()
        stream:on_send(function() future:set_result() end)
        read(1)
      end)
      future:await()
      print "end"]],
    ["a future that on_event settles"] = [[
      local future = eddy.future()
      stream:on_event(function() future:set_result() end, zmq.EVENT_ACCEPTED)
      read(0)
      future:await()
      stream:on_event(nil)
      print "end"]],
    ["a future that on_event settles which was set after supervise"] = [[
      local future = eddy.future()
      stream:supervise()
      read(0)
      eddy.spawn(function()
        stream:on_event(function() if not future:done() then future:set_result() end end)
        future:await()
        stream:close(0)
        print "end"
      end)]],
    ["a future that on_close settles when a drain is over"] = [[
      read(50)
      local future = eddy.future()
      stream:on_close(function() future:set_result() end)
      for _ = 1, 50 do stream:send "x" end
      eddy.spawn(stream.close, stream, { drain = 5000 })
      future:await()
      print "end"]],
    ["a green socket that waits to send"] = [[
      endpoint = endpoint .. ".green"
      local green = require "eddy.green"
      local socket = green.instance():socket(zmq.PUSH, { sndhwm = 10, bind = endpoint })
      read(COUNT)
      eddy.spawn(function()
        for i = 1, COUNT do assert(socket:send "x") end
        print "end"
      end)]],
  } do
    it("is no deadlock for " .. name, function()
      assert.same({ "end\n", 0 }, script(code))
    end)
  end
end)
