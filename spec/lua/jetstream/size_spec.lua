local eddy = require "eddy"
local support = require "spec.lua.support"
local shared = require "spec.lua.jetstream.support"

if shared.missing then
  describe("large messages", function() shared.is_pending "are refused" end)
  return
end

-- The server takes 1 MiB, as nats-server does where nothing else is said.
describe("large messages", function()
  local MIB = 2 ^ 20
  local server = shared.server()
  local loop
  support.each(function(l) loop = l end)
  local link, name, events
  before_each(function()
    name, events = shared.name "SIZE", {}
    link = eddy.jetstream.connect { server.url, loop = loop }
    link:on_event(function(event) events[event.name] = event end)
  end)
  after_each(function() if loop._c then link:close() end end)

  local function stream()
    return link:stream { stream = name, subject = name .. ".a", consumer = "c",
      create = { subjects = name .. ".>" } }
  end

  local function names_both(err, size)
    assert.equal("EMSGSIZE", err.name)
    assert.matches(("%d bytes"):format(size), err.message)
    assert.matches("takes 1048576", err.message)
  end

  it("are refused by themselves, and nothing else is lost", function()
    local jobs = stream()
    local problem
    -- It is not known yet what the server takes.
    jobs:send(("a"):rep(2 * MIB), { callback = function(_, err) problem = err end })
    jobs:send "b"
    jobs:send(("c"):rep(900 * 1024))
    support.wait(loop, function() return problem and not jobs:sending() end)
    names_both(problem, 2 * MIB)
    local ok, err = jobs:send(("d"):rep(2 * MIB))
    assert.is_nil(ok)
    names_both(err, 2 * MIB)
    jobs:send(("e"):rep(900 * 1024))
    local got = {}
    jobs:on_recv(function(msg) got[#got + 1] = msg[1]:sub(1, 1) .. #msg[1] end)
    support.wait(loop, function() return got[3] end)
    assert.same({ "b1", "c921600", "e921600" }, got)
    assert.is_nil(events.LOST)
    assert.is_nil(events.ERROR)
  end)

  it("are stored up to the last byte that fits, or refused", function()
    local jobs = stream()
    local stored, refused, after = 0, 0, 0
    jobs:on_send(function(msg, err)
      if err then refused = refused + 1 else stored = stored + 1 end
      after = #msg[1]
    end)
    local headers, failed = { Name = "value", Other = "x" }, 0
    for size = MIB - 300, MIB, 10 do
      if not jobs:send(("x"):rep(size)) then failed = failed + 1 end
      if not jobs:send(("x"):rep(size), { headers = headers }) then failed = failed + 1 end
      if not jobs:send(("x"):rep(size), { id = "i" .. size }) then failed = failed + 1 end
    end
    jobs:send "last"
    support.wait(loop, function() return not jobs:sending() and after == 4 end)
    assert.equal(3 * 31 + 1, stored + refused + failed)
    assert.is_true(stored > 3 * 15)
    assert.is_nil(events.ERROR)
  end)

  it("fail what asks or publishes with them, known or not", function()
    local got
    link:subscribe(name):on_recv(function(msg) got = msg[2] end)
    link:publish(name, ("x"):rep(2 * MIB)) -- it is not known yet what the server takes
    support.task(loop, function()
      local early = link:request(name, ("x"):rep(2 * MIB), { timeout = math.huge })
      names_both(select(2, pcall(early.await, early)), 2 * MIB)
    end)
    link:publish(name, ("y"):rep(900 * 1024))
    support.wait(loop, function() return got end)
    assert.equal("a message of 2097152 bytes, and the server takes 1048576", events.ERROR.problem)
    assert.equal(900 * 1024, #got)
    local ok, err = link:publish(name, ("x"):rep(2 * MIB))
    assert.is_nil(ok)
    names_both(err, 2 * MIB)
    local late = link:request(name, ("x"):rep(2 * MIB))
    names_both(select(2, pcall(late.result, late)), 2 * MIB)
    assert.is_nil(events.LOST)
  end)
end)
