local cjson = require "cjson"
local eddy = require "eddy"
local support = require "spec.lua.support"
local nats = require "spec.support.nats"
local shared = require "spec.lua.jetstream.support"

if shared.missing then
  describe("a stream on three servers", function() shared.is_pending "loses nothing" end)
  return
end

describe("a stream on three servers", function()
  local loop
  support.each(function(l) loop = l end)

  local MESSAGES = 2000
  local PATIENCE_MS = 60000 -- a new leader takes five seconds, and a busy machine its time

  it("loses nothing, and goes on, when the one that leads it is killed", function()
    local servers = nats.cluster()
    finally(function()
      for _, server in ipairs(servers) do server:remove() end
    end)
    local urls = { loop = loop, reconnect_wait = 20 }
    for i, server in ipairs(servers) do urls[i] = server.url end
    local link = eddy.jetstream.connect(urls)
    link:on_event(function() end)
    local jobs = link:stream { stream = "WORK", consumer = "w", subject = "work.a",
      create = { subjects = "work.>", replicas = 3, ack_wait = 2000 } }
    local seen, count, stored, is_killed = {}, 0, 0, false
    jobs:on_send(function(_, err)
      assert(not err, err)
      stored = stored + 1
    end)
    jobs:on_recv(function(msg)
      if not seen[msg[1]] then
        seen[msg[1]], count = true, count + 1
      end
      if count > MESSAGES / 4 and not is_killed then
        is_killed = true
        local info = link:request("$JS.API.STREAM.INFO.WORK", ""):await()
        servers[tonumber(cjson.decode(info).cluster.leader:match "%d+")]:kill()
      end
      if count == MESSAGES then loop:stop() end
    end)
    for i = 1, MESSAGES do assert(jobs:send(tostring(i))) end
    support.run(loop, PATIENCE_MS)
    assert.is_true(is_killed)
    if stored < MESSAGES then
      local timer = loop:call_every(5, function()
        if stored == MESSAGES then loop:stop() end
      end)
      support.run(loop, PATIENCE_MS)
      timer:cancel()
    end
    assert.equal(MESSAGES, stored)
    link:close()
    -- Until there is a new leader nobody may answer what is asked of the old one.
    for line in support.take_log():gmatch "[^\n]+" do
      assert.matches("CONSUMER%.[^ ]*: Connection timed out", line)
    end
  end)
end)
