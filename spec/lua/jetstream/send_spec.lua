local eddy = require "eddy"
local support = require "spec.lua.support"
local shared = require "spec.lua.jetstream.support"

if shared.missing then
  describe("a stream of JetStream's", function() shared.is_pending "stores" end)
  return
end

describe("a stream of JetStream's", function()
  local server = shared.server "max_payload: 100000"
  local loop
  support.each(function(l) loop = l end)
  local link, name
  before_each(function()
    name = shared.name "STORE"
    link = eddy.jetstream.connect { server.url, loop = loop, reconnect_wait = 20 }
    link:on_event(function() end)
  end)
  after_each(function() if loop._c then link:close() end end)

  local function stream(create, more)
    local options = { stream = name, subject = name .. ".a", create = create or {} }
    options.create.subjects = name .. ".>"
    for key, value in pairs(more or {}) do options[key] = value end
    return link:stream(options)
  end

  local function info()
    return support.task(loop, function() return shared.api(link, "STREAM.INFO." .. name) end)
  end

  local function stored(jobs)
    support.wait(loop, function() return not jobs:sending() end)
  end

  it("stores what is sent, in its order, and tells on_send", function()
    local jobs = stream()
    local told = {}
    jobs:on_send(function(msg, err) told[#told + 1] = err or msg[1] end)
    for i = 1, 1000 do assert.is_true(jobs:send("m" .. i)) end
    support.wait(loop, function() return #told == 1000 end)
    for i = 1, 1000 do assert.equal("m" .. i, told[i]) end
    assert.equal(1000, info().state.messages)
    local stats = jobs:stats()
    assert.equal(1000, stats.stored)
    assert.equal(0, stats.queued)
    assert.equal(0, stats.queued_bytes)
  end)

  it("stores lists of one part, and refuses those of several", function()
    local jobs = stream()
    assert.is_true(jobs:send_multipart { "one" })
    assert.is_true(jobs:send_multipart({ "two" }, { id = "two" }))
    for _, parts in ipairs { { "a", "b" }, {}, { 5 }, "text" } do
      assert.error_matches(function() jobs:send_multipart(parts) end,
        "send_multipart: expected a list of one string, got .*has one part; join several")
    end
    stored(jobs)
    assert.equal(2, info().state.messages)
  end)

  it("stores a message of an id once", function()
    local jobs = stream()
    for _ = 1, 3 do jobs:send("x", { id = "order-17" }) end
    stored(jobs)
    assert.equal(1, info().state.messages)
    assert.equal(2, jobs:stats().duplicates)
  end)

  it("tells a message's own callback in place of on_send", function()
    local jobs = stream()
    local own, other
    jobs:on_send(function(msg) other = msg[1] end)
    jobs:send("a", { callback = function(msg) own = msg[1] end })
    jobs:send "b"
    support.wait(loop, function() return own and other end)
    assert.equal("a", own)
    assert.equal("b", other)
  end)

  it("keeps what is sent while there is no server, and its order", function()
    local jobs = stream(nil, { window = 10 })
    jobs:send "m1"
    stored(jobs)
    server:kill()
    support.wait(loop, function() return not link:connected() end)
    for i = 2, 200 do jobs:send("m" .. i) end
    support.turns(loop, 10)
    assert.equal(199, jobs:stats().queued)
    server:start()
    local got = {}
    stored(jobs)
    local reader = link:stream { stream = name, consumer = "r", create = {} }
    reader:on_recv(function(msg) got[#got + 1] = msg[1] end)
    support.wait(loop, function() return #got == 200 end)
    for i = 1, 200 do assert.equal("m" .. i, got[i]) end
  end)

  it("stores nothing twice and keeps the order when the server is killed in the middle", function()
    local jobs = stream(nil, { window = 50 })
    jobs:send "m1"
    stored(jobs)
    for i = 2, 3000 do jobs:send("m" .. i) end
    support.wait(loop, function() return jobs:stats().stored > 300 end)
    server:kill()
    server:start()
    stored(jobs)
    assert.equal(3000, info().state.messages)
    local got = {}
    local reader = link:stream { stream = name, consumer = "r", create = {} }
    reader:on_recv(function(msg) got[#got + 1] = msg[1] end)
    support.wait(loop, function() return #got == 3000 end)
    for i = 1, 3000 do assert.equal("m" .. i, got[i]) end
  end)

  it("refuses what is larger than the server takes", function()
    local jobs = stream()
    jobs:send "x"
    stored(jobs)
    local ok, err = jobs:send(("x"):rep(200000))
    assert.is_nil(ok)
    assert.equal("EMSGSIZE", err.name)
    assert.matches("200000 bytes, and %d+ for its headers, and the server takes 100000",
      err.message)
  end)

  it("tells of one that turns out to be larger", function()
    local jobs = stream()
    local problem
    jobs:on_err(function(err) problem = err end)
    assert.is_true(jobs:send(("x"):rep(200000))) -- it is not known yet what the server takes
    jobs:send "y"
    stored(jobs)
    support.wait(loop, function() return problem end)
    assert.equal("EMSGSIZE", problem.name)
    assert.equal(1, info().state.messages)
  end)

  it("tells of a stream that is full", function()
    local jobs = stream { max_messages = 2, discard = "new" }
    local problems = {}
    jobs:on_err(function(err) problems[#problems + 1] = err end)
    for _ = 1, 3 do jobs:send "x" end
    stored(jobs)
    support.wait(loop, function() return problems[1] end)
    assert.equal("ENOSPC", problems[1].name)
    assert.matches("maximum messages exceeded", problems[1].message)
    assert.equal(1, #problems)
    assert.equal(1, jobs:stats().failed)
  end)

  it("tells of a message that the stream finds too large", function()
    local jobs = stream { max_message_size = 10 }
    local problem
    jobs:send(("x"):rep(100), { callback = function(_, err) problem = err end })
    support.wait(loop, function() return problem end)
    assert.equal("EMSGSIZE", problem.name)
  end)

  it("tells of a subject that no stream takes", function()
    local jobs = stream()
    local problem
    jobs:on_err(function(err) problem = err end)
    jobs:send("x", { subject = "nowhere.a" })
    jobs:send "y"
    stored(jobs)
    support.wait(loop, function() return problem end)
    assert.equal("ENOENT", problem.name)
    assert.matches("no stream takes the subject nowhere.a", problem.message)
    assert.equal(1, info().state.messages)
  end)

  it("is full at its limit, where a task waits for room", function()
    local jobs = stream(nil, { window = 1 })
    jobs:set_send_limit { messages = 2 }
    local full, drained = 0, 0
    jobs:on_full(function() full = full + 1 end)
    jobs:on_drain(function() drained = drained + 1 end)
    assert.is_true(jobs:send "1")
    assert.is_true(jobs:send "2")
    local ok, err = jobs:send "3"
    assert.is_nil(ok)
    assert.equal("ENOBUFS", err.name)
    support.task(loop, function()
      for i = 4, 20 do assert(jobs:send(tostring(i))) end
    end)
    stored(jobs)
    assert.is_true(full >= 1)
    assert.is_true(drained >= 1)
    assert.equal(19, info().state.messages)
  end)

  it("says what is wrong with what it is given", function()
    local jobs = stream()
    local function fails(text, ...)
      local given = { ... }
      assert.error_matches(function() jobs:send(unpack(given)) end, text)
    end
    fails("send: expected a string, got number", 5)
    fails("send: expected a string, got table: a message of NATS' has one part", { "a", "b" })
    fails("expected a subject without", "x", { subject = "a.*" })
    fails("no such option: 'sbject'", "x", { sbject = "a" })
    fails("send: id: expected a text of one line", "x", { id = "a\nb" })
    fails("headers: a: expected a text of one line", "x", { headers = { a = "x\ny" } })
    fails("send: callback: expected a function", "x", { callback = 5 })
    assert.error_matches(function() link:stream { stream = name }:send "x" end, "name the subject")
  end)

  it("tells those who sent when it is closed before their messages are stored", function()
    local jobs = stream()
    local problem
    jobs:send("x", { callback = function(_, err) problem = err end })
    assert.equal(1, jobs:close())
    assert.matches("with 1 message not stored", support.take_log())
    support.wait(loop, function() return problem end)
    assert.equal("ENOTSOCK", problem.name)
    assert.error_matches(function() jobs:send "y" end, "is closed")
    assert.is_true(jobs:closed())
  end)
end)
