-- Those who may not come in: how many do, what they cost in memory, and what others notice of them.
local full = require "spec.support.full"
local process = require "spec.support.process"

local TRIES = full.size(200, 10000)
local RTT_SECONDS = full.size(1, 20)
local STRANGERS = full.size(50, 1000)

local BEGINNING = ([[
  package.path = %q .. "/?.lua;" .. package.path
  local eddy, zmq, zmtp = require "eddy", require "eddy.zmq", require "spec.zmtp.peer"
  local loop = eddy.loop.instance()
  loop._log = function() end
  local function number(i) return tonumber(arg[i]) end
  local function wait(done, what)
    local bell = loop:call_every(1, function() if done() then loop:stop() end end)
    local late = loop:call_later(600000, function()
      print(what .. " did not come")
      os.exit(1)
    end)
    loop:start()
    bell:cancel()
    late:cancel()
  end
]]):format(EDDY_ROOT)

-- Clients of one kind, some at a time, each until its handshake has failed, or the server's has.
local CLOSED = [[
  local tries, kind = number(1), arg[2]
  local server_public, server_secret = zmq.curve_keypair()
  local public, secret = zmq.curve_keypair()
  local _, other = zmq.curve_keypair()
  local FAILED = zmq.EVENT_HANDSHAKE_FAILED_AUTH + zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL +
    zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
  local context = zmq.context { io_threads = 1 }
  local settings = { linger = 0, bind = "tcp://127.0.0.1:*" }
  if kind == "no handler" then -- as where its thread has ended: a domain, and nobody who answers
    settings.curve_server, settings.curve_secretkey = true, server_secret
    settings.zap_domain, settings.zap_enforce_domain = "d", 1
  else
    settings.curve = { secret = server_secret, allow = { public } }
  end
  local to = context:socket(zmq.PULL, settings)
  local failed, came_in, got = 0, 0, 0
  eddy.stream(to:get_monitor_socket(FAILED + zmq.EVENT_HANDSHAKE_SUCCEEDED), loop):on_recv(
    function(msg)
      if zmq.parse_monitor_message(msg).name == "HANDSHAKE_SUCCEEDED" then came_in = came_in + 1
      else failed = failed + 1 end
    end)
  eddy.stream(to, loop):on_recv(function() got = got + 1 end)
  local curves = {
    ["no key"] = false, ["a wrong key"] = { secret = other, server = server_public },
    ["a wrong key of the server"] = { secret = secret, server = public },
    ["no handler"] = { secret = secret, server = server_public },
  }
  local left = tries
  while left > 0 do
    local from = zmq.context { io_threads = 1 }
    local count = math.min(left, 100)
    local before = failed
    for _ = 1, count do
      local socket = from:socket(zmq.PUSH, { linger = 0, reconnect_ivl = -1 })
      if curves[kind] then socket.curve = curves[kind] end
      socket:connect(to.last_endpoint)
      socket:send("let me in", zmq.DONTWAIT)
    end
    wait(function() return failed >= before + count end, "a failure")
    left = left - count
    from:destroy(0)
  end
  print(("%d tries, %d handshakes failed, %d came in, %d messages"):format(tries, failed, came_in,
    got))
  os.exit(came_in == 0 and got == 0 and 0 or 1)
]]

-- An echo, to which keys that are refused come as fast as they can.
local ECHO = [[
  local server_public, server_secret, public = unpack(arg)
  local server = eddy.stream(zmq.instance():socket(zmq.ROUTER, { linger = 0,
    bind = "tcp://127.0.0.1:*", curve = { secret = server_secret, allow = { public } } }))
  server:on_recv(function(msg) server:send_multipart(msg) end)
  io.stdout:write(server.socket.last_endpoint, "\n")
  io.stdout:flush()
  loop:add_handler({ fileno = function() return 0 end, close = function() end }, function()
    io.stdout:write(zmq.instance():auth_stats().refused, "\n")
    os.exit(0)
  end)
  loop:start()
]]

local REFUSED = [[
  local endpoint, server_public, secret, rate = unpack(arg)
  local context = zmq.instance()
  loop:call_every(10, function()
    for _ = 1, tonumber(rate) / 100 do
      local socket = context:socket(zmq.PUSH, { linger = 0, reconnect_ivl = -1,
        curve = { secret = secret, server = server_public } })
      socket:connect(endpoint)
      loop:call_later(1000, function() socket:close(0) end)
    end
  end)
  loop:start()
]]

