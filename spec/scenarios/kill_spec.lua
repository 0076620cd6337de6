-- A host that is killed, again and again, and starts anew: its peers go on by themselves.
local full = require "spec.support.full"
local process = require "spec.support.process"

local KILLS = full.size(10, 1000)
local MOST_MS = full.size(60000, 1800000)

-- Starts the server again whenever it ends, until there is a file named `over`. The shell has
-- waited for it by then, so that it is gone with all its threads.
local LIVES = [[
  while [ ! -e $dir/over ]; do %s $dir/server.lua $dir 2>>$dir/complaints; done]]

-- Both its endpoints are those of the one before, and are bound at the first attempt. The first
-- frame of what it sends back is its own, so that each of its lives can be told.
local SERVER = [[
  local eddy, zmq = require "eddy", require "eddy.zmq"
  local dir = ...
  local pid = io.open("/proc/self/stat"):read("*n")
  local back = eddy.stream(zmq.instance():socket(zmq.PUSH,
    { connect = "ipc://" .. dir .. "/back" }))
  for endpoint in io.lines(dir .. "/endpoints") do
    local stream = eddy.stream(zmq.instance():socket(zmq.PULL, { bind = endpoint }))
    stream:on_recv(function(msg) back:send_multipart { tostring(pid), endpoint, unpack(msg) } end)
  end]]

-- Sends to both endpoints, and kills whoever answers: at a random moment after it has heard by
-- both of them. Writes how long the first message of each life took from the kill before it.
local PEER = [[
  local eddy, zmq, ffi = require "eddy", require "eddy.zmq", require "ffi"
  ffi.cdef "int kill(int pid, int signal);"
  local dir, kills = ...
  kills = tonumber(kills)
  local loop = eddy.loop.instance()
  local results = eddy.stream(zmq.instance():socket(zmq.PULL,
    { bind = "ipc://" .. dir .. "/back" }))
  -- Not one of the ports that a connection may come from: a socket that connects while nobody is
  -- there could meet itself.
  local prober = zmq.context { io_threads = 1 }
  local tcp, ipc = "tcp://127.0.0.1:", "ipc://" .. dir .. "/in"
  tcp = tcp .. prober:socket(zmq.PULL):bind_to_random_port("tcp://127.0.0.1", 10000, 30000)
  prober:destroy(0)
  local file = io.open(dir .. "/endpoints.new", "w")
  file:write(tcp, "\n", ipc, "\n")
  file:close()
  os.rename(dir .. "/endpoints.new", dir .. "/endpoints")

  local function body(number) return ("x"):rep(number % 20000) end
  local number = 0
  for _, endpoint in ipairs { tcp, ipc } do
    local push = eddy.stream(zmq.instance():socket(zmq.PUSH,
      { connect = endpoint, immediate = 1, linger = 0, reconnect_ivl = 20 }))
    push:set_send_limit { messages = 10, policy = "drop_oldest" }
    loop:call_every(1, function()
      number = number + 1
      push:send_multipart { tostring(number), body(number), "tail" }
    end)
  end

  local killed, heard, dead, done = nil, {}, {}, 0
  local function kill(pid)
    killed, heard, dead[pid], done = loop:time(), {}, true, done + 1
    if done == kills then io.open(dir .. "/over", "w"):close() end
    ffi.C.kill(tonumber(pid), 9)
    if done == kills then os.exit(0) end
  end
  results:on_recv(function(msg)
    local pid, endpoint = msg[1], msg[2]
    assert(#msg == 5 and msg[4] == body(tonumber(msg[3])) and msg[5] == "tail", "a part is missing")
    if dead[pid] or heard[endpoint] then return end
    heard[endpoint] = true
    if killed then print(endpoint:match("^%a+"), loop:time() - killed) end
    if heard[tcp] and heard[ipc] then loop:call_later(math.random(0, 20), kill, pid) end
  end)
  loop:start()]]

describe("kill -9, and a new start", function()
  it("leaves no message in part, and no endpoint that cannot be bound", function()
    local server, peer = process.script(SERVER), process.script(PEER)
    local code, out, err = process.shell(([[
      export dir=$(mktemp -d); cp %s $dir/server.lua
      timeout %d %s --drain 50 %s $dir %d & peer=$!
      until [ -e $dir/endpoints ]; do sleep 0.01; done
      { %s; } 2>/dev/null & lives=$!
      wait $peer; code=$?; touch $dir/over
      [ $code = 0 ] || pkill -KILL -P $lives
      wait $lives; cat $dir/complaints >&2; rm -r $dir; exit $code]]):format(server,
      MOST_MS / 1000, process.quote(EDDY_HOST), peer, KILLS,
      LIVES:format(process.quote(EDDY_HOST))))
    os.remove(server)
    os.remove(peer)
    assert.message(out .. err).equal(0, code)
    assert.equal("", err)
    local times = { tcp = {}, ipc = {} }
    for scheme, ms in out:gmatch("(%a+)%s+([%d.]+)") do
      table.insert(times[scheme], tonumber(ms))
    end
    for scheme, list in pairs(times) do
      assert.equal(KILLS - 1, #list)
      full.figure("kill -9, and a new start, by " .. scheme, "%d lives: no part of a message, " ..
        "no failed bind; the first message after 99 %% of the kills came in %d ms, at most in %d",
        KILLS, full.quantile(list, 0.99), full.quantile(list, 1))
    end
  end)
end)
