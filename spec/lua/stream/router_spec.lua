-- What sockets that send each message to the peer that it names have more than others: nobody
-- waits for a peer that does not read.
local eddy = require "eddy"
local async = require "eddy.async"
local green = require "eddy.green"
local zmq = require "eddy.zmq"
local support = require "spec.lua.support"
local zmtp = require "spec.zmtp.peer"

local QUEUED = 50

describe("a stream of a ROUTER", function()
  local loop, context, stream, slow, live
  local names = { "slow", "live" }

  local function dealer(name, settings)
    settings.linger, settings.routing_id = 0, name
    settings.connect = stream.socket.last_endpoint
    local socket = context:socket(zmq.DEALER, settings)
    socket:send("hello")
    return socket
  end

  -- A peer that reads nothing, with messages queued for it, and one that reads.
  before_each(function()
    loop, context = support.open()
    stream = eddy.stream(context:socket(zmq.ROUTER, { linger = 0, sndhwm = 2,
      router_mandatory = 1, bind = support.inproc() }), loop)
    local greeted = 0
    stream:on_recv(function()
      greeted = greeted + 1
      if greeted == #names then loop:stop() end
    end)
    slow, live = dealer("slow", { rcvhwm = 2 }), dealer("live", { rcvhwm = 1000 })
    support.run(loop)
    stream:on_recv(nil)
    for i = 1, QUEUED do stream:send_multipart { "slow", tostring(i) } end
    assert.is_true(stream:stats().queued > QUEUED / 2)
    stream:on_send(function() end) -- which hears of what left just now
    support.turns(loop)
    stream:on_send(nil)
  end)

  after_each(function()
    stream:close()
    support.take_log() -- how many were not sent
    support.close()
  end)

  -- Reads a peer's messages until `count` have come, while the loop runs.
  local function read(socket, count)
    local list = {}
    local reader = eddy.stream(socket, loop)
    reader:on_recv(function(msg)
      list[#list + 1] = msg[1]
      if #list == count then loop:stop() end
    end)
    support.run(loop)
    return table.concat(list, " ")
  end

  local function numbers(first, last)
    local list = {}
    for i = first, last do list[#list + 1] = tostring(i) end
    return table.concat(list, " ")
  end

  it("sends to those who read at once, though messages for another one wait", function()
    local queued = stream:stats().queued
    for i = 1, 100 do
      stream:send_multipart { "live", tostring(i) }
      assert.equal(tostring(i), live:recv())
    end
    assert.equal(queued, stream:stats().queued)
    assert.equal(numbers(1, QUEUED), read(slow, QUEUED))
    assert.equal(0, stream:stats().queued)
  end)

  it("keeps each peer's order, when several are slow", function()
    live.rcvhwm = 2
    local others = {}
    for i = 1, 20 do others[i] = dealer("peer-" .. i, { rcvhwm = 2 }) end
    local greeted = 0
    stream:on_recv(function()
      greeted = greeted + 1
      if greeted == #others then loop:stop() end
    end)
    support.run(loop)
    for number = 1, QUEUED do
      for i = 1, #others do stream:send_multipart { "peer-" .. i, tostring(number) } end
    end
    assert.is_true(stream:stats().queued > #others * QUEUED / 2)
    for i = #others, 1, -1 do assert.equal(numbers(1, QUEUED), read(others[i], QUEUED)) end
    assert.equal(numbers(1, QUEUED), read(slow, QUEUED))
  end)

  it("tells on_send of each message when it left, and callbacks of their own", function()
    local told, own = {}, {}
    stream:on_send(function(msg, err)
      assert.is_nil(err)
      told[#told + 1] = table.concat(msg, ":")
      if msg[2] == "later" then loop:stop() end
    end)
    local with_callback = { callback = function(msg) own[#own + 1] = msg[2] end }
    stream:send_multipart({ "slow", "late" }, with_callback)
    stream:send_multipart { "slow", "later" }
    for i = 1, 6 do
      stream:send_multipart({ "live", tostring(i) }, i == 3 and with_callback or nil)
    end
    support.turns(loop)
    assert.same({ "live:1", "live:2", "live:4", "live:5", "live:6" }, told)
    assert.same({ "3" }, own)
    stream:send_multipart { "live", "7" }
    eddy.stream(slow, loop):on_recv(function() end)
    support.run(loop)
    assert.same({ "live:7", "slow:5", "slow:later" }, { told[6], told[7], told[#told] })
    assert.same({ "3", "late" }, own)
  end)

  it("says which message had nobody to go to, while others wait", function()
    local failed = {}
    stream:on_err(function() end)
    stream:send_multipart({ "nobody", "x" }, { callback = function(msg, err)
      failed[#failed + 1] = { msg[1], err.name }
      loop:stop()
    end })
    support.run(loop)
    assert.same({ { "nobody", "EHOSTUNREACH" } }, failed)
  end)

  it("gives up what waits for a peer that leaves, and goes on with the rest", function()
    local failed, queued = 0, stream:stats().queued
    stream:on_err(function(err)
      assert.equal("EHOSTUNREACH", err.name)
      failed = failed + 1
      if failed == queued then loop:stop() end
    end)
    slow:close(0)
    support.run(loop)
    assert.equal(queued, failed)
    stream:send_multipart { "live", "x" }
    assert.equal("x", live:recv())
  end)

  it("bounds all that waits together, and drops the oldest of all", function()
    stream:set_send_limit { messages = stream:stats().queued, policy = "drop_oldest" }
    for i = QUEUED + 1, QUEUED + 10 do stream:send_multipart { "slow", tostring(i) } end
    assert.equal(10, stream:stats().dropped)
    stream:send_multipart { "live", "x" } -- needs no room
    assert.equal("x", live:recv())
    local heads = read(slow, QUEUED)
    local inside = QUEUED - stream:stats().dropped - 10 -- at most what libzmq had before
    assert.matches(numbers(QUEUED - inside, QUEUED + 10) .. "$", heads)
  end)

  it("drains and flushes what can go", function()
    stream:send_multipart { "live", "1" }
    assert.equal(1, stream:flush(zmq.POLLOUT))
    local lost = stream:close { drain = 50 }
    assert.is_true(lost > QUEUED / 2)
    assert.equal("1", live:recv())
  end)
end)

for name, module in pairs { async = async, green = green } do
  describe("a ROUTER of eddy." .. name, function()
    local loop, context, own, router, slow, live, sent

    -- Sends in a task of its own, which notes that it could.
    local function send(...)
      local parts = { ... }
      return loop:spawn(function()
        local future = router:send_multipart(parts)
        if future ~= true then future:await() end
        sent[#sent + 1] = parts[1] .. parts[2]
      end)
    end

    before_each(function()
      loop, context, own = support.open(module)
      sent = {}
      router = own:socket(zmq.ROUTER, { linger = 0, sndhwm = 1, router_mandatory = 1,
        bind = support.inproc() })
      local function dealer(id, rcvhwm)
        local socket = context:socket(zmq.DEALER, { linger = 0, rcvhwm = rcvhwm, routing_id = id,
          connect = router.last_endpoint })
        socket:send("hello")
        return socket
      end
      slow, live = dealer("slow", 1), dealer("live", 100)
      support.task(loop, function()
        for _ = 1, 2 do
          local hello = router:recv_multipart()
          if hello.await then hello:await() end
        end
      end)
      for i = 1, 20 do send("slow", tostring(i)) end
      support.turns(loop)
      assert.is_true(#sent < 20)
      sent = {}
    end)

    after_each(support.close)

    it("sends to those who read, while tasks wait that send to one who does not", function()
      for i = 1, 20 do
        send("live", tostring(i))
        support.turns(loop, 3)
        assert.equal(tostring(i), live:recv(zmq.DONTWAIT))
      end
      assert.equal(20, #sent)
      local got = {}
      eddy.stream(slow, loop):on_recv(function(msg)
        got[#got + 1] = tonumber(msg[1])
        if #got == 20 then loop:stop() end
      end)
      support.run(loop)
      for i = 1, 20 do assert.equal(i, got[i]) end
    end)

    it("keeps the place of what names no peer", function()
      loop:spawn(function()
        for _, each in ipairs { { "slow", zmq.SNDMORE }, { "parts" } } do
          local future = router:send(each[1], each[2])
          if future ~= true then future:await() end
        end
      end)
      send("live", "behind it")
      support.turns(loop)
      assert.is_nil(live:recv(zmq.DONTWAIT))
      local last
      eddy.stream(slow, loop):on_recv(function(msg)
        last = msg[1]
        if last == "parts" then loop:stop() end
      end)
      support.run(loop)
      support.turns(loop)
      assert.equal("behind it", live:recv(zmq.DONTWAIT))
    end)
  end)
end

describe("a stream of a STREAM socket", function()
  it("sends to those who read, though a connection that does not has messages waiting", function()
    local loop, context = support.open()
    local stream = eddy.stream(context:socket(zmq.STREAM, { linger = 0, sndhwm = 2 }), loop)
    stream:bind("tcp://127.0.0.1:*")
    local port = tonumber(stream.socket.last_endpoint:match("(%d+)$"))
    local ids = {}
    stream:on_recv(function(msg)
      ids[#ids + 1] = msg[1]
      loop:stop()
    end)
    local slow = zmtp.connect(port)
    support.run(loop)
    local live = zmtp.connect(port)
    support.run(loop)
    stream:on_recv(nil)
    local body = ("x"):rep(100000)
    repeat
      stream:send_multipart { ids[1], body }
      support.turns(loop, 1)
    until stream:stats().queued > 10
    local got = ""
    for i = 1, 20 do
      stream:send_multipart { ids[2], ("%4d"):format(i) }
      got = got .. live:receive(4)
    end
    assert.equal(80, #got)
    assert.matches("^   1   2.*  20$", got)
    slow:leave()
    live:leave()
    stream:close()
    support.take_log()
    support.close()
  end)
end)
