-- Collects what programs publish by eddy.log into files, one for each program (the first word of a
-- topic), which are rotated: NAME.log, NAME.log.1 and so on. What is an ERROR or worse is printed,
-- too.
--
--   ./examples/run log_collector                                          shows it, and ends
--   ./examples/run log_collector /var/tmp/logs tcp://127.0.0.1:5557 ...   collects from publishers
--
-- A program publishes by `log.pub_handler(ENDPOINT, { root_topic = "shop" })`. SIGHUP closes the
-- files, for whoever has moved them away.
local eddy = require "eddy"
local log = require "eddy.log"
local zmq = require "eddy.zmq"

local MOST_BYTES, KEPT = 10 * 1024 * 1024, 5 -- of a file; and how many old ones
local MOST_FILES = 100 -- names are chosen by publishers
local FLUSH_MS = 500 -- what came since is lost by a crash

local loop, context = eddy.loop.instance(), zmq.instance()

local function collect(folder, endpoints, most_bytes)
  local files, count = {}, 0

  local function close(name)
    files[name].file:close()
    files[name], count = nil, count - 1
  end

  local function close_all()
    for name in pairs(files) do close(name) end
  end

  local function open(name)
    if count == MOST_FILES then close_all() end
    local file = assert(io.open(folder .. "/" .. name .. ".log", "a"))
    files[name], count = { file = file, size = file:seek "end" }, count + 1
    return files[name]
  end

  local function rotate(name)
    close(name)
    local path = ("%s/%s.log"):format(folder, name)
    for i = KEPT - 1, 1, -1 do os.rename(path .. "." .. i, path .. "." .. i + 1) end
    assert(os.rename(path, path .. ".1"))
  end

  local subscriber = eddy.stream(context:socket(zmq.SUB, { subscribe = "", connect = endpoints }))
  subscriber.name = "log collector"
  subscriber:on_recv(function(msg)
    local topic, text = msg[1], msg[2]
    if not text then return end
    -- No name leads out of the folder, or to a file that is not ours.
    local name = topic:match "^[^.]+" or "unnamed"
    name = name:gsub("[^%w_-]", "_"):sub(1, 100)
    local line = ("%s %s %s\n"):format(os.date "!%Y-%m-%dT%H:%M:%SZ", topic,
      (text:gsub("%s+$", ""):gsub("\n", "\n\t")))
    local entry = files[name] or open(name)
    if entry.size > 0 and entry.size + #line > most_bytes then
      rotate(name)
      entry = open(name)
    end
    assert(entry.file:write(line))
    entry.size = entry.size + #line
    if topic:find "%.ERROR" or topic:find "%.CRITICAL" then io.write(line) io.flush() end
  end)
  loop:call_every(FLUSH_MS, function()
    for _, entry in pairs(files) do entry.file:flush() end
  end)
  loop:on_signal("SIGHUP", close_all)
  return subscriber
end

local function show()
  local pipe = assert(io.popen "mktemp -d")
  local folder = pipe:read()
  pipe:close()
  local publisher = log.pub_handler("inproc://shop", { root_topic = "shop" })
  local subscriber = collect(folder, { "inproc://shop" }, 200)
  local logger = log.logger("orders", { handlers = { publisher } })
  local number = 0
  local timer
  timer = loop:call_every(1, function()
    number = number + 1
    logger:info("orders::order %d", number)
    if number == 20 then logger:error "out of pears" end
    if subscriber:stats().messages_in < 21 then return end
    timer:cancel()
    loop:add_callback(function()
      os.execute(("cd '%s' && ls && rm -r '%s'"):format(folder, folder))
      loop:stop()
    end)
  end)
end

if arg[2] then
  collect(arg[1], { unpack(arg, 2) }, MOST_BYTES)
  print("collecting into " .. arg[1])
  io.stdout:flush()
elseif arg[1] then
  io.stderr:write "usage: log_collector [FOLDER ENDPOINT...]\n"
  os.exit(2)
else
  show()
end
