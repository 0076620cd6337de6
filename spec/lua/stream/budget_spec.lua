local eddy = require "eddy"
local zmq = require "eddy.zmq"
local support = require "spec.lua.support"

-- What a stream receives in a turn where that is not its number of messages alone.
describe("a stream on an XPUB with manual subscriptions", function()
  local loop, context
  support.each(function(...) loop, context = ... end)

  local TOPICS = { "A", "B", "C", "D" }

  -- Publishes news of each topic, and returns what each subscriber gets, as one text.
  local function news(xpub, subscribers)
    for _, topic in ipairs(TOPICS) do xpub:send(topic) end
    local got = {}
    for i, each in ipairs(subscribers) do
      each:poll(1000)
      local messages = {}
      repeat
        local topic = each:recv(zmq.DONTWAIT)
        messages[#messages + 1] = topic
      until not topic
      got[i] = table.concat(messages)
    end
    return table.concat(got, " ")
  end

  local function subscribe(endpoint)
    local subscribers = {}
    for i, topic in ipairs(TOPICS) do
      subscribers[i] = context:socket(zmq.SUB, { linger = 0, connect = endpoint,
        subscribe = topic })
    end
    return subscribers
  end

  -- Gives each that asks what it asked for, until all have.
  local function on_recv(xpub, count, fn)
    local got = 0
    xpub:on_recv(function(msg)
      got = got + 1
      xpub:set("subscribe", msg[1]:sub(2))
      if got == count then (fn or function() loop:stop() end)() end
    end)
  end

  for _, transport in ipairs { "inproc", "tcp" } do
    for when, make in pairs {
      before = function(settings)
        settings.xpub_manual = 1
        return eddy.stream(context:socket(zmq.XPUB, settings), loop)
      end,
      after = function(settings)
        local xpub = eddy.stream(context:socket(zmq.XPUB, settings), loop)
        xpub:set("xpub_manual", 1)
        return xpub
      end,
    } do
      it("serves each subscriber what it asked for, set " .. when .. " the stream, " .. transport,
        function()
          local endpoint = transport == "tcp" and "tcp://127.0.0.1:*" or support.inproc()
          local xpub = make { linger = 0, bind = endpoint }
          local subscribers = subscribe(xpub.socket.last_endpoint)
          on_recv(xpub, #TOPICS)
          support.run(loop)
          assert.equal("A B C D", news(xpub, subscribers))
        end)
    end
  end

  it("does so in a flush, too", function()
    local xpub = eddy.stream(context:socket(zmq.XPUB, { linger = 0, xpub_manual = 1,
      bind = support.inproc() }), loop)
    local subscribers = subscribe(xpub.socket.last_endpoint)
    local got = false
    on_recv(xpub, #TOPICS, function() got = true end)
    local deadline = loop:time() + 5000
    repeat xpub:flush(zmq.POLLIN) until got or loop:time() > deadline
    assert.equal("A B C D", news(xpub, subscribers))
  end)

  it("does so when its handler waits before it subscribes", function()
    local xpub = eddy.stream(context:socket(zmq.XPUB, { linger = 0, xpub_manual = 1,
      bind = support.inproc() }), loop)
    local subscribers, got = subscribe(xpub.socket.last_endpoint), 0
    xpub:on_recv(function(msg)
      support.suspend(loop, 1)
      xpub:set("subscribe", msg[1]:sub(2))
      got = got + 1
      if got == #TOPICS then loop:stop() end
    end)
    support.run(loop)
    assert.equal("A B C D", news(xpub, subscribers))
  end)

  it("does so though handlers that wait were to overlap", function()
    local xpub = eddy.stream(context:socket(zmq.XPUB, { linger = 0,
      bind = support.inproc() }), loop)
    xpub:set_concurrency(4)
    xpub:set("xpub_manual", 1)
    local subscribers, got = subscribe(xpub.socket.last_endpoint), 0
    xpub:on_recv(function(msg)
      support.suspend(loop, 1)
      xpub:set("subscribe", msg[1]:sub(2))
      got = got + 1
      if got == #TOPICS then loop:stop() end
    end)
    support.run(loop)
    assert.equal("A B C D", news(xpub, subscribers))
    local ok, err = pcall(xpub.set_concurrency, xpub, 2)
    assert.is_false(ok)
    assert.matches("one message at a time, by xpub_manual", tostring(err))
    xpub:set_concurrency(1)
  end)

  it("says that it receives one message a turn", function()
    local xpub = eddy.stream(context:socket(zmq.XPUB, { linger = 0, xpub_manual = 1 }), loop)
    xpub:set_budget(1)
    local ok, err = pcall(xpub.set_budget, xpub, 2)
    assert.is_false(ok)
    assert.equal("ENOTSUP", err.name)
    assert.matches("one message a turn, by xpub_manual or conflate", tostring(err))
    xpub:set("xpub_manual", 0)
    xpub:set_budget(2)
  end)
end)

describe("a stream on a socket that conflates", function()
  local loop, context
  support.each(function(...) loop, context = ... end)

  it("handles nothing that was out of date before its handler began", function()
    local pull = eddy.stream(context:socket(zmq.PULL, { linger = 0, conflate = 1,
      bind = support.inproc() }), loop)
    local push = context:socket(zmq.PUSH, { linger = 0, conflate = 1,
      connect = pull.socket.last_endpoint })
    local got, sent = {}, 0
    local function send()
      sent = sent + 1
      push:send(tostring(sent))
    end
    pull:on_recv(function(msg)
      got[#got + 1] = msg[1]
      for _ = 1, 10 do send() end
      if #got == 4 then loop:stop() end
    end)
    send()
    support.run(loop)
    assert.same({ "1", "11", "21", "31" }, got)
  end)
end)

describe("a stream that receives messages of very many empty parts", function()
  local loop
  support.each(function(...) loop = ... end)

  it("lets timers and other streams have their turns", function()
    local stream, push = support.receiver()
    local other, to_other = support.receiver()
    local parts, got, heard, ticks, most = {}, 0, 0, 0, 0
    for i = 1, 20000 do parts[i] = "" end
    local timer = loop:call_every(0.001, function() ticks = ticks + 1 end)
    other:on_recv(function() heard = heard + 1 end)
    stream:on_recv(function(msg)
      assert(#msg == #parts)
      got = got + 1
      most = math.max(most, got - heard)
      to_other:send "now you"
      if got == 10 then loop:stop() end
    end)
    for _ = 1, 10 do push:send_multipart(parts) end
    support.run(loop)
    timer:cancel()
    assert.is_true(ticks >= 8)
    assert.is_true(most <= 3)
  end)
end)
