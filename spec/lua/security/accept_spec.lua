local devices = require "eddy.devices"
local zmq = require "eddy.zmq"
local support = require "spec.lua.support"

describe("accept", function()
  local _, context
  support.each(function(...) _, context = ... end)

  local function server(settings)
    settings.linger, settings.rcvtimeo = 0, 5000
    settings.bind = settings.bind or "tcp://127.0.0.1:*"
    return context:socket(zmq.PULL, settings)
  end

  local function port_of(socket) return socket.last_endpoint:match ":(%d+)$" end

  -- Whether a client over IPv4 came in; if not, it was turned away before its handshake.
  local function comes_in(port)
    local from = context:socket(zmq.PUSH, { linger = 0, reconnect_ivl = -1 })
    local events = from:get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED + zmq.EVENT_DISCONNECTED +
      zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL + zmq.EVENT_CLOSED)
    events.rcvtimeo = 5000
    from:connect("tcp://127.0.0.1:" .. port)
    local name = assert(zmq.recv_monitor_message(events)).name
    from:close()
    return name == "HANDSHAKE_SUCCEEDED"
  end

  it("takes connections from its networks, and from nowhere else", function()
    for networks, is_in in pairs {
      [{ "127.0.0.0/8" }] = true, [{ "10.0.0.0/8", "127.0.0.1" }] = true, [{ "0.0.0.0/0" }] = true,
      [{ "10.0.0.0/8" }] = false, [{ "127.0.0.2" }] = false, [{ "::1" }] = false,
      [{ "126.0.0.0/7" }] = true, [{ "127.0.0.2/31" }] = false,
    } do
      assert.equal(is_in, comes_in(port_of(server { accept = networks })))
    end
    assert.is_true(comes_in(port_of(server { accept = "127.0.0.1" })))
  end)

  it("means networks of IPv4 where IPv6 is on, too", function()
    for networks, is_in in pairs { [{ "127.0.0.0/8" }] = true, [{ "10.0.0.0/8" }] = false,
        [{ "fe80::/10" }] = false, [{ "::ffff:127.0.0.0/104" }] = true } do
      local to = server { ipv6 = true, accept = networks, insecure = true, bind = "tcp://*:*" }
      assert.equal(is_in, comes_in(port_of(to)))
    end
  end)

  it("holds for later binds, can be read, and may be a device's", function()
    local to = server {}
    assert.is_nil(to.accept)
    to.accept = { "10.0.0.1" }
    assert.same({ "10.0.0.1/32" }, to.accept)
    assert.is_true(comes_in(port_of(to)))
    to:bind "tcp://127.0.0.1:*"
    assert.is_false(comes_in(port_of(to)))
    local device = devices.device(zmq.QUEUE, zmq.PULL, zmq.PUSH)
    device:setsockopt_in("accept", { "10.0.0.0/8" })
    local port = device:bind_in_to_random_port "tcp://127.0.0.1"
    device:bind_out(support.inproc())
    device:start()
    assert.is_false(comes_in(port))
    device:stop()
    device:join()
  end)

  it("wants networks", function()
    for _, value in ipairs { {}, 5, "", { 5 }, "localhost", "10.0.0.0/33", { "10.0.0.0/8", "x/8" },
        "10.0.0.0/", "fe80::/129" } do
      assert.has_error(function() server { accept = value } end)
    end
  end)
end)

describe("a context's auth_stats", function()
  local context
  before_each(function() context = zmq.context { io_threads = 1 } end)
  after_each(function() context:destroy(0) end)

  it("count handshakes by what became of them", function()
    local server_public, server_secret = zmq.curve_keypair()
    local public, secret = zmq.curve_keypair()
    local _, other = zmq.curve_keypair()
    local none = { allowed = 0, refused = 0, later = 0, malformed = 0, cut = 0,
      oversized = context:auth_stats().oversized }
    assert.same(none, context:auth_stats())
    local to = context:socket(zmq.PULL, { linger = 0, rcvtimeo = 5000, bind = "tcp://127.0.0.1:*",
      curve = { secret = server_secret, allow = { public } } })
    local events = to:get_monitor_socket(zmq.EVENT_HANDSHAKE_FAILED_AUTH)
    events.rcvtimeo = 5000
    local function client(key)
      return context:socket(zmq.PUSH, { linger = 0, sndtimeo = 5000, connect = to.last_endpoint,
        curve = { secret = key, server = server_public } })
    end
    client(secret):send "x"
    assert(to:recv())
    client(other)
    assert(zmq.recv_monitor_message(events))
    local asker = context:socket(zmq.REQ, { linger = 0, rcvtimeo = 5000,
      connect = "inproc://zeromq.zap.01" })
    asker:send "nonsense"
    assert(asker:recv_multipart())
    assert.same({ allowed = 1, refused = 1, later = 0, malformed = 1, cut = 0,
      oversized = none.oversized },
      context:auth_stats())
    to:revoke(public, { cut = true })
    assert.is_true(context:auth_stats().cut >= 1)
    context:destroy(0)
    assert.has_error(function() context:auth_stats() end)
  end)
end)
