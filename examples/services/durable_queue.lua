-- A queue in a file: what a producer was told is stored survives the crash of everybody, `kill -9`
-- and power failures, and is handed out until somebody says that it is done: at least once.
--
--   ./examples/run durable_queue                                            shows it, and ends
--   ./examples/run durable_queue serve tcp://127.0.0.1:5555 /var/tmp/queue  serves
--
-- A client is a DEALER or REQ that sends, after an empty frame,
--   "PUT", key, body   answered "OK", key. The same key again, as after an answer that was lost, is
--                      one message, until that is done. "FULL" when too many wait
--   "GET"              answered "JOB", key, body, when there is one
--   "DONE", key        answered "OK", key. A job that is not done in LEASE_MS goes to another
--
-- All that came in one turn of the loop is synced at once (fsync) and then answered, so that many
-- producers share the time of the disk.
local eddy = require "eddy"
local Journal = require "durable_queue.journal"
local zmq = require "eddy.zmq"

local LEASE_MS, MOST = 30000, 100000
local loop = eddy.loop.instance()

local function serve(endpoint, path, lease)
  local journal, bodies, order = Journal.open(path)
  local count, jobs, waiting, answers = #order, {}, {}, {} -- jobs: those that are handed out
  local stream = eddy.stream(zmq.instance():socket(zmq.ROUTER, { bind = endpoint,
    router_mandatory = true }))
  stream.name = "durable queue"

  local function flush()
    local ok, err = pcall(journal.sync, journal)
    if not ok then -- what is on the disk is not known any more: the next one reads it
      io.stderr:write(err, "\n")
      os.exit(1)
    end
    local ready = answers
    answers = {}
    for _, answer in ipairs(ready) do stream:send_multipart(answer) end
    if journal:is_stale() then order = journal:rewrite(bodies, order) end
  end

  local function answer(client, ...)
    if #answers == 0 then loop:add_callback(flush) end
    answers[#answers + 1] = { client, "", ... }
  end

  -- Keys that are not handed out, in their order; those of jobs that nobody did come again.
  local next_keys = eddy.queue(math.huge)
  for _, key in ipairs(order) do next_keys:put(key) end

  local function hand_out()
    while waiting[1] do
      local key
      repeat key = next_keys:try_get() until not key or bodies[key]
      if not key then return end
      local client = table.remove(waiting, 1)
      jobs[key] = { client = client, expires = loop:time() + lease }
      answer(client, "JOB", key, bodies[key])
    end
  end

  local function give_back(is_lost)
    for key, job in pairs(jobs) do
      if is_lost(job) then
        jobs[key] = nil
        next_keys:put(key)
      end
    end
    hand_out()
  end

  local commands = {}
  function commands.PUT(client, key, body)
    if not key or not body then return answer(client, "ERROR", "expected PUT, key, body") end
    if not bodies[key] then
      if count == MOST then return answer(client, "FULL", key) end
      bodies[key], count = body, count + 1
      order[#order + 1] = key
      journal:put(key, body)
      next_keys:put(key)
    end
    answer(client, "OK", key)
    hand_out()
  end

  function commands.GET(client)
    for i, each in ipairs(waiting) do
      if each == client then table.remove(waiting, i) break end -- it asks again
    end
    waiting[#waiting + 1] = client
    hand_out()
  end

  function commands.DONE(client, key)
    if bodies[key] then
      journal:done(key, bodies[key])
      bodies[key], jobs[key], count = nil, nil, count - 1
    end
    answer(client, "OK", key)
  end

  stream:on_recv(function(msg)
    local command = msg[2] == "" and commands[msg[3]]
    if command then return command(msg[1], msg[4], msg[5]) end
    stream:send_multipart { msg[1], "", "ERROR", "expected PUT, GET or DONE" }
  end)
  stream:on_err(function(err)
    if not err.peer then return io.stderr:write(tostring(err), "\n") end
    give_back(function(job) return job.client == err.peer end) -- it has left
  end)
  loop:call_every(lease / 4, function()
    local now = loop:time()
    give_back(function(job) return job.expires < now end)
  end)
  print(("%d messages wait at %s"):format(count, stream.socket.last_endpoint))
  io.stdout:flush()
  return stream, journal
end

local function ask(socket, ...)
  socket:send_multipart { ... }
  return unpack(socket:recv_multipart())
end

local function show()
  local green = require "eddy.green"
  local path = os.tmpname()
  local function client()
    return green.instance():socket(green.REQ, { connect = "inproc://queue" })
  end
  local stream, journal = serve("inproc://queue", path, LEASE_MS)
  local producer = client()
  for i = 1, 3 do print(ask(producer, "PUT", "order " .. i, i .. " pears")) end
  local consumer = client()
  print(ask(consumer, "GET"))
  print(ask(consumer, "DONE", "order 1"))
  for _, each in ipairs { producer, consumer, stream } do each:close() end
  journal:close()
  serve("inproc://again", path, LEASE_MS) -- as after a crash
  os.remove(path)
  loop:stop_gracefully()
end

if arg[1] == "serve" and arg[3] then
  serve(arg[2], arg[3], tonumber(arg[4] or LEASE_MS))
elseif arg[1] then
  io.stderr:write "usage: durable_queue [serve ENDPOINT FILE [LEASE_MS]]\n"
  os.exit(2)
else
  show()
end
