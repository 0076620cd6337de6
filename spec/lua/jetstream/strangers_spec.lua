local eddy = require "eddy"
local zmq = require "eddy.zmq"
local support = require "spec.lua.support"
local shared = require "spec.lua.jetstream.support"

if shared.missing then
  describe("links to strangers", function() shared.is_pending "bear them" end)
  return
end

-- Whatever a server says: the process lives, and the link's events say what happened.
describe("links to strangers", function()
  local INFO = 'INFO {"server_id":"X","version":"2.9.10","proto":1,"headers":true,' ..
    '"max_payload":1048576,"jetstream":true}\r\n'
  local loop, context, server, link, events
  support.each(function(l, c) loop, context = l, c end)
  before_each(function() events = {} end)
  after_each(function()
    if link and loop._c then link:close() end
    if server and not server:closed() then server:close(0) end
    support.take_log() -- of connections that end in the middle
    link = nil
  end)

  -- A server that calls fn(say, text, nth) for what comes from its nth connection; `text` is empty
  -- when that begins. say(nil) closes it. And a link to it.
  local function connect(fn, options)
    local socket = context:socket(zmq.STREAM)
    local port = socket:bind_to_random_port "tcp://127.0.0.1"
    server = eddy.stream(socket, loop)
    local known, count = {}, 0
    server:on_recv(function(msg)
      local peer, text = msg[1], msg[2]
      if text == "" then
        if known[peer] then return end -- it has gone
        count = count + 1
        known[peer] = count
      end
      fn(function(answer) server:send_multipart { peer, answer or "" } end, text, known[peer])
    end)
    options = options or {}
    options[1], options.loop = "nats://127.0.0.1:" .. port, loop
    options.reconnect_wait = 10
    link = eddy.jetstream.connect(options)
    local own = {}
    events = own
    link:on_event(function(event) own[#own + 1] = event end)
    return link
  end

  -- Greets as a server does, and calls fn(say, text, nth) for what comes then.
  local function greet(fn)
    return function(say, text, nth)
      if text == "" then return say(INFO) end
      if text:find("PING", 1, true) then say "PONG\r\n" end
      return fn(say, text, nth)
    end
  end

  local function wait_for(name, nth)
    local found
    support.wait(loop, function()
      local count = 0
      for _, event in ipairs(events) do
        if event.name == name then count = count + 1 end
        if count == (nth or 1) then found = event end
      end
      return found
    end)
    return found
  end

  -- What a server says once it has let the link in, by what becomes of the link.
  local function after_greeting(text, close)
    connect(greet(function(say, came, nth)
      if nth > 1 or not came:find("PING", 1, true) then return end
      say(text)
      if close then say(nil) end
    end))
  end

  for _, text in ipairs { "HTTP/1.1 400 Bad Request\r\n\r\n", "\0\0\0\0\r\n", "INFO {]\r\n",
       "INFO []\r\n", "-ERR 'go away'\r\n" } do
    it("that greet with " .. text:gsub("%c", ".") .. " are told of", function()
      connect(function(say, came) if came == "" then say(text) end end)
      support.wait(loop, function() return events[1] end)
      local found = events[1]
      assert.is_true(found.name == "CLOSED" or found.name == "WAITING")
      assert.is_true(#(found.name == "CLOSED" and found.problem.message or found.problem) > 10)
    end)
  end

  it("that never greet are waited for, and that is said", function()
    connect(function() end, { timeout = 50 })
    assert.matches("does not greet", wait_for("WAITING").problem)
    assert.is_false(link:connected())
  end)

  it("that close at once are tried again", function()
    connect(function(say, text, nth)
      if nth == 1 then return say(nil) end
      if text == "" then return say(INFO) end
      if text:find("PING", 1, true) then say "PONG\r\n" end
    end)
    wait_for "WAITING"
    wait_for "CONNECTED"
  end)

  for what, text in pairs {
    ["say nonsense"] = "what is this\r\n",
    ["send bytes"] = ("\255\0\1"):rep(1000),
    ["begin a message of no size"] = "MSG a 1\r\nxx\r\n",
    ["begin a message of a size that is none"] = "MSG a 1 x1\r\nxx\r\n",
    ["begin a message of a size below zero"] = "MSG a 1 -5\r\nxx\r\n",
    ["send headers longer than their message"] = "HMSG a 1 50 10\r\n0123456789\r\n",
  } do
    it("that " .. what .. " are lost, and tried again", function()
      after_greeting(text)
      wait_for "CONNECTED"
      assert.is_true(#wait_for("LOST").problem > 0)
      wait_for "BACK"
      assert.is_true(link:connected())
    end)
  end

  it("that stop in the middle are closed all the same", function()
    for _, text in ipairs { "MSG a 1 100\r\nabc", "MSG " .. ("a"):rep(100000), "PIN" } do
      after_greeting(text)
      wait_for "CONNECTED"
      assert.equal(0, link:close())
      assert.is_true(link:closed())
      server:close(0)
    end
  end)

  it("at which libnats waits for longer than it may are closed all the same", function()
    local came
    connect(function(say, text)
      if text == "" then say "INFO\r\n" end
      came = true
    end)
    support.wait(loop, function() return came end)
    link:close()
    assert.is_true(link:closed())
    support.wait(loop, function() return events[#events] and events[#events].name == "CLOSED" end)
  end)

  it("that say -ERR are told of with what they say", function()
    after_greeting "-ERR 'Permissions Violation for Subscription to \"x\"'\r\n"
    assert.matches("Permissions Violation", wait_for("ERROR").problem)
    assert.is_true(link:connected())
    link:close()
    server:close(0)
    after_greeting "-ERR 'Something Else'\r\n"
    local found
    support.wait(loop, function()
      for _, event in ipairs(events) do
        local problem = event.problem and tostring(event.problem.message or event.problem)
        found = found or problem and problem:find("Something Else", 1, true)
      end
      return found
    end)
  end)

  it("that answer what nobody asked do no harm", function()
    after_greeting(("MSG _INBOX.x.r.7 1 2\r\nhi\r\nMSG nobody 99 2\r\nhi\r\n" ..
      "MSG $JS.ACK.x.y 1 $JS.ACK.1.2.3.4.5.6.7.8.9 2\r\nhi\r\n" ..
      "HMSG a 1 12 14\r\nNATS/1.0\r\n\r\nhi\r\nHMSG a 1 4 6\r\n\r\n\r\nhi\r\n" ..
      "HMSG a 1 30 30\r\nNATS/1.0 503 \r\nNo-Colon\r\n\r\n\r\nPING\r\n"):rep(3))
    wait_for "CONNECTED"
    support.turns(loop, 5)
    assert.is_true(link:connected() or #wait_for("LOST").problem > 0)
  end)

  -- Answers what is published with a reply by one text.
  local function answering(answer)
    local sids = {}
    return greet(function(say, text)
      for subject, sid in text:gmatch "SUB (%S+)%s+(%d+)\r\n" do
        sids[#sids + 1] = { subject, sid }
      end
      for reply in text:gmatch "H?PUB %S+ (_INBOX%S+) [%d ]+\r\n" do
        for _, each in ipairs(sids) do
          local pattern = each[1]:gsub("%p", "%%%0"):gsub("%%%*", "[^.]+")
          if reply:find("^" .. pattern .. "$") then
            say(("MSG %s %s %d\r\n%s\r\n"):format(reply, each[2], #answer, answer))
          end
        end
      end
    end)
  end

  it("that close in the middle of a message: the next one is understood", function()
    for _, text in ipairs { "MSG a 1 100\r\nabc", "MSG a 1", "PI", "+", "-ERR 'Slow" } do
      local answer = answering "yes"
      connect(function(say, came, nth)
        if nth > 1 or not came:find("PING", 1, true) then return answer(say, came, nth) end
        say("PONG\r\n" .. text)
        say(nil)
      end)
      wait_for "CONNECTED"
      wait_for "LOST"
      wait_for "BACK"
      assert.equal("yes", support.task(loop, function() return link:request("x", ""):await() end))
      link:close()
      server:close(0)
    end
  end)

  it("that answer what is stored with something else are told of", function()
    for _, answer in ipairs { "", "{}", "thanks", "[]", '{"seq"' } do
      connect(answering(answer))
      local jobs = link:stream { stream = "A", subject = "a" }
      local problem
      jobs:send("x", { callback = function(_, err) problem = err or true end })
      support.wait(loop, function() return problem end)
      assert.is_true(problem == true or problem.name == "EPROTO")
      assert.is_true(answer:find "seq" ~= nil or problem ~= true)
      link:close()
      server:close(0)
    end
  end)

  for _, answer in ipairs { "", "5", "null", "[]", '"x"', "{}", '{"error":5}', '{"error":{}}',
      '{"error":{"code":"x","err_code":[],"description":{}}}', '{"config":5}', '{"config":{}}',
      '{"streams":5}', "not JSON", '{"config":{"ack_policy":"explicit","ack_wait":"x"}}',
      '{"config":{"ack_policy":"explicit","max_deliver":{}}}' } do
    it("that answer " .. answer .. " are told of", function()
      connect(answering(answer))
      local jobs = link:stream { stream = "A", consumer = "c", subject = "a", heartbeat = 100,
        expires = 1000, create = {} }
      local problem
      jobs:on_err(function(err) problem = err end)
      jobs:on_recv(function() end)
      jobs:send "x"
      local bucket = link:kv "b"
      local value = support.task(loop, function()
        local ok, err = pcall(bucket.await, bucket)
        return ok or err.message
      end)
      assert.is_true(value == true or type(value) == "string")
      support.turns(loop, 5)
      assert.is_true(problem == nil or type(problem.message) == "string")
      assert.is_true(link:connected())
      jobs:close()
      for line in support.take_log():gmatch "[^\n]+" do assert.matches("not stored$", line) end
    end)
  end
end)
