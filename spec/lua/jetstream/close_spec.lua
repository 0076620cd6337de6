local eddy = require "eddy"
local support = require "spec.lua.support"
local process = require "spec.support.process"
local shared = require "spec.lua.jetstream.support"

if shared.missing then
  describe("a stream of JetStream's", function() shared.is_pending "is closed" end)
  return
end

describe("the end of a stream of JetStream's", function()
  local server = shared.server()
  local loop
  support.each(function(l) loop = l end)
  local link, name
  before_each(function()
    name = shared.name "END"
    link = eddy.jetstream.connect { server.url, loop = loop, reconnect_wait = 20 }
    link:on_event(function() end)
  end)
  after_each(function() if loop._c then link:close() end end)

  -- A stream with so many messages that are stored.
  local function stream(count, ahead)
    local jobs = link:stream { stream = name, consumer = "w", subject = name,
      create = { subjects = name } }
    if ahead then jobs._puller._mean = 0.01 end -- so many are asked for at once
    for i = 1, count do jobs:send("m" .. i) end
    support.wait(loop, function() return not jobs:sending() end)
    return jobs
  end

  local function consumer(of)
    return shared.api(of, "CONSUMER.INFO." .. name .. ".w")
  end

  it("gives back what was not begun, and says how many", function()
    local jobs = stream(20, true)
    local lost, inside = nil, eddy.future.new(loop)
    jobs:on_recv(function() inside:await() end)
    support.wait(loop, function() return jobs:stats().waiting == 19 end)
    local waits = loop:spawn(function() lost = jobs:close { drain = 5000 } end)
    support.turns(loop, 5)
    assert.is_nil(lost) -- the handler goes on
    inside:set_result()
    support.wait(loop, function() return waits:done() end)
    assert.equal(19, lost)
    assert.is_true(jobs:closed())
    -- Another one has them, at once.
    local got = 0
    local other = link:stream { stream = name, consumer = "w" }
    other:on_recv(function(_, job) got = got + job.deliveries end)
    support.wait(loop, function() return got == 38 end)
    assert.equal(19, other:stats().received)
  end)

  it("gives back what is in hand when the time is over", function()
    local jobs = stream(3)
    local never = eddy.future.new(loop)
    jobs:set_concurrency(2)
    jobs:on_recv(function() never:await() end)
    support.wait(loop, function() return jobs:stats().in_hand == 2 end)
    assert.is_true(support.task(loop, function() return jobs:close { drain = 50 } end) >= 2)
    local other, got = link:stream { stream = name, consumer = "w" }, {}
    other:on_recv(function(msg) got[msg[1]] = true end)
    support.wait(loop, function() return got.m1 and got.m2 and got.m3 end)
    never:set_result() -- the handlers end after all, and nothing is said twice
    support.turns(loop, 5)
  end)

  it("waits for what was sent to be stored", function()
    local jobs = stream(1)
    for i = 1, 500 do jobs:send("more" .. i) end
    assert.equal(0, support.task(loop, function() return jobs:close { drain = 5000 } end))
    local other = link:stream { stream = name, consumer = "w" }
    local got = 0
    other:on_recv(function() got = got + 1 end)
    support.wait(loop, function() return got == 501 end)
  end)

  it("comes with the link's, after all that was answered has left", function()
    local jobs = stream(100)
    local got = 0
    jobs:on_recv(function()
      got = got + 1
      if got == 100 then loop:stop() end
    end)
    support.run(loop)
    assert.equal(0, support.task(loop, function() return link:close { drain = 5000 } end))
    assert.is_true(jobs:closed())
    link = eddy.jetstream.connect { server.url, loop = loop }
    local info = support.task(loop, function() return consumer(link) end)
    assert.equal(0, info.num_ack_pending)
    assert.equal(0, info.num_pending)
  end)

  it("waits no longer than it was told to, without a server", function()
    local jobs = stream(1)
    server:kill()
    support.wait(loop, function() return not link:connected() end)
    jobs:send "x"
    local lost = support.task(loop, function() return link:close { drain = 50 } end)
    assert.equal(1, lost)
    assert.matches("1 message not stored", support.take_log())
    server:start()
  end)

  it("in a handler waits for all but that one", function()
    local jobs = stream(2, true)
    local lost
    jobs:on_recv(function()
      eddy.future.sleep(1):await()
      lost = jobs:close { drain = 60000 }
    end)
    support.wait(loop, function() return lost end)
    assert.is_true(jobs:closed())
    local other, got = link:stream { stream = name, consumer = "w" }, {}
    other:on_recv(function(msg) got[msg[1]] = true end)
    support.wait(loop, function() return got.m2 end)
  end)

  it("comes with the loop's end in order, which waits for what is in hand", function()
    local jobs = stream(20, true)
    local go, ended = eddy.future.new(loop), false
    jobs:on_recv(function()
      go:await()
      ended = true
    end)
    support.wait(loop, function() return jobs:stats().waiting == 19 end)
    jobs:send "more"
    loop:call_later(30, function() go:set_result() end)
    loop:stop_gracefully()
    support.run(loop)
    assert.is_true(ended)
    assert.is_true(jobs:closed())
    assert.is_true(link:closed())
    link = eddy.jetstream.connect { server.url, loop = loop }
    local other, got = link:stream { stream = name, consumer = "w" }, 0
    other:on_recv(function() got = got + 1 end)
    support.wait(loop, function() return got == 20 end) -- all but the one, and what was sent last
  end)

  it("comes last in the loop's end: what others send meanwhile is stored", function()
    local jobs = stream(1)
    local go, results = eddy.future.new(loop), {}
    loop:spawn(function()
      go:await()
      eddy.sleep(1)
      table.insert(results, jobs:send "of a task" == true)
    end)
    loop:on_stop(function() table.insert(results, jobs:send "of on_stop" == true) end)
    loop:stop_gracefully()
    loop:call_later(30, function() go:set_result() end)
    support.run(loop)
    assert.same({ true, true }, results)
    assert.is_true(link:closed())
    link = eddy.jetstream.connect { server.url, loop = loop }
    local other, got = link:stream { stream = name, consumer = "w" }, {}
    other:on_recv(function(msg) got[msg[1]] = true end)
    support.wait(loop, function() return got["of a task"] and got["of on_stop"] end)
  end)

  it("comes with the loop's while a timer sends, which hears that it is too late", function()
    local jobs = stream(1)
    local ended, outcomes, cancelled = nil, {}, false
    local bucket = support.task(loop, function() return link:kv(name, {}):await() end)
    loop:call_every(1, function()
      local ok, err = jobs:send "some"
      outcomes[ok and "sent" or err.name] = true
      ok, err = link:publish(name .. "x", "")
      outcomes[ok and "published" or "publish: " .. err.name] = true
      cancelled = bucket:put("key", "value"):cancelled() and
        link:request(name .. "x", ""):cancelled()
      if ok and not ended then ended = loop:stop_gracefully() end
    end)
    -- The loop goes on after the link's end, as it does for another link that is not through yet.
    loop:on_stop(function()
      loop._ending:await_rest()
      while not link:closed() do eddy.sleep(1) end
      eddy.sleep(10)
    end)
    support.run(loop)
    assert.same({}, ended:result())
    assert.same({ sent = true, ENOTSOCK = true, published = true, ["publish: ENOTSOCK"] = true },
      outcomes)
    assert.is_true(cancelled)
    -- When the script itself has closed it, sending is a mistake.
    link = eddy.jetstream.connect { server.url, loop = loop }
    jobs = link:stream { stream = name, subject = name }
    jobs:close()
    assert.has_error(function() jobs:send "x" end)
  end)

  it("leaves room in a short end: a handler that never ends has its message given back", function()
    local jobs = stream(1)
    local never, inside = eddy.future.new(loop), false
    jobs:on_recv(function()
      inside = true
      never:await()
    end)
    support.wait(loop, function() return inside end)
    assert.equal(1, #support.task(loop, function() return loop:stop_gracefully(100):await() end))
    assert.is_true(jobs:closed())
    link = eddy.jetstream.connect { server.url, loop = loop }
    local other, deliveries = link:stream { stream = name, consumer = "w" }, nil
    other:on_recv(function(_, job) deliveries = job.deliveries end)
    support.wait(loop, function() return deliveries == 2 end)
  end)

  it("comes with a reload, after which the new generation has the messages", function()
    local script = process.script(([[
      local eddy = require "eddy"
      local loop = eddy.loop.instance()
      local number = eddy.keep("number", function() return { 0 } end)
      number[1] = number[1] + 1
      local generation = number[1]
      local link = eddy.jetstream.connect { %q }
      local jobs = link:stream { stream = %q, consumer = "w", subject = %q,
        create = { subjects = %q, retention = "workqueue" } }
      local got = 0
      jobs:on_recv(function(msg)
        got = got + 1
        if got == 3 then
          io.write(generation, " has ", msg[1], "\n")
          if generation == 1 then require("eddy.reload").now() else loop:stop_gracefully() end
        end
      end)
      loop:call_every(5, function() return jobs:closed() or jobs:send("some") end)
    ]]):format(server.url, name, name, name))
    local code, out, err = process.eddy(script)
    os.remove(script)
    assert.message(err).equal(0, code)
    assert.equal("1 has some\n2 has some\n", out)
  end)

  it("calls on_close", function()
    local jobs = stream(1)
    local closed = 0
    jobs:on_close(function() closed = closed + 1 end)
    jobs:close()
    jobs:close()
    assert.equal(1, closed)
  end)

  it("comes with the loop's", function()
    local jobs = stream(1)
    jobs:on_recv(function() end)
    loop:close()
    assert.is_true(jobs:closed())
    assert.is_true(link:closed())
  end)
end)
