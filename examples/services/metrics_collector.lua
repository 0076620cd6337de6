-- Collects what programs measure into an SQLite database: PUSH sockets send a name and a value,
-- REQ sockets ask for a name and for how many seconds back, and are answered with the count, the
-- least, the mean and the most. Samples are written in batches, each of them a transaction, by a
-- job: while the disk is waited for, others are taken and answered.
--
--   ./examples/run metrics_collector                                          shows it, and ends
--   ./examples/run metrics_collector serve tcp://127.0.0.1 5556 metrics.db    serves, at two ports
--
-- Needs lua-sql-sqlite3.
local eddy = require "eddy"
local zmq = require "eddy.zmq"

if not pcall(require, "luasql.sqlite3") then
  io.stderr:write "metrics_collector needs lua-sql-sqlite3; apt-get install lua-sql-sqlite3\n"
  os.exit(1)
end

local WRITE_MS = 1000 -- what came since the last write is lost by a crash
local MOST = 100000 -- samples that wait; more are counted, and dropped

local loop, context = eddy.loop.instance(), zmq.instance()

local function serve(samples_endpoint, questions_endpoint, path)
  local pool = eddy.jobs { module = "metrics.store", workers = 1, queue = 1000 }
  local batch, dropped = {}, 0
  local samples = eddy.stream(context:socket(zmq.PULL, { bind = samples_endpoint }))
  local questions = eddy.stream(context:socket(zmq.ROUTER, { bind = questions_endpoint }))
  samples.name, questions.name = "samples", "questions"
  samples:on_recv(function(msg)
    local value = tonumber(msg[2])
    if not value or value ~= value or math.abs(value) == math.huge or #batch >= 3 * MOST then
      dropped = dropped + 1
      return
    end
    local n = #batch
    batch[n + 1], batch[n + 2], batch[n + 3] = msg[1], eddy.now(), value
  end)

  local lock = eddy.lock() -- one batch at a time; meanwhile the next one grows
  local function write()
    if #batch == 0 then return end
    lock:with(function()
      local writing = batch
      batch = {}
      local ok, written = pcall(function() return pool:call("write", path, writing):await() end)
      if ok and written then return end
      io.stderr:write(("%d samples are lost: %s\n"):format(#writing / 3, tostring(written)))
      dropped = dropped + #writing / 3
    end)
  end
  loop:call_every(WRITE_MS, write) -- not before the last one has come back

  questions:set_concurrency(100)
  questions:on_recv(function(msg)
    local name, seconds = msg[3], tonumber(msg[4] or math.huge)
    if msg[2] ~= "" or not name or not seconds then return end
    write() -- what has come counts
    local since = math.max(0, eddy.now() - seconds * 1000)
    local ok, count, least, mean, most = pcall(function()
      return pool:call("summary", path, name, since):await()
    end)
    local answer = "the database cannot be read"
    if ok and count == 0 then
      answer = "0"
    elseif ok and count then
      answer = ("%d %g %g %g"):format(count, least, mean, most)
    end
    questions:send_multipart { msg[1], "", answer, tostring(dropped) }
  end)
  loop:on_stop(function()
    write()
    pool:close():await()
  end)
  print(("metrics at %s, questions at %s"):format(samples.socket.last_endpoint,
    questions.socket.last_endpoint))
  io.stdout:flush()
end

local function show()
  local green = require "eddy.green"
  local path = os.tmpname()
  serve("inproc://samples", "inproc://questions", path)
  local push = context:socket(zmq.PUSH, { connect = "inproc://samples" })
  local req = green.instance():socket(green.REQ, { connect = "inproc://questions" })
  for i = 1, 1000 do push:send_multipart { "temperature", tostring(20 + i % 10) } end
  push:send_multipart { "it's; --", "1" }
  push:send_multipart { "temperature", "warm" }
  eddy.sleep(20)
  for _, name in ipairs { "temperature", "it's; --", "pressure" } do
    req:send_multipart { name, "60" }
    print(name, unpack(req:recv_multipart()))
  end
  push:close()
  req:close()
  os.remove(path)
  loop:stop_gracefully()
end

if arg[1] == "serve" and tonumber(arg[3]) and arg[4] then
  serve(("%s:%d"):format(arg[2], arg[3]), ("%s:%d"):format(arg[2], arg[3] + 1), arg[4])
elseif arg[1] then
  io.stderr:write "usage: metrics_collector [serve HOST PORT DATABASE]\n"
  os.exit(2)
else
  show()
end
