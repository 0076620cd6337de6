-- Keys that are revoked, let in again and exchanged, in files and tables, while peers send, come
-- and go: the process lives, and at the end just those come in who should.
local full = require "spec.support.full"
local process = require "spec.support.process"

local SECONDS = full.size(2, 600)

local SCRIPT = [[
  local eddy, zmq = require "eddy", require "eddy.zmq"
  local folder, seconds = arg[1], tonumber(arg[2])
  local loop, context = eddy.loop.instance(), zmq.instance()
  loop._log = function() end -- a line for each refusal
  local server_public, server_secret = zmq.curve_keypair()
  local PEERS, keys = 8, {}
  for i = 1, PEERS do keys[i] = { zmq.curve_keypair() } end

  local function write(i)
    local file = assert(io.open(folder .. "/new", "w"))
    file:write('curve\n    public-key = "', keys[i][1], '"\n')
    file:close()
    assert(os.rename(folder .. "/new", folder .. "/" .. i .. ".key"))
  end

  local got, changes, cuts, born = 0, 0, 0, 0
  local authenticator = eddy.auth.authenticator(context)
  authenticator:start()
  local function receiver(settings)
    settings.linger = 0
    local stream = eddy.stream(context:socket(zmq.PULL, settings))
    stream:on_recv(function() got = got + 1 end)
    return stream
  end
  for i = 1, PEERS do write(i) end
  local servers = {
    receiver { bind = "tcp://127.0.0.1:*", curve = { secret = server_secret, allow = folder } },
    receiver { bind = "tcp://127.0.0.1:*", curve = { secret = server_secret, allow = "any" } },
    receiver { bind = "tcp://127.0.0.1:*", curve = { secret = server_secret,
      allow = function() eddy.sleep(math.random(3)) return math.random(3) > 1 end } },
    receiver { bind = "ipc://*", curve_server = true, curve_secretkey = server_secret,
      zap_domain = "d" },
  }
  local clients = {}
  local function client(i)
    local to = servers[math.random(#servers)].socket.last_endpoint
    local stream = eddy.stream(context:socket(zmq.PUSH, { linger = 0, connect = to,
      reconnect_ivl = 10, curve = { secret = keys[i][2], server = server_public } }))
    stream:set_send_limit { messages = 10, policy = "drop_oldest" }
    stream:supervise { first = 100, longest = 200 }
    return stream
  end
  for i = 1, PEERS do clients[i] = client(i) end
  loop:call_every(1, function()
    for i = 1, PEERS do clients[i]:send(("x"):rep(i * 100)) end
  end)

  local function change()
    local i, what = math.random(PEERS), math.random(9)
    local key, how = keys[i][1], { cut = math.random(2) == 1 }
    if what == 1 then os.remove(folder .. "/" .. i .. ".key")
    elseif what == 2 then write(i)
    elseif what == 3 then cuts = cuts + servers[math.random(3)].socket:revoke(key, how)
    elseif what == 4 then servers[math.random(3)].socket:readmit(key)
    elseif what == 5 then cuts = cuts + authenticator:revoke(key, how)
    elseif what == 6 then authenticator:readmit(key)
    elseif what == 7 then
      authenticator:configure_curve("d", math.random(2) == 1 and folder or { key })
    elseif what == 8 then
      clients[i]:close(0)
      clients[i] = client(i)
      born = born + 1
    else -- a context that ends with CURVE sockets, and keys that are made beside them
      local own = zmq.context { io_threads = 1 }
      own:socket(zmq.PULL, { linger = 0, bind = "tcp://127.0.0.1:*",
        curve = { secret = server_secret, allow = "any" } })
      keys[i] = { zmq.curve_keypair() }
      own:destroy(0)
    end
    changes = changes + 1
  end
  loop:call_every(20, change)
  loop:call_later(seconds * 1000, function() loop:stop() end)
  loop:start()

  -- Now all are let in, and all come in.
  for i = 1, PEERS do
    clients[i]:close(0)
    write(i)
    for each = 1, 3 do servers[each].socket:readmit(keys[i][1]) end
    authenticator:readmit(keys[i][1])
  end
  authenticator:configure_curve("d", folder)
  local before = got
  local to = servers[1].socket
  local late = {}
  for i = 1, PEERS do
    late[i] = eddy.stream(context:socket(zmq.PUSH, { linger = 0, connect = to.last_endpoint,
      curve = { secret = keys[i][2], server = server_public } }))
    late[i]:send "late"
  end
  local ended = loop:call_later(20000, function() loop:stop() end)
  loop:call_every(5, function() if got >= before + PEERS then loop:stop() end end)
  loop:start()
  assert(ended and got >= before + PEERS, "somebody did not come in")
  local stats = context:auth_stats()
  print(("%d messages, %d changes, %d connections cut, %d clients made anew, %d handshakes " ..
    "allowed, %d refused"):format(got, changes, cuts, born, stats.allowed, stats.refused))
  os.exit(0)
]]

describe("keys that change under load", function()
  local script, remove_scripts = process.scripts()
  after_each(remove_scripts)

  it("end no process", function()
    local code, out, err = process.shell(("export TMPDIR=$(mktemp -d); %s %s $TMPDIR %g; " ..
      "code=$?; rm -r $TMPDIR; exit $code"):format(process.quote(EDDY_HOST), script(SCRIPT),
      SECONDS))
    assert.same({ 0, "" }, { code, err })
    assert.truthy(out:find "messages")
    full.figure("keys that change under load", "%d s: %s", SECONDS, (out:gsub("\n", "")))
  end)
end)
