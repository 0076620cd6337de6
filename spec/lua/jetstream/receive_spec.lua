local eddy = require "eddy"
local support = require "spec.lua.support"
local shared = require "spec.lua.jetstream.support"

if shared.missing then
  describe("a stream of JetStream's", function() shared.is_pending "receives" end)
  return
end

describe("a stream of JetStream's", function()
  local server = shared.server()
  local loop
  support.each(function(l) loop = l end)
  local link, name
  before_each(function()
    name = shared.name "WORK"
    link = eddy.jetstream.connect { server.url, loop = loop, reconnect_wait = 20 }
    link:on_event(function() end)
  end)
  after_each(function() if loop._c then link:close() end end)

  -- A stream that is made with its consumer; `more` are its other options.
  local function stream(more)
    local options = { stream = name, consumer = "w", subject = name .. ".a",
      create = { subjects = name .. ".>", retention = "workqueue" } }
    for key, value in pairs(more or {}) do options[key] = value end
    return link:stream(options)
  end

  local function send(jobs, count)
    for i = 1, count do assert.is_true(jobs:send("m" .. i)) end
  end

  local function consumer()
    return support.task(loop, function()
      return shared.api(link, "CONSUMER.INFO." .. name .. ".w")
    end)
  end

  -- Until the server knows that nothing is in hand, or at most `left`.
  local function wait_for_answers(left)
    support.task(loop, function()
      for _ = 1, 500 do
        local info = shared.api(link, "CONSUMER.INFO." .. name .. ".w")
        if info.num_ack_pending <= (left or 0) and info.num_pending == 0 then return end
        eddy.future.sleep(10):await()
      end
      error "the answers did not come"
    end)
  end

  it("hands messages to the handler, and acknowledges them", function()
    local jobs = stream()
    local got = {}
    jobs:on_recv(function(msg, job)
      got[#got + 1] = { msg[1], #msg, job.subject, job.deliveries, job.redelivered, job.sequence }
      if #got == 200 then loop:stop() end
    end)
    send(jobs, 200)
    support.run(loop)
    for i = 1, 200 do
      assert.same({ "m" .. i, 1, name .. ".a", 1, false, i }, got[i])
    end
    wait_for_answers()
    local stats = jobs:stats()
    assert.equal(200, stats.acks)
    assert.equal(200, stats.received)
    assert.equal(200, stats.handled)
    assert.equal(0, stats.redelivered)
  end)

  it("hands over headers and the time", function()
    local jobs = stream()
    local job
    jobs:on_recv(function(_, each)
      job = each
      loop:stop()
    end)
    jobs:send("x", { id = "order-17", headers = { kind = "bill", no = 5 } })
    support.run(loop)
    assert.equal("bill", job.headers.kind)
    assert.equal("5", job.headers.no)
    assert.equal("order-17", job.headers["Nats-Msg-Id"])
    assert.is_true(math.abs(job.time / 1000 - os.time()) < 60)
  end)

  it("has a message that failed come again, after the backoff", function()
    local jobs = stream { backoff = { 1, 20 } }
    local deliveries = {}
    jobs:on_recv(function(_, job)
      deliveries[#deliveries + 1] = job.deliveries
      if #deliveries < 3 then error "not yet" end
      loop:stop()
    end)
    send(jobs, 1)
    support.run(loop)
    assert.same({ 1, 2, 3 }, deliveries)
    wait_for_answers()
    assert.equal(2, jobs:stats().naks)
    assert.equal(2, jobs:stats().raised)
    assert.equal(2, jobs:stats().redelivered)
    local _, count = support.take_log():gsub("not yet", "")
    assert.equal(2, count)
  end)

  it("acknowledges only when the handler's coroutine has ended", function()
    local jobs = stream { create = { subjects = name .. ".>", ack_wait = 1000 } }
    local go, begun = eddy.future.new(loop), 0
    jobs:on_recv(function()
      begun = begun + 1
      go:await()
    end)
    send(jobs, 2)
    -- Longer than the server waits for an answer: it is told that the first one goes on.
    support.wait(loop, function() return jobs:stats().progress >= 4 end)
    assert.equal(1, begun)
    assert.equal(0, jobs:stats().acks)
    assert.equal(1, consumer().num_ack_pending)
    go:set_result()
    support.wait(loop, function() return jobs:stats().acks == 2 end)
    wait_for_answers()
    assert.equal(0, jobs:stats().redelivered)
  end)

  it("has as many in hand as set_concurrency says", function()
    local jobs = stream()
    local go, inside, most = eddy.future.new(loop), 0, 0
    jobs:set_concurrency(3)
    jobs:on_recv(function()
      inside = inside + 1
      most = math.max(most, inside)
      go:await()
      inside = inside - 1
    end)
    send(jobs, 10)
    support.wait(loop, function() return inside == 3 end)
    support.turns(loop, 20)
    assert.equal(3, most)
    go:set_result()
    support.wait(loop, function() return jobs:stats().acks == 10 end)
    wait_for_answers()
  end)

  it("lets the handler answer for itself, once", function()
    local jobs = stream()
    local problems = {}
    jobs:on_recv(function(msg, job)
      if msg[1] == "m1" then
        job:progress()
        job:ack()
        for _, call in ipairs { "ack", "nak", "term", "progress" } do
          local _, problem = pcall(job[call], job)
          problems[#problems + 1] = problem
        end
      elseif msg[1] == "m2" then
        if job.deliveries == 1 then return job:nak(1) end
      elseif msg[1] == "m3" then
        job:term()
      end
    end)
    send(jobs, 4)
    support.wait(loop, function()
      local stats = jobs:stats()
      return stats.acks == 3 and stats.terms == 1
    end)
    wait_for_answers()
    assert.equal(1, jobs:stats().naks)
    assert.equal(1, jobs:stats().redelivered)
    for i, call in ipairs { "ack", "nak", "term", "progress" } do
      assert.matches(call .. ": the job has its answer already: ack", problems[i])
    end
  end)

  it("tells when the server knows that it is done, also one that comes back", function()
    local jobs = stream()
    local confirmed, again, pending = 0, nil, nil
    jobs:on_recv(function(_, job)
      local future
      if confirmed == 0 then
        future = job:double_ack()
      else
        server:kill()
        future = job:double_ack()
        server:start()
      end
      confirmed = confirmed + (future:await() and 1 or 0)
      again = select(2, pcall(job.ack, job))
      pending = pending or shared.api(link, "CONSUMER.INFO." .. name .. ".w").num_ack_pending
      if confirmed == 2 then loop:stop() end
    end)
    send(jobs, 2)
    support.run(loop)
    assert.equal(0, pending)
    assert.matches("has its answer already: double_ack", again.message or again)
    assert.equal(0, jobs:stats().unanswered)
  end)

  it("tells when nobody says that it is known", function()
    local jobs = stream()
    local problem
    jobs:on_recv(function(_, job)
      job._reply = "$JS.ACK.nobody.w.1.1.1.1.0\0"
      local future = job:double_ack()
      problem = select(2, pcall(future.await, future))
      loop:stop()
    end)
    send(jobs, 1)
    support.run(loop)
    assert.equal("ENOENT", problem.name)
    assert.matches("its consumer is gone", problem.message)
    assert.equal(1, jobs:stats().unanswered)
  end)

  it("stores among the dead what failed max_deliver times", function()
    local jobs = stream { backoff = { 1 }, max_deliver = 2, dead = name .. ".dead",
      create = { subjects = name .. ".>", filter = name .. ".a" } }
    jobs:on_recv(function(msg)
      if msg[1] == "m1" then error "poison" end
    end)
    local dead = link:stream { stream = name, consumer = "dead",
      create = { subjects = name .. ".>", filter = name .. ".dead" } }
    local msg, job
    send(jobs, 2)
    support.wait(loop, function() return jobs:stats().parked == 1 end)
    dead:on_recv(function(...)
      msg, job = ...
      loop:stop()
    end)
    support.run(loop)
    assert.same({ "m1" }, msg)
    assert.equal(name .. ".a", job.headers["Eddy-Subject"])
    assert.equal("2", job.headers["Eddy-Deliveries"])
    assert.equal("1", job.headers["Eddy-Sequence"])
    assert.matches("its handler failed: .*poison", job.headers["Eddy-Reason"])
    wait_for_answers()
    assert.equal(1, jobs:stats().terms)
    support.take_log()
  end)

  it("parks what was delivered too often to workers that never answered", function()
    local jobs = stream { max_deliver = 1, dead = name .. ".dead",
      create = { subjects = name .. ".>", ack_wait = 100, filter = name .. ".a" } }
    local seen = 0
    jobs:on_recv(function() seen = seen + 1 end)
    support.wait(loop, function() return jobs._puller._known end)
    jobs:on_recv(nil)
    support.task(loop, function()
      jobs:send("x")
      while jobs:sending() do eddy.future.sleep(5):await() end
      -- As a worker that is killed: it takes it and says nothing.
      link:request(("$JS.API.CONSUMER.MSG.NEXT.%s.w"):format(name), '{"batch":1}'):await()
    end)
    jobs:on_recv(function() seen = seen + 1 end)
    support.wait(loop, function() return jobs:stats().parked == 1 and not jobs:sending() end)
    wait_for_answers()
    assert.equal(0, seen)
  end)

  it("without dead ends it, and logs that", function()
    local jobs = stream { max_deliver = 1 }
    jobs:on_recv(function() error "poison" end)
    send(jobs, 1)
    support.wait(loop, function() return jobs:stats().terms == 1 end)
    wait_for_answers()
    assert.matches("is given up: its handler failed: .*poison", support.take_log())
  end)

  it("gives back at once what a pause finds not begun, and asks for no more", function()
    local jobs = stream()
    local got = 0
    jobs._puller._mean = 0.01 -- it is known that handling is quick: many are asked for
    jobs:on_recv(function()
      got = got + 1
      if got == 1 then
        jobs:on_recv(nil)
        loop:stop()
      end
    end)
    support.wait(loop, function() return jobs._puller._asked > 1 end)
    send(jobs, 20)
    support.run(loop)
    support.wait(loop, function() return not jobs:sending() end)
    support.turns(loop, 20)
    assert.equal(1, got)
    local seen, different = {}, 1
    jobs:on_recv(function(msg)
      different = different + (seen[msg[1]] and 0 or 1)
      seen[msg[1]] = true
    end)
    -- A server of 2.9 may forget one that it has in hand as the listener goes, until its ack_wait
    -- is over, and send another twice.
    support.wait(loop, function() return different >= 19 end)
    wait_for_answers(1)
  end)

  it("says that the stream is missing, and goes on when it is there", function()
    local jobs = link:stream { stream = name, consumer = "w", heartbeat = 100, expires = 1000 }
    local problems, got = {}, 0
    jobs:on_err(function(err) problems[#problems + 1] = err end)
    jobs:on_recv(function() got = got + 1 end)
    support.wait(loop, function() return #problems > 0 end)
    assert.equal("ENOENT", problems[1].name)
    assert.matches("stream not found", problems[1].message)
    local maker = stream()
    send(maker, 1)
    support.wait(loop, function() return got == 1 end)
    assert.equal(1, #problems)
  end)

  it("says that the consumer is missing, also when it is deleted meanwhile", function()
    local jobs = stream { heartbeat = 100, expires = 1000 }
    jobs._puller._create = nil
    local problems = 0
    jobs:on_err(function(err)
      if err.message:find "consumer not found" then problems = problems + 1 end
    end)
    local maker = link:stream { stream = name, create = { subjects = name .. ".>" } }
    maker:send("x", { subject = name .. ".a" })
    support.wait(loop, function() return not maker:sending() end)
    jobs:on_recv(function() end)
    support.wait(loop, function() return problems > 0 end)
    jobs._puller._create = jobs._options.create
    support.wait(loop, function() return jobs:stats().acks == 1 end)
    jobs._puller._create = nil
    support.task(loop, function() shared.api(link, "CONSUMER.DELETE." .. name .. ".w") end)
    support.wait(loop, function() return problems > 1 end)
  end)

  it("asks again when the server is back", function()
    local jobs = stream()
    local got = {}
    jobs:on_recv(function(msg) got[#got + 1] = msg[1] end)
    send(jobs, 1)
    support.wait(loop, function() return jobs:stats().acks == 1 end)
    server:stop()
    support.wait(loop, function() return not link:connected() end)
    assert.is_true(jobs:send "later")
    server:start()
    support.wait(loop, function() return #got == 2 end)
    assert.same({ "m1", "later" }, got)
    wait_for_answers()
  end)

  it("asks again when nothing is heard for two heartbeats", function()
    local jobs = stream { heartbeat = 100, expires = 1000 }
    jobs:on_recv(function() end)
    support.wait(loop, function() return jobs._puller._asked > 0 end)
    server:signal "STOP"
    support.wait(loop, function() return jobs:stats().missed_heartbeats > 0 end)
    server:signal "CONT"
    send(jobs, 1)
    support.wait(loop, function() return jobs:stats().acks == 1 end)
    wait_for_answers()
  end)

  it("refuses consumers that it cannot use", function()
    local problem
    support.task(loop, function()
      shared.api(link, "STREAM.CREATE." .. name, { name = name, subjects = { name } })
      shared.api(link, ("CONSUMER.DURABLE.CREATE.%s.w"):format(name), { stream_name = name,
        config = { durable_name = "w", ack_policy = "none" } })
    end)
    local jobs = link:stream { stream = name, consumer = "w" }
    jobs:on_err(function(err) problem = err end)
    jobs:on_recv(function() end)
    support.wait(loop, function() return problem end)
    assert.matches("ack_policy none; explicit is needed", problem.message)
  end)

  it("says what is wrong with its options", function()
    local function fails(options, text)
      assert.error_matches(function() link:stream(options) end, text)
    end
    fails({}, "stream: stream: expected a name")
    fails({ stream = "A B" }, "stream: stream: expected a name")
    fails({ stream = "A", consumer = "a.b" }, "stream: consumer: expected a name")
    fails({ stream = "A", bach = 5 }, "no such option: 'bach' %(did you mean batch")
    fails({ stream = "A", batch = 0 }, "stream: batch: expected a whole number of at least 1")
    fails({ stream = "A", heartbeat = 2000, expires = 3000 }, "more than half")
    fails({ stream = "A", backoff = 5 }, "stream: backoff: expected a list of ms, got number 5")
    fails({ stream = "A", create = { subject = "a" } }, "did you mean subjects")
    fails({ stream = "A", dead = "a.>" }, "stream: dead: expected a subject without")
    assert.error_matches(function() link:stream { stream = "A" }:on_recv(print) end,
      "name the consumer")
  end)
end)
