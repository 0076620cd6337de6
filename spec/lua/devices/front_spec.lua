local devices = require "eddy.devices"
local eddy = require "eddy"
local fronts = require "eddy.front"
local zmq = require "eddy.zmq"
local process = require "spec.support.process"
local support = require "spec.lua.support"

describe("a front", function()
  local loop, context, made, folder
  support.each(function(...) loop, context = ... end)

  before_each(function()
    made, folder = {}, support.temp_dir()
  end)

  after_each(function()
    for _, front in ipairs(made) do
      front:stop()
      if tostring(front):find "ing" then assert(front:join(5000)) end
    end
    process.shell("rm -rf " .. folder)
  end)

  local clients, workers -- endpoints

  local function start(settings)
    settings = settings or {}
    settings.drain = settings.drain or 0
    local front = devices.front(settings)
    made[#made + 1] = front
    clients, workers = "ipc://" .. folder .. "/clients", "ipc://" .. folder .. "/workers"
    front:bind_in(clients)
    front:bind_out(workers)
    front:start()
    return front
  end

  local function worker(handle, settings)
    settings = settings or {}
    settings.connect, settings.handle, settings.loop = workers, handle, loop
    return fronts.worker(settings)
  end

  local function client(kind)
    return context:socket(kind or zmq.REQ, { connect = clients, rcvtimeo = 5000, linger = 0 })
  end

  -- A worker that is just a socket, and says what it wants.
  local function bare(credit)
    local socket = context:socket(zmq.DEALER, { connect = workers, rcvtimeo = 5000, linger = 0 })
    socket:send_multipart { "READY", credit }
    return socket
  end

  local function job_of(socket)
    local msg
    repeat msg = assert(socket:recv_multipart()) until msg[1] ~= "PING"
    assert.equal("JOB", msg[1])
    return msg
  end

  local function stats(front, name, value)
    support.wait(loop, function() return front:stats()[name] == value end)
  end

  it("hands requests to a worker, and its answers to the clients", function()
    local front = start()
    worker(function(msg) return { "re: " .. msg[1], msg[2] } end)
    local one, two = eddy.stream(client(), loop), eddy.stream(client(zmq.DEALER), loop)
    local answers = {}
    one:on_recv(function(msg) answers.one = msg end)
    two:on_recv(function(msg) answers.two = msg end)
    one:send_multipart { "a", "b" }
    two:send_multipart { "", "c", "d" }
    support.wait(loop, function() return answers.one and answers.two end)
    assert.same({ "re: a", "b" }, answers.one)
    assert.same({ "", "re: c", "d" }, answers.two)
    local counted = front:stats()
    assert.equal(2, counted.in_received)
    assert.equal(2, counted.in_sent)
    assert.equal(1, counted.workers)
    assert.equal(0, counted.in_hand + counted.queued + counted.lost + counted.retried)
  end)

  it("gives no worker more than it is ready for, and the next to who is free", function()
    start()
    local slow, quick = bare "1", bare "1"
    local asks = client(zmq.DEALER)
    for i = 1, 4 do asks:send_multipart { "", tostring(i) } end
    local first, second = job_of(slow), job_of(quick)
    for _ = 1, 2 do
      quick:send_multipart { "REPLY", second[2], "done " .. second[3] }
      second = job_of(quick)
    end
    assert.is_nil((slow:recv(zmq.DONTWAIT)))
    slow:send_multipart { "REPLY", first[2], "late" }
    quick:send_multipart { "REPLY", second[2], "last" }
    local got = {}
    for _ = 1, 4 do got[#got + 1] = asks:recv_multipart()[2] end
    table.sort(got)
    assert.equal("done", got[1]:sub(1, 4))
    assert.same({ "last", "late" }, { got[3], got[4] })
  end)

  it("gives what a worker had to another one when it is gone", function()
    local front = start()
    local dies = bare "2"
    local asks = client(zmq.DEALER)
    for i = 1, 3 do asks:send_multipart { "", tostring(i) } end
    job_of(dies)
    job_of(dies)
    dies:close(0)
    worker(function(msg) return "got " .. msg[1] end)
    stats(front, "in_sent", 3)
    local got = {}
    for i = 1, 3 do got[i] = asks:recv_multipart()[2] end
    table.sort(got)
    assert.same({ "got 1", "got 2", "got 3" }, got)
    assert.equal(2, front:stats().retried)
    assert.equal(1, front:stats().workers)
  end)

  it("answers with an empty frame what too many workers died of", function()
    local front = start { retry = 1 }
    local asks = client()
    asks:send "poison"
    for _ = 1, 2 do
      local dies = bare "1"
      job_of(dies)
      dies:close(0)
    end
    assert.same({ "" }, asks:recv_multipart())
    assert.equal(1, front:stats().lost)
    assert.equal(1, front:stats().retried)
  end)

  it("takes a worker that does not answer in time for gone", function()
    local front = start { timeout = 150 }
    local hangs, asks = bare "1", client()
    asks:send "question"
    local job = job_of(hangs)
    worker(function() return "answer" end)
    stats(front, "in_sent", 1)
    hangs:send_multipart { "REPLY", job[2], "late" } -- for nobody
    assert.same({ "answer" }, asks:recv_multipart())
    asks:send "another"
    stats(front, "in_sent", 2)
    assert.same({ "answer" }, asks:recv_multipart())
  end)

  it("keeps the requests of a key with one worker, in their order", function()
    local front = start { shard = 1 }
    local seen, pool = {}, {}
    for i = 1, 3 do
      pool[i] = worker(function(msg)
        seen[#seen + 1] = { worker = i, key = msg[1], number = tonumber(msg[2]) }
        return "ok"
      end, { credit = 2 })
    end
    stats(front, "workers", 3)
    local asks = client(zmq.DEALER)
    for n = 1, 60 do asks:send_multipart { "", "key " .. n % 12, tostring(n) } end
    stats(front, "in_sent", 60)
    local owner, last, owners = {}, {}, {}
    for _, each in ipairs(seen) do
      owner[each.key] = owner[each.key] or each.worker
      assert.equal(owner[each.key], each.worker)
      assert.is_true(each.number > (last[each.key] or 0))
      last[each.key], owners[each.worker] = each.number, true
    end
    assert.is_true(owners[1] and owners[2] and owners[3])
    pool[1]:stop()
    stats(front, "credits", 4)
    for n = 61, 72 do asks:send_multipart { "", "key " .. n % 12, tostring(n) } end
    stats(front, "in_sent", 72)
    for i = 61, 72 do
      assert.not_equal(1, seen[i].worker)
      if owner[seen[i].key] ~= 1 then assert.equal(owner[seen[i].key], seen[i].worker) end
    end
  end)

  it("lets a worker say good-bye: what it has it answers, what it has not begun it gives back",
    function()
      local front = start()
      local answer
      local leaves = worker(function(_, job) answer = job end, { credit = 3 })
      local asks = client(zmq.DEALER)
      for i = 1, 3 do asks:send_multipart { "", tostring(i) } end
      stats(front, "in_hand", 3)
      support.wait(loop, function() return answer end)
      -- All three were begun: none of them waits for the others.
      leaves:stop()
      asks:send_multipart { "", "4" }
      stats(front, "queued", 1)
      assert.is_false(leaves.stream:closed())
      worker(function(msg) return "other " .. msg[1] end)
      stats(front, "in_sent", 1)
      assert.same({ "", "other 4" }, asks:recv_multipart())
      answer:give_back()
      stats(front, "in_sent", 2)
      assert.same({ "", "other 3" }, asks:recv_multipart())
    end)

  it("reads clients no more while its queue is full", function()
    local front = start { queue = 5 }
    local asks = client(zmq.DEALER)
    for i = 1, 50 do asks:send_multipart { "", tostring(i) } end
    stats(front, "queued", 5)
    assert.equal(5, front:stats().in_received)
    local count = 0
    worker(function()
      count = count + 1
      return "x"
    end)
    stats(front, "in_sent", 50)
    assert.equal(50, count)
  end)

  it("has workers whose handlers wait, and overlap as far as their credit goes", function()
    local front = start()
    local busy, most = 0, 0
    worker(function(msg)
      busy = busy + 1
      most = math.max(most, busy)
      eddy.sleep(5)
      busy = busy - 1
      return msg
    end, { credit = 4 })
    local asks = client(zmq.DEALER)
    for i = 1, 12 do asks:send_multipart { "", tostring(i) } end
    stats(front, "in_sent", 12)
    assert.equal(4, most)
  end)

  it("has workers whose handlers fail: the request is answered, the next is served", function()
    local front = start()
    local errors = {}
    loop:on_error(function(err) errors[#errors + 1] = err end)
    worker(function(msg)
      if msg[1] == "bad" then error("no", 0) end
      return "good"
    end, { error_reply = "sorry" })
    local asks = client(zmq.DEALER)
    for _, text in ipairs { "bad", "fine" } do asks:send_multipart { "", text } end
    stats(front, "in_sent", 2)
    assert.same({ "", "sorry" }, asks:recv_multipart())
    assert.same({ "", "good" }, asks:recv_multipart())
    assert.same({ "no" }, errors)
  end)

  it("meets its workers again when it comes back", function()
    local front = start()
    worker(function() return "x" end)
    stats(front, "workers", 1)
    front:stop()
    assert(front:join(5000))
    front = start()
    stats(front, "workers", 1)
    local asks = client(zmq.DEALER)
    asks:send_multipart { "", "question" }
    stats(front, "in_sent", 1)
    assert.same({ "", "x" }, asks:recv_multipart())
  end)

  it("ends when what workers have is answered, or its time is up", function()
    local front = start { drain = 10000 }
    local slow, asks = bare "1", client()
    asks:send "question"
    local job = job_of(slow)
    front:stop()
    assert.is_nil((front:join(10)))
    slow:send_multipart { "REPLY", job[2], "answer" }
    assert(front:join(5000))
    assert.same({ "answer" }, asks:recv_multipart())
    assert.equal("stopped", front:reason())
  end)

  it("heeds nothing that is no word of a worker's", function()
    local front = start()
    local odd = context:socket(zmq.DEALER, { connect = workers, linger = 0 })
    for _, msg in ipairs {
      { "" }, { "READY", "x" }, { "READY", "99999999999999999999" }, { "REPLY" },
      { "REPLY", "abc" },
      { "REPLY", "abcd", "x" }, { "RETURN", "abcd" }, { "READY", "" }, { "BYE", "x" }, { "HELLO" },
    } do odd:send_multipart(msg) end
    stats(front, "out_received", 0)
    worker(function() return "x" end)
    local asks = client()
    asks:send "question"
    stats(front, "in_sent", 1)
    assert.same({ "x" }, asks:recv_multipart())
  end)

  it("says what is wrong with its settings", function()
    for text, settings in pairs {
      ["front: no such option: 'retrys' %(did you mean retry%?%)"] = { retrys = 1 },
      ["front: queue: expected a number of at least 1, got number 0"] = { queue = 0 },
      ['front: retry: expected a number of at least 0, got string "x"'] = { retry = "x" },
    } do assert.error_matches(function() devices.front(settings) end, text) end
    for text, settings in pairs {
      ["worker: handle: expected a function, got nil"] = { connect = "inproc://x" },
      ["worker: connect: expected"] = { handle = print },
      ["worker: credit: expected"] = { handle = print, connect = "inproc://x", credit = 0.5 },
    } do assert.error_matches(function() fronts.worker(settings) end, text) end
  end)
end)
