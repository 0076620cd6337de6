local eddy = require "eddy"
local zmq = require "eddy.zmq"
local support = require "spec.lua.support"

local server_public, server_secret = zmq.curve_keypair()
local public, secret = zmq.curve_keypair()
local other_public, other_secret = zmq.curve_keypair()

describe("a key that is revoked", function()
  local loop, context
  support.each(function(...) loop, context = ... end)

  local function server(allow, endpoint)
    return context:socket(zmq.PULL, { linger = 0, rcvtimeo = 5000,
      bind = endpoint or "tcp://127.0.0.1:*", curve = { secret = server_secret, allow = allow } })
  end

  -- One that is cut comes back when all have been: it would be cut, and counted, again.
  local function client(to, key)
    return context:socket(zmq.PUSH, { linger = 0, sndtimeo = 5000, reconnect_ivl = 200,
      connect = to.last_endpoint, curve = { secret = key or secret, server = server_public } })
  end

  local function comes_in(to, from, text)
    assert.is_true(from:send(text or "hello"))
    assert.equal(text or "hello", to:recv())
  end

  local function listen(to, events)
    local reader = to:get_monitor_socket(events)
    reader.rcvtimeo = 5000
    return reader
  end

  -- Until the handshake of a peer was refused.
  local function is_refused(events)
    local event
    repeat event = assert(zmq.recv_monitor_message(events)) until
      event.name == "HANDSHAKE_FAILED_AUTH"
    assert.equal(400, event.value)
  end

  it("gets in no more, while its connections stay", function()
    for _, allow in ipairs { { public, other_public }, "any" } do
      local to = server(allow)
      local from = client(to)
      comes_in(to, from)
      local events = listen(to, zmq.EVENT_HANDSHAKE_FAILED_AUTH)
      assert.equal(0, to:revoke(public))
      comes_in(to, from, "still there")
      local late = client(to)
      is_refused(events)
      assert.equal(0, late:poll(0, zmq.POLLOUT))
      comes_in(to, client(to, other_secret))
      to:readmit(public)
      comes_in(to, client(to))
      events:close()
    end
  end)

  for _, endpoint in ipairs { "tcp://127.0.0.1:*", "ipc://*" } do
    it("is cut at " .. endpoint .. ", and others come again by themselves", function()
      local to = server({ public, other_public }, endpoint)
      local from, other = client(to), client(to, other_secret)
      comes_in(to, from)
      comes_in(to, other)
      local bystander = server({ other_public }, endpoint)
      local events = listen(to, zmq.EVENT_DISCONNECTED + zmq.EVENT_HANDSHAKE_FAILED_AUTH)
      assert.equal(2, to:revoke(public, { cut = true }))
      is_refused(events)
      assert.equal(0, from:poll(0, zmq.POLLOUT))
      comes_in(to, other, "again")
      assert.equal(0, to:revoke(public, { cut = true }))
      comes_in(bystander, client(bystander, other_secret))
    end)
  end

  it("is cut alone where nobody else comes from its address", function()
    local to = server "any"
    local from = client(to)
    comes_in(to, from)
    assert.equal(0, to:revoke(other_public, { cut = true }))
    comes_in(to, from, "still there")
  end)

  it("is kept out of a folder and from a function that would let it in", function()
    local folder, asked = support.temp_dir(), {}
    local file = assert(io.open(folder .. "/joe.key", "w"))
    file:write('curve\n    public-key = "' .. public .. '"\n')
    file:close()
    for _, allow in ipairs { folder, function(peer)
      asked[#asked + 1] = peer.key
      return true
    end } do
      local to = server(allow)
      local got, event = {}, nil
      eddy.stream(listen(to, zmq.EVENT_HANDSHAKE_FAILED_AUTH), loop):on_recv(function(msg)
        event = zmq.parse_monitor_message(msg)
      end)
      local stream = eddy.stream(to, loop)
      stream:on_recv(function(msg) got[#got + 1] = msg[1] end)
      eddy.stream(client(to), loop):send "hello"
      support.wait(loop, function() return #got == 1 end)
      assert.equal(1, to:revoke(folder .. "/joe.key", { cut = true }))
      local before = #asked
      support.wait(loop, function() return event end)
      assert.equal(before, #asked)
      stream:close()
    end
    os.remove(folder .. "/joe.key")
    os.remove(folder)
    support.take_log()
  end)

  it("is refused when the function says yes too late", function()
    local may
    local to = server(function()
      may = eddy.future(loop)
      return may:await()
    end)
    local got, event
    eddy.stream(listen(to, zmq.EVENT_HANDSHAKE_FAILED_AUTH), loop):on_recv(function(msg)
      event = zmq.parse_monitor_message(msg)
    end)
    local stream = eddy.stream(to, loop)
    stream:on_recv(function(msg) got = msg end)
    client(to)
    support.wait(loop, function() return may end)
    to:revoke(public)
    may:set_result(true)
    support.wait(loop, function() return event end)
    assert.is_nil(got)
    support.take_log()
  end)

  it("is what an authenticator takes, for all domains", function()
    local authenticator = eddy.auth.authenticator(context)
    authenticator:configure_curve("d", { joe = public, jane = other_public })
    authenticator:configure_curve("*", eddy.auth.CURVE_ALLOW_ANY)
    assert.equal(0, authenticator:revoke(public, { cut = true })) -- not started
    authenticator:start()
    local servers = {}
    for i, domain in ipairs { "d", "another" } do
      servers[i] = context:socket(zmq.PULL, { linger = 0, rcvtimeo = 5000, zap_domain = domain,
        curve_server = true, curve_secretkey = server_secret, bind = "tcp://127.0.0.1:*" })
    end
    local events = listen(servers[1], zmq.EVENT_HANDSHAKE_FAILED_AUTH)
    client(servers[1])
    is_refused(events)
    authenticator:readmit(public)
    local clients = { client(servers[1]), client(servers[2]) }
    for i, to in ipairs(servers) do comes_in(to, clients[i]) end
    assert.equal(2, authenticator:revoke(public, { cut = true }))
    is_refused(events)
    for i, to in ipairs(servers) do
      assert.equal(0, clients[i]:poll(0, zmq.POLLOUT))
      comes_in(to, client(to, other_secret))
    end
    authenticator:configure_curve("d", { joe = public })
    client(servers[1])
    is_refused(events)
    authenticator:stop()
  end)

  it("is one, and the socket lets keys in", function()
    local to = server "any"
    for _, call in ipairs { function() to:revoke() end, function() to:revoke "no key" end,
        function() to:revoke(public, { cut = 1 }) end,
        function() to:revoke(public, { cat = true }) end,
        function() to:readmit(5) end, function() context:socket(zmq.PULL):revoke(public) end,
        function() client(to):revoke(public) end } do
      assert.has_error(call)
    end
    to:close()
    local ok, err = pcall(to.revoke, to, public)
    assert.is_false(ok)
    assert.equal("ENOTSOCK", err.name)
  end)
end)
