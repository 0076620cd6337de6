-- What scripts do with links to NATS, where there is a server to do it with: see loop_calls.
local eddy = require "eddy"
local nats = require "spec.support.nats"

local calls = {}

local function failure(...) return (tostring(select(2, pcall(...))):gsub("127.0.0.1:%d+", "")) end

local function plain(link, got)
  local sub = link:subscribe("plain.*", { group = "g" })
  sub:set_concurrency(2)
  sub:on_recv(function(msg, request)
    if request then request:reply("answer to " .. msg[2], { Name = "value" }) end
  end)
  link:publish("plain.a", "nobody asks", { Name = "value" })
  got.answer = { link:request("plain.b", "a question"):await() }
  got.nobody = failure(function() link:request("nobody", ""):await() end)
  got.sub = { sub:stats().dropped, sub:closed(), sub:close(), sub:closed() }
end

local function keys(link, got)
  local bucket = link:kv("b", {}):await()
  local seen = {}
  local watch = bucket:watch("k.>", function(entry)
    seen[#seen + 1] = entry.key .. "=" .. tostring(entry.value)
  end)
  got.keys = { bucket:put("k.a", "1"):await(), bucket:update("k.a", "2", 1):await(),
    bucket:get("k.a"):await(), bucket:delete("k.a"):await(), bucket:create("k.a", "3"):await() }
  got.taken = failure(function() bucket:create("k.a", "4"):await() end)
  while #seen == 0 or seen[#seen] ~= "k.a=3" do eddy.future.sleep(1):await() end
  got.watch = { watch:closed(), watch:close(), watch:closed() }
end

local answers = { "ack", "nak", "term", "double_ack" }

local function stored(link, got)
  local jobs = link:stream { stream = "S", consumer = "c", subject = "s.a", dead = "s.dead",
    create = { subjects = "s.>", filter = "s.a" } }
  local handled, sent, closed = {}, 0, 0
  jobs:on_send(function(_, err) sent = sent + (err and 100 or 1) end)
  jobs:on_err(print)
  jobs:on_full(print)
  jobs:on_drain(print)
  jobs:on_close(function() closed = closed + 1 end)
  jobs:set_send_limit { messages = 100 }
  jobs:set_concurrency(2)
  for i = 1, 4 do jobs:send("m" .. i, { id = "id" .. i }) end
  jobs:send_multipart { "m5" }
  jobs:on_recv(function(msg, job)
    local answer = answers[tonumber(msg[1]:match "%d+")]
    if job.deliveries > 1 then answer = nil end
    job:progress()
    local text = tostring(job) .. job.subject .. job.sequence .. (job.headers["Nats-Msg-Id"] and 1)
    if answer == "nak" then job:nak(1) elseif answer then job[answer](job) end
    handled[#handled + 1] = text .. tostring(job.redelivered)
  end)
  while #handled < 6 or sent < 5 do eddy.future.sleep(1):await() end
  table.sort(handled)
  got.handled = handled
  got.stored = { sent, jobs:receiving(), jobs:sending(), jobs:stats().stored, tostring(jobs) }
  jobs:stop_on_recv()
  got.closed = { jobs:close { drain = 1000 }, jobs:closed(), closed }
end

function calls.links(loop)
  local server, got = nats.start(), {}
  local ok, err = pcall(loop.run_sync, loop, function()
    local link, events = eddy.jetstream.connect { server.url, name = "l" }, {}
    link:on_event(function(event) events[#events + 1] = event.name end)
    for _, part in ipairs { plain, keys, stored } do part(link, got) end
    got.link = { link:connected(), link:max_payload(), link:stats().reconnects, link:closed() }
    link:close { drain = 1000 }
    got.events = { events[1], link:closed() }
  end, 30000)
  server:remove()
  if not ok then error(err, 0) end
  return got
end

return nats.missing() and {} or calls
