local eddy = require "eddy"
local support = require "spec.lua.support"
local shared = require "spec.lua.jetstream.support"

if shared.missing then
  describe("plain subjects of NATS", function() shared.is_pending "are published at" end)
  return
end

describe("plain subjects of NATS", function()
  local server = shared.server "max_payload: 1000"
  local loop
  support.each(function(l) loop = l end)
  local link
  before_each(function()
    link = eddy.jetstream.connect { server.url, loop = loop, reconnect_wait = 20 }
    link:on_event(function() end)
  end)
  after_each(function() if loop._c then link:close() end end)

  it("bring what is published there to all that subscribe", function()
    local a, b = {}, {}
    link:subscribe("weather.*"):on_recv(function(msg) a[#a + 1] = msg end)
    link:subscribe("weather.>"):on_recv(function(msg) b[#b + 1] = msg end)
    link:publish("weather.rome", "sunny", { unit = "c" })
    link:publish("weather.rome.north", "rain")
    support.wait(loop, function() return #b == 2 end)
    assert.equal(1, #a)
    assert.equal("weather.rome", a[1][1])
    assert.equal("sunny", a[1][2])
    assert.equal("c", a[1].headers.unit)
    assert.equal("rain", b[2][2])
  end)

  it("share what comes in a group", function()
    local got = 0
    for _ = 1, 3 do
      link:subscribe("work", { group = "g" }):on_recv(function() got = got + 1 end)
    end
    for _ = 1, 30 do link:publish("work", "x") end
    support.wait(loop, function() return got >= 30 end)
    support.turns(loop, 10)
    assert.equal(30, got)
  end)

  it("answer requests", function()
    link:subscribe("double"):on_recv(function(msg, request)
      request:reply(tostring(2 * tonumber(msg[2])), { by = "me" })
    end)
    local answer, headers = support.task(loop, function()
      return link:request("double", "21"):await()
    end)
    assert.equal("42", answer)
    assert.equal("me", headers.by)
  end)

  it("tell that nobody answers, and that nobody did in time", function()
    local problem = support.task(loop, function()
      return link:request("nobody", "x"):error() or
        select(2, pcall(function() link:request("nobody", "x"):await() end))
    end)
    assert.equal("EHOSTUNREACH", problem.name)
    link:subscribe("silent"):on_recv(function() end)
    local result, err = support.task(loop, function()
      return link:request("silent", "x", { timeout = 20 }):await()
    end)
    assert.is_nil(result)
    assert.equal("ETIMEDOUT", err.name)
  end)

  it("bring one message at a time to a handler that waits, or as many as is said", function()
    local go, inside, most = eddy.future.new(loop), 0, 0
    local sub = link:subscribe "slow"
    sub:on_recv(function()
      inside = inside + 1
      most = math.max(most, inside)
      go:await()
      inside = inside - 1
    end)
    for _ = 1, 5 do link:publish("slow", "x") end
    support.wait(loop, function() return sub:stats().waiting == 4 end)
    assert.equal(1, inside)
    sub:set_concurrency(3)
    support.wait(loop, function() return inside == 3 end)
    go:set_result()
    support.wait(loop, function() return inside == 0 and sub:stats().waiting == 0 end)
    assert.equal(3, most)
  end)

  it("drop what is above the limit, and count it", function()
    local sub = link:subscribe("much", { limit = 10 })
    local go = eddy.future.new(loop)
    sub:on_recv(function() go:await() end)
    for _ = 1, 100 do link:publish("much", "x") end
    local other = 0
    link:subscribe("end"):on_recv(function() other = other + 1 end)
    link:publish("end", "x")
    support.wait(loop, function()
      return other == 1 and sub:stats().waiting + sub:stats().dropped + link:stats().dropped == 99
    end)
    assert.is_true(sub:stats().waiting <= 10)
    go:set_result()
  end)

  it("are subscribed again when the server is back", function()
    local got = {}
    link:subscribe("again"):on_recv(function(msg) got[#got + 1] = msg[2] end)
    link:publish("again", "1")
    support.wait(loop, function() return #got == 1 end)
    server:kill()
    support.wait(loop, function() return not link:connected() end)
    link:publish("again", "2")
    server:start()
    support.wait(loop, function() return #got == 2 end)
    assert.same({ "1", "2" }, got)
  end)

  it("are ended by close", function()
    local sub = link:subscribe "a"
    sub:on_recv(function() end)
    assert.equal(0, sub:close())
    assert.is_true(sub:closed())
    assert.error_matches(function() sub:on_recv(print) end, "closed")
    local problem = support.task(loop, function()
      return select(2, pcall(function() link:request("a", "x"):await() end))
    end)
    assert.equal("EHOSTUNREACH", problem.name)
  end)

  it("say what is wrong with what they are given", function()
    assert.error_matches(function() link:publish("a b", "x") end, "publish: expected a subject")
    assert.error_matches(function() link:publish("a.>", "x") end, "without %* and >")
    assert.error_matches(function() link:publish("a", 5) end, "expected a string, got number")
    assert.error_matches(function() link:subscribe "a..b" end, "subscribe: expected a subject")
    assert.error_matches(function() link:subscribe("a", { grop = "x" }) end, "did you mean group")
    support.wait(loop, function() return link:connected() end)
    local ok, err = link:publish("a", ("x"):rep(2000))
    assert.is_nil(ok)
    assert.equal("EMSGSIZE", err.name)
  end)
end)
