-- A loop that is held up by a handler of its own holds up nobody's handshake whose key is known.
local eddy = require "eddy"
local zmq = require "eddy.zmq"
local support = require "spec.lua.support"

local server_public, server_secret = zmq.curve_keypair()
local public, secret = zmq.curve_keypair()
local _, stranger = zmq.curve_keypair()

describe("a loop that is blocked", function()
  local loop, context
  support.each(function(...) loop, context = ... end)

  local now = require("eddy.base.libeddy").C.eddy_time

  local function client(to, key)
    local socket = context:socket(zmq.PUSH, { linger = 0 })
    local events = socket:get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED +
      zmq.EVENT_HANDSHAKE_FAILED_AUTH)
    socket.curve = { secret = key, server = server_public }
    socket:connect(to.last_endpoint)
    return socket, events
  end

  -- Holds the loop up until a handshake has ended; what it came to.
  local function busy_until(events)
    local late = now() + 20000
    repeat
      local event = zmq.recv_monitor_message(events, zmq.DONTWAIT)
      if event then return event.name end
    until now() > late
    error "no handshake"
  end

  -- What a handler of the loop sees that goes on until each of these handshakes has ended.
  local function see(to, keys)
    local seen = {}
    loop:add_callback(function()
      for i, key in ipairs(keys) do seen[i] = busy_until(select(2, client(to, key))) end
      loop:stop()
    end)
    loop:start()
    return seen
  end

  it("lets keys of a list in, and refuses others", function()
    local to = context:socket(zmq.PULL, { linger = 0, bind = "tcp://127.0.0.1:*",
      curve = { secret = server_secret, allow = { public } } })
    eddy.stream(to, loop):on_recv(function() end)
    assert.same({ "HANDSHAKE_SUCCEEDED", "HANDSHAKE_FAILED_AUTH", "HANDSHAKE_SUCCEEDED" },
      see(to, { secret, stranger, secret }))
    support.take_log()
  end)

  it("lets keys of a folder in that came there meanwhile", function()
    local folder = support.temp_dir()
    local to = context:socket(zmq.PULL, { linger = 0, bind = "tcp://127.0.0.1:*",
      curve = { secret = server_secret, allow = folder } })
    eddy.stream(to, loop):on_recv(function() end)
    local seen = {}
    loop:add_callback(function()
      seen[1] = busy_until(select(2, client(to, secret)))
      local file = assert(io.open(folder .. "/joe.key", "w"))
      file:write('    public-key = "' .. public .. '"\n')
      file:close()
      seen[2] = busy_until(select(2, client(to, secret)))
      loop:stop()
    end)
    loop:start()
    os.remove(folder .. "/joe.key")
    os.remove(folder)
    assert.same({ "HANDSHAKE_FAILED_AUTH", "HANDSHAKE_SUCCEEDED" }, seen)
    support.take_log()
  end)

  it("lets an authenticator's known keys in, while a callback's answer waits for it", function()
    local asked = 0
    local authenticator = eddy.auth.authenticator(context)
    authenticator:configure_curve("d", { public })
    loop:run_sync(function() -- it is asked on the loop that runs
      authenticator:configure_curve_callback("d", function()
        asked = asked + 1
        return true
      end)
      authenticator:start()
    end)
    local to = context:socket(zmq.PULL, { linger = 0, bind = "tcp://127.0.0.1:*",
      curve_server = true, curve_secretkey = server_secret, zap_domain = "d" })
    local waiting, events = client(to, stranger)
    assert.same({ "HANDSHAKE_SUCCEEDED", "HANDSHAKE_SUCCEEDED" }, see(to, { secret, secret }))
    local late = now() + 20000
    repeat
      local event = zmq.recv_monitor_message(events, zmq.DONTWAIT)
      support.turns(loop, 1)
    until event or now() > late
    assert.is_true(asked >= 1)
    waiting:close()
    authenticator:stop()
    support.take_log()
  end)
end)