-- The memory of a server before strangers do something to it, and while they are there.
local MEMORY = [[
  local strangers, attack, is_curve = number(1), arg[2], arg[3] == "CURVE"
  local server_public, server_secret = zmq.curve_keypair()
  local settings = { linger = 0, bind = "tcp://*:*", insecure = true }
  if is_curve then settings.curve = { secret = server_secret, allow = "any" } end
  local to = zmq.instance():socket(zmq.PULL, settings)
  local port = tonumber(to.last_endpoint:match ":(%%d+)$")
  local function kib()
    local file = io.open "/proc/self/status"
    local text = file:read "*a"
    file:close()
    return tonumber(text:match "VmRSS:%%s*(%%d+)")
  end
  local HEADER = "\2\0\0\0\0\0"
  local MILLION = ("\1\0"):rep(1000000)
  local attacks = {
    ["says nothing"] = function() end,
    ["half a greeting"] = function(peer) peer:send(zmtp.GREETING:sub(1, 30)) end,
    ["a greeting, and no more"] = function(peer) peer:send(zmtp.GREETING) end,
    ["a command of 15 MiB, of which a half comes"] = function(peer)
      peer:send(zmtp.GREETING .. "\6\0\0\0\0\0\240\0\0")
      peer:push(("x"):rep(500000))
    end,
    ["a million parts without bytes"] = function(peer)
      peer:open "PUSH"
      peer:send(MILLION)
    end,
    ["parts of 1 MB without end"] = function(peer)
      peer:open "PUSH"
      local part = zmtp.frame(("x"):rep(1000000), true)
      for _ = 1, 70 do peer:send(part) end
    end,
  }
  local before, most, peers = kib(), 0, {}
  for i = 1, strangers do
    peers[i] = zmtp.connect(port)
    attacks[attack](peers[i])
    if i %% 10 == 0 then most = math.max(most, kib()) end
  end
  local rounds = 0
  wait(function()
    rounds, most = rounds + 1, math.max(most, kib())
    return rounds > 100
  end, "the end")
  for _, peer in ipairs(peers) do peer:leave() end
  print(("%%d KiB before, %%d at most, %%.1f a stranger; %%d cut off"):format(before, most,
    (most - before) / strangers, zmq.instance():auth_stats().oversized))
  os.exit(0)
]]

describe("the uninvited", function()
  local script, remove_scripts = process.scripts()
  after_each(remove_scripts)

  local function play(text, ...)
    local words = { process.quote(EDDY_HOST), script(BEGINNING .. text) }
    for _, word in ipairs { ... } do words[#words + 1] = process.quote(word) end
    local code, out, err = process.shell("ulimit -c 0; " .. table.concat(words, " "))
    assert.same({ 0, "" }, { code, err }, out)
    return (out:gsub("\n", ""))
  end

  for _, kind in ipairs { "no key", "a wrong key", "a wrong key of the server", "no handler" } do
    it("do not come in: " .. kind, function()
      full.figure("uninvited: " .. kind, "%s", play(CLOSED, TRIES, kind))
    end)
  end

  for _, attack in ipairs { "says nothing", "half a greeting", "a greeting, and no more",
      "a command of 15 MiB, of which a half comes" } do
    it("cost bounded memory: " .. attack, function()
      for _, mechanism in ipairs { "NULL", "CURVE" } do
        full.figure("what a stranger costs (" .. mechanism .. "): " .. attack, "%s",
          play(MEMORY:gsub("%%%%", "%%"), STRANGERS, attack, mechanism))
      end
    end)
  end

  for _, attack in ipairs { "a million parts without bytes", "parts of 1 MB without end" } do
    it("cost bounded memory: " .. attack, function()
      local figure = play(MEMORY:gsub("%%%%", "%%"), full.size(3, 20), attack, "NULL")
      full.figure("what a stranger costs (NULL): " .. attack, "%s", figure)
      assert.truthy(figure:find(full.size(3, 20) .. " cut off", 1, true), figure)
    end)
  end

  it("do not hold those up who may come in", function()
    local zmq = require "eddy.zmq"
    local now = require("eddy.base.libeddy").C.eddy_time
    local server_public, server_secret = zmq.curve_keypair()
    local public, secret = zmq.curve_keypair()
    local _, other = zmq.curve_keypair()
    local function start(text, ...)
      local words = { process.quote(EDDY_HOST), script(BEGINNING .. text) }
      for _, word in ipairs { ... } do words[#words + 1] = process.quote(word) end
      return "exec " .. table.concat(words, " ")
    end
    local folder = os.tmpname()
    os.remove(folder)
    assert(os.execute("mkdir " .. folder .. " && mkfifo " .. folder .. "/end"))
    local echo = io.popen(("(%s) < %s/end"):format(start(ECHO, server_public, server_secret,
      public), folder))
    local ending = assert(io.open(folder .. "/end", "w"))
    local endpoint = echo:read "*l"
    local context = zmq.context()
    local req = context:socket(zmq.REQ, { linger = 0, rcvtimeo = 30000, sndtimeo = 30000,
      connect = endpoint, curve = { secret = secret, server = server_public } })
    local function measure(seconds)
      local times, over = {}, now() + seconds * 1000
      while now() < over do
        local began = now()
        req:send "x"
        assert(req:recv())
        times[#times + 1] = now() - began
      end
      return full.quantile(times, 0.5), full.quantile(times, 0.99), #times
    end
    measure(0.2)
    local quiet_median, quiet = measure(RTT_SECONDS)
    local pipe = io.popen(("%s & echo $!"):format(start(REFUSED, endpoint, server_public, other,
      1000)))
    local pid = pipe:read "*l"
    measure(0.5)
    local median, p99, count = measure(RTT_SECONDS)
    os.execute("kill " .. pid .. " 2>/dev/null")
    pipe:close()
    ending:write "end\n"
    ending:close()
    local refused = tonumber(echo:read "*l")
    echo:close()
    os.execute("rm -r " .. folder)
    context:destroy(0)
    assert.is_true(refused > 0 and count > 0)
    full.figure("an allowed peer beside refused handshakes", "round trip %.2f ms, p99 %.2f " ..
      "(alone %.2f and %.2f); %d round trips, %.0f refused a second", median, p99, quiet_median,
      quiet, count, refused / (RTT_SECONDS + 0.5))
  end)
end)
