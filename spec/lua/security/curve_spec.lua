local async = require "eddy.async"
local eddy = require "eddy"
local zmq = require "eddy.zmq"
local files = require "spec.support.files"
local support = require "spec.lua.support"

local server_public, server_secret = zmq.curve_keypair()
local public, secret = zmq.curve_keypair()
local other_public, other_secret = zmq.curve_keypair()

local function write(path, text)
  files.write(path .. ".new", text)
  assert(os.rename(path .. ".new", path))
end

local function certificate(key) return 'curve\n    public-key = "' .. key .. '"\n' end

describe("a socket's curve", function()
  local loop, context
  support.each(function(...) loop, context = ... end)

  local function server(allow, kind)
    return context:socket(kind or zmq.PULL, { linger = 0, bind = "tcp://*:*",
      curve = { secret = server_secret, allow = allow } })
  end

  local function port_of(socket) return socket.last_endpoint:match ":(%d+)$" end

  local function client(to, key, server_key)
    return context:socket(zmq.PUSH, { linger = 0, connect = "tcp://127.0.0.1:" .. port_of(to),
      curve = { secret = key or secret, server = server_key or server_public } })
  end

  local function comes_in(to, key)
    local from = client(to, key)
    local sent = from:send("hello", zmq.DONTWAIT) -- mostly nobody is there yet
    sent = sent or from:poll(5000, zmq.POLLOUT) ~= 0 and from:send "hello"
    assert.is_true(sent)
    assert.is_true(to:poll(5000) ~= 0)
    assert.equal("hello", to:recv())
    from:close()
  end

  -- Until the handshake was refused.
  local function stays_out(to, key)
    local events = to:get_monitor_socket(zmq.EVENT_HANDSHAKE_FAILED_AUTH)
    events.rcvtimeo = 5000
    local from = client(to, key)
    local event = zmq.recv_monitor_message(events)
    assert.equal("HANDSHAKE_FAILED_AUTH", event.name)
    assert.equal(0, from:poll(0, zmq.POLLOUT))
    from:close()
    to:disable_monitor()
    return event.value
  end

  it("lets those in whose keys are on its list, on all interfaces", function()
    local to = server { public }
    comes_in(to)
    assert.equal(400, stays_out(to, other_secret))
    assert.same({ 1, 1 }, { to.zap_enforce_domain, to.curve_server })
    assert.equal("server", to.curve)
  end)

  it("lets everybody with a key in", function()
    local to = server "any"
    comes_in(to)
    comes_in(to, other_secret)
  end)

  it("lets nobody in who has another key of the server, or none", function()
    local to = server "any"
    local events = to:get_monitor_socket(zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL)
    events.rcvtimeo = 5000
    client(to, secret, other_public)
    assert.equal(0x11000001, zmq.recv_monitor_message(events).value)
    context:socket(zmq.PUSH, { linger = 0, connect = "tcp://127.0.0.1:" .. port_of(to) })
    repeat
      local value = assert(zmq.recv_monitor_message(events)).value
    until value ~= 0x11000001
    assert.equal(0, to:poll(0))
  end)

  it("is wanted whole", function()
    for _, curve in ipairs { {}, { secret = secret }, { secret = secret, allow = 5 },
        { secret = secret, allow = "any", server = public }, { secret = 5, allow = "any" },
        { secret = secret, allow = { 5 } }, { allow = "any" }, { secret = secret, server = true },
        { secret = secret, allow = "any", more = 1 }, 5, "any" } do
      assert.has_error(function() context:socket(zmq.PULL, { curve = curve }) end)
    end
  end)

  it("tells no secret in an error", function()
    local wrong = secret:sub(1, 38) .. "~~"
    for _, curve in ipairs { { secret = wrong, allow = "any" }, { secret = secret, server = wrong },
        { secret = secret, allow = { wrong } }, { secret = secret },
        { secret = { secret }, allow = "any" } } do
      local ok, err = pcall(context.socket, context, zmq.PULL, { curve = curve })
      assert.is_false(ok)
      assert.is_nil(tostring(err):find(secret:sub(1, 20), 1, true))
      assert.is_nil(debug.traceback(tostring(err)):find(secret:sub(1, 20), 1, true))
    end
    local to = server "any"
    assert.is_nil(tostring(to):find(server_secret, 1, true))
    for _, value in pairs(to._plan) do assert.are_not.equal(server_secret, value) end
  end)

  it("can be a device's", function()
    local devices = require "eddy.devices"
    local device = devices.device(zmq.QUEUE, zmq.PULL, zmq.PUSH)
    device:setsockopt_in("curve", { secret = server_secret, allow = { public } })
    assert.has_error(function() device:setsockopt_in("curve", { secret = server_secret }) end)
    local port = device:bind_in_to_random_port "tcp://*"
    local out = support.inproc()
    device:bind_out(out)
    device:start()
    local to = context:socket(zmq.PULL, { linger = 0, rcvtimeo = 5000, connect = out })
    local from = context:socket(zmq.PUSH, { linger = 0, sndtimeo = 5000,
      connect = "tcp://127.0.0.1:" .. port, curve = { secret = secret, server = server_public } })
    assert.is_true(from:send "through")
    assert.equal("through", to:recv())
    device:stop()
    device:join()
  end)

  describe("of a folder", function()
    local folder
    before_each(function() folder = support.temp_dir() end)
    after_each(function() os.execute("rm -rf " .. folder) end)

    it("reads it again when it changes", function()
      local to = server(folder .. "/")
      assert.equal(400, stays_out(to))
      write(folder .. "/joe.key", certificate(public))
      comes_in(to)
      os.rename(folder .. "/joe.key", folder .. "/joe.key_secret")
      assert.equal(400, stays_out(to))
      write(folder .. "/joe.txt", "    public-key=" .. public .. "\n")
      comes_in(to)
      write(folder .. "/joe.txt", certificate(other_public))
      assert.equal(400, stays_out(to))
      comes_in(to, other_secret)
      os.remove(folder .. "/joe.txt")
      assert.equal(400, stays_out(to, other_secret))
    end)

    it("keeps what it knew of a file that is bad, and logs that", function()
      write(folder .. "/joe.key", certificate(public))
      local to = server(folder)
      comes_in(to)
      write(folder .. "/joe.key", "nonsense")
      write(folder .. "/jane.key", certificate(other_public))
      comes_in(to)
      comes_in(to, other_secret)
      eddy.stream(to, loop)
      local text = ""
      support.wait(loop, function()
        text = text .. support.take_log()
        return text:find("joe.key: there is no public-key", 1, true)
      end)
    end)

    it("keeps what it knew when the folder goes, and finds it when it comes again", function()
      write(folder .. "/joe.key", certificate(public))
      local to = server(folder)
      os.rename(folder, folder .. "-away")
      comes_in(to)
      os.execute("mkdir " .. folder)
      assert.equal(400, stays_out(to))
      os.execute("rm -rf " .. folder .. "-away")
      eddy.stream(to, loop)
      support.turns(loop)
      support.take_log()
    end)

    it("must be there", function()
      local ok, err = pcall(server, folder .. "/nowhere")
      assert.is_false(ok)
      assert.equal("ENOENT", err.name)
    end)
  end)

  describe("of a function", function()
    local function stream_of(allow)
      local to = server(allow)
      local stream, got = eddy.stream(to, loop), {}
      stream:on_recv(function(msg) got[#got + 1] = msg[1] end)
      return to, got
    end

    local function send(to, key) return eddy.stream(client(to, key), loop):send "hello" end

    it("asks it on the loop, where it may wait", function()
      local peers = {}
      local to, got = stream_of(function(peer)
        peers[#peers + 1] = peer
        support.suspend(loop, 20)
        return peer.key == public
      end)
      send(to)
      support.wait(loop, function() return #got == 1 end)
      assert.same({ key = public, address = "127.0.0.1", mechanism = "CURVE",
        domain = to.zap_domain }, peers[1])
      send(to, other_secret)
      -- A client may come in again before it was answered.
      support.wait(loop, function() return peers[#peers].key == other_public end)
      support.turns(loop, 30)
      assert.equal(1, #got)
      loop:close()
      support.take_log()
    end)

    -- A peer for whom this function is asked is told that it failed.
    local function fails(allow)
      local to, event = stream_of(allow), nil
      local events = to:get_monitor_socket(zmq.EVENT_HANDSHAKE_FAILED_AUTH)
      eddy.stream(events, loop):on_recv(function(msg) event = zmq.parse_monitor_message(msg) end)
      send(to)
      support.wait(loop, function() return event end)
      assert.equal(500, event.value)
    end

    it("takes an error for a no, and logs it", function()
      fails(function() error "no idea" end)
      loop:close()
      assert.matches("^allow %(%S*curve_spec.lua:%d+%): %S+: no idea\nstack traceback:\n" ..
        "\t%[C%]: in function 'error'\n\t%S*curve_spec.lua:%d+: in function", support.take_log())
    end)

    it("takes names that cannot be for a no, and logs it", function()
      for text, answer in pairs {
        ["the user's name is longer than 255 bytes"] = { user = ("x"):rep(256) },
        ["a field's name has letters, digits and _.- only, not 'a b'"] = { ["a b"] = 1 },
      } do
        fails(function() return answer end)
        local log = support.take_log()
        assert.matches("allow %(%S*curve_spec.lua:%d+%): ", log)
        assert.truthy(log:find(text, 1, true))
        assert.is_nil(log:find("asker.lua", 1, true))
      end
      loop:close()
      support.take_log()
    end)

    it("holds up nobody whom a table knows, and keeps no loop alive", function()
      local to = server { public }
      local asks = server(function() return true end)
      local late = client(asks)
      comes_in(to) -- the loop does not run
      assert.equal(0, late:poll(0, zmq.POLLOUT))
      asks._asker:attach(loop)
      loop:_run_until_idle() -- which asks nobody, and ends
    end)

    it("is that of async sockets, too", function()
      local own = async.context()
      local to = own:socket(zmq.PULL, { linger = 0, bind = "tcp://127.0.0.1:*",
        curve = { secret = server_secret, allow = function(peer) return peer.key == public end } })
      client(to):send("hello", zmq.DONTWAIT)
      local from = client(to)
      to._asker:attach(loop)
      local sent = eddy.stream(from, loop):send "hello"
      assert.is_truthy(sent)
      assert.equal("hello", support.task(loop, function() return to:recv():await() end))
      own:destroy(0)
    end)
  end)

  it("tells who sent a message", function()
    local to = server { joe = public, jane = other_public }
    local function is(name, key, peer)
      assert.same({ user = name, key = key, address = "127.0.0.1", mechanism = "CURVE" }, peer)
    end
    assert.is_nil(to:peer())
    comes_in(to)
    is("joe", public, to:peer())
    comes_in(to, other_secret)
    is("jane", other_public, to:peer())
    local stream, peers, late = eddy.stream(to, loop), {}, nil
    stream:on_recv(function(msg)
      peers[msg[1]] = stream:peer()
      support.suspend(loop, 1)
      late = { pcall(stream.peer, stream) }
    end)
    eddy.stream(client(to), loop):send "a"
    eddy.stream(client(to, other_secret), loop):send "b"
    support.wait(loop, function() return peers.a and peers.b and late end)
    is("joe", public, peers.a)
    is("jane", other_public, peers.b)
    assert.is_false(late[1])
    assert.has_error(function() stream:peer() end)
    local frame
    stream:on_recv(function(msg) frame = msg[1] end, false)
    eddy.stream(client(to), loop):send "c"
    support.wait(loop, function() return frame end)
    is("joe", public, stream:peer(frame))
    stream:close()
    assert.has_error(function() to:peer() end)
  end)

  it("tells who sent a message, not after a flush", function()
    local to = server { joe = public, jane = other_public }
    local stream, got, told = eddy.stream(to, loop), 0, {}
    stream:on_recv(function()
      got = got + 1
      if got == 1 then stream:flush(zmq.POLLIN) end
      told[#told + 1] = (pcall(stream.peer, stream))
    end)
    local a, b = client(to), client(to, other_secret)
    eddy.stream(a, loop):send "a"
    eddy.stream(b, loop):send "b"
    support.wait(loop, function() return got == 2 end)
    assert.is_true(#told == 2)
  end)

  it("tells what the function returned, and takes no peer's word", function()
    local to = server(function() return { user = "joe", role = "admin", key = "no", n = 5 } end)
    local stream, peer = eddy.stream(to, loop), nil
    stream:on_recv(function() peer = stream:peer() end)
    local from = context:socket(zmq.PUSH, { linger = 0, metadata = "X-Key:forged",
      curve = { secret = secret, server = server_public },
      connect = "tcp://127.0.0.1:" .. port_of(to) })
    eddy.stream(from, loop):send "x"
    support.wait(loop, function() return peer end)
    assert.same({ user = "joe", role = "admin", n = "5", key = public, address = "127.0.0.1",
      mechanism = "CURVE" }, peer)
    local known = server { public }
    local forger = context:socket(zmq.PUSH, { linger = 0, immediate = 1,
      metadata = "X-Fields:role admin" })
    forger.metadata = "X-role:admin"
    forger.curve = { secret = secret, server = server_public }
    forger:connect("tcp://127.0.0.1:" .. port_of(known))
    forger:send "x"
    known:recv()
    assert.is_nil(known:peer().role)
    assert.equal(public, known:peer().user)
    local local_ones = context:socket(zmq.PULL, { linger = 0, bind = "ipc://*",
      allow_uid = require("eddy.base.libeddy").C.eddy_user() })
    context:socket(zmq.PUSH, { linger = 0, metadata = "X-Key:forged",
      connect = local_ones.last_endpoint }):send "x"
    local_ones:recv()
    assert.is_nil(local_ones:peer().key)
    assert.same({ "anonymous", "localhost", "number" }, { local_ones:peer().user,
      local_ones:peer().address, type(local_ones:peer().pid) })
    local open = context:socket(zmq.PULL, { linger = 0, bind = "tcp://127.0.0.1:*" })
    local lone, said = eddy.stream(open, loop), nil
    lone:on_recv(function() said = lone:peer() end)
    context:socket(zmq.PUSH, { linger = 0, metadata = "X-Key:forged",
      connect = open.last_endpoint }):send "x"
    support.wait(loop, function() return said end)
    assert.same({ address = "127.0.0.1", mechanism = "NULL" }, said)
  end)

  it("lets a client in that was refused, then allowed, with its message", function()
    local folder = support.temp_dir()
    local to = server(folder)
    local stream = eddy.stream(client(to), loop)
    local refused = to:get_monitor_socket(zmq.EVENT_HANDSHAKE_FAILED_AUTH)
    local event
    eddy.stream(refused, loop):on_recv(function(msg) event = msg end)
    stream:send "kept"
    support.wait(loop, function() return event end)
    write(folder .. "/joe.key", certificate(public))
    support.wait(loop, function() return to:poll(0) ~= 0 end)
    assert.equal("kept", to:recv())
    support.take_log()
    os.execute("rm -rf " .. folder)
  end)

  it("of a client says which option it sets", function()
    local socket = context:socket(zmq.PUSH, { curve = { secret = secret, server = server_public } })
    assert.same({ 1, "client", 0 }, { socket.immediate, socket.curve, socket.curve_server })
    socket = context:socket(zmq.PUSH, { immediate = 0,
      curve = { secret = secret, server = server_public } })
    assert.equal(0, socket.immediate)
  end)
end)

describe("allow_uid", function()
  local _, context
  support.each(function(...) _, context = ... end)

  it("lets those users in over ipc, also where others can write", function()
    local C = require("eddy.base.libeddy").C
    local mine = C.eddy_user()
    local endpoint = "ipc://@" .. support.inproc():sub(10)
    for _, case in ipairs { { mine, true }, { { 12345, mine }, true }, { 12345, false } } do
      local to = context:socket(zmq.PULL, { linger = 0, allow_uid = case[1], bind = endpoint })
      local event = to:get_monitor_socket(zmq.EVENT_HANDSHAKE_FAILED_AUTH +
        zmq.EVENT_HANDSHAKE_SUCCEEDED)
      event.rcvtimeo = 5000
      local from = context:socket(zmq.PUSH, { linger = 0, connect = endpoint })
      local name = case[2] and "HANDSHAKE_SUCCEEDED" or "HANDSHAKE_FAILED_AUTH"
      assert.equal(name, assert(zmq.recv_monitor_message(event)).name)
      from:close()
      event:close()
      to:close()
    end
  end)

  it("does not open tcp", function()
    local ok, err = pcall(context.socket, context, zmq.PULL, { allow_uid = 0, bind = "tcp://*:*" })
    assert.is_false(ok)
    assert.equal("EACCES", err.name)
    for _, value in ipairs { "root", {}, { "root" }, -1, 1.5 } do
      assert.has_error(function() context:socket(zmq.PULL, { allow_uid = value }) end)
    end
  end)
end)
