-- Messages of more parts, or bytes, than a peer may send.
local devices = require "eddy.devices"
local zmq = require "eddy.zmq"
local support = require "spec.lua.support"
local zmtp = require "spec.zmtp.peer"

local server_public, server_secret = zmq.curve_keypair()
local _, secret = zmq.curve_keypair()

local function message(parts, data)
  local list = {}
  for i = 1, parts do list[i] = data or "" end
  return list
end

describe("a message", function()
  local loop, context
  support.each(function(...) loop, context = ... end)

  local function server(settings, kind)
    settings.linger, settings.rcvtimeo = 0, 5000
    settings.bind = settings.bind or "tcp://127.0.0.1:*"
    return context:socket(kind or zmq.PULL, settings)
  end

  local function port_of(socket) return tonumber(socket.last_endpoint:match ":(%d+)$") end

  local function client(port, curve)
    return context:socket(zmq.PUSH, { linger = 0, sndtimeo = 5000, reconnect_ivl = 10,
      connect = "tcp://127.0.0.1:" .. port,
      curve = curve and { secret = secret, server = server_public } or nil })
  end

  local function count() return context:auth_stats().oversized end

  -- Its connection ends, and later messages come over another one: what is sent before that is
  -- known is lost.
  local function is_cut_off(to, from, list)
    local before = count()
    from:send_multipart(list)
    support.wait(loop, function() return count() == before + 1 end)
    repeat from:send("after", zmq.DONTWAIT) until to:poll(20) ~= 0
    repeat
      assert.same({ "after" }, to:recv_multipart(zmq.DONTWAIT))
    until to:poll(20) == 0
  end

  for _, curve in ipairs { false, { secret = server_secret, allow = "any" } } do
    local function limited(settings)
      settings.curve = curve or nil
      return server(settings)
    end

    it("over a limit ends its connection, and never arrives: " ..
        (curve and "CURVE" or "NULL"), function()
      local to = limited { max_parts = 3, max_message = 100 }
      local from = client(port_of(to), curve)
      for _, fine in ipairs { message(3), message(2, ("x"):rep(50)), { ("x"):rep(100) } } do
        from:send_multipart(fine)
        assert.same(fine, to:recv_multipart())
      end
      is_cut_off(to, from, message(4))
      is_cut_off(to, from, message(2, ("x"):rep(51)))
      is_cut_off(to, from, { ("x"):rep(101) })
    end)

    it("may have 1,024 parts where strangers can connect, unless they are told: " ..
        (curve and "CURVE" or "NULL"), function()
      local to = limited { bind = "tcp://*:*", insecure = not curve }
      assert.same({ 1024, 64 * 2 ^ 20 }, { to.max_parts, to.max_message })
      local from = client(port_of(to), curve)
      from:send_multipart(message(1024))
      assert.equal(1024, #to:recv_multipart())
      is_cut_off(to, from, message(1025))
      to = limited { bind = "tcp://*:*", insecure = not curve, max_parts = -1 }
      assert.same({ -1, 64 * 2 ^ 20 }, { to.max_parts, to.max_message })
      from = client(port_of(to), curve)
      from:send_multipart(message(3000))
      assert.equal(3000, #to:recv_multipart())
    end)
  end

  it("may have any number of parts where nobody else can connect", function()
    local to = server {}
    assert.same({ -1, -1 }, { to.max_parts, to.max_message })
    client(port_of(to)):send_multipart(message(3000))
    assert.equal(3000, #to:recv_multipart())
    to.max_parts = 2
    local late = to:bind "tcp://127.0.0.1:*"
    is_cut_off(to, client(tonumber(late:match ":(%d+)$")), message(3))
  end)

  it("that never ends costs no memory", function()
    local to = server { max_parts = 1024 }
    local parts, before = ("\1\0"):rep(50000), count()
    local kib = support.resident_kib()
    for _ = 1, 10 do
      local peer = zmtp.connect(port_of(to))
      peer:open "PUSH"
      for _ = 1, 10 do peer:send(parts) end
      peer:leave()
    end
    support.wait(loop, function() return count() == before + 10 end)
    assert.is_true(support.is_sanitized() or support.resident_kib() - kib < 20000)
    assert.equal(0, to:poll(0))
  end)

  it("is counted however its bytes come", function()
    local to = server { max_parts = 2, max_message = 300 }
    local peer, before = zmtp.connect(port_of(to)), count()
    peer:open "PUSH"
    local fine = zmtp.message { ("x"):rep(260), "y" }
    for i = 1, #fine do peer:send(fine:sub(i, i)) end
    assert.same({ ("x"):rep(260), "y" }, to:recv_multipart())
    peer:send(fine .. fine)
    for _ = 1, 2 do assert.same({ ("x"):rep(260), "y" }, to:recv_multipart()) end
    local over = zmtp.message { ("x"):rep(290), ("y"):rep(11) }
    for i = 1, #over do peer:send(over:sub(i, i)) end
    support.wait(loop, function() return count() == before + 1 end)
    peer:leave()
  end)

  it("of a STREAM, which has none, is none", function()
    local to = server({ max_parts = 1, max_message = 100 }, zmq.STREAM)
    local peer = zmtp.connect(port_of(to))
    peer:send(("\1"):rep(5000))
    local got = 0
    repeat got = got + #assert(to:recv_multipart())[2] until got == 5000
    peer:leave()
  end)

  it("may be a device's, and over ipc", function()
    local device = devices.device(zmq.QUEUE, zmq.PULL, zmq.PUSH)
    device:setsockopt_in("max_parts", 2)
    local port = device:bind_in_to_random_port "tcp://127.0.0.1"
    local out = support.inproc()
    device:bind_out(out)
    device:start()
    local to = context:socket(zmq.PULL, { linger = 0, rcvtimeo = 5000, connect = out })
    is_cut_off(to, client(port), message(3))
    device:stop()
    device:join()
    to = server { bind = "ipc://*", max_parts = 2 }
    is_cut_off(to, context:socket(zmq.PUSH, { linger = 0, sndtimeo = 5000, reconnect_ivl = 10,
      connect = to.last_endpoint }), message(3))
  end)

  it("wants whole numbers for its limits", function()
    for _, name in ipairs { "max_parts", "max_message" } do
      for _, value in ipairs { 0, 1.5, -2, "5", 2 ^ 31, 0 / 0, {} } do
        assert.has_error(function() server { [name] = value } end)
      end
    end
  end)
end)

describe("a message over a limit", function()
  it("is a line in the log", function()
    local text, status = support.script [[
      local eddy, zmq = require "eddy", require "eddy.zmq"
      local to = zmq.instance():socket(zmq.PULL, { linger = 0, insecure = true, max_parts = 1,
        bind = "tcp://*:*" })
      local stream = eddy.stream(to)
      stream:on_recv(function() end)
      local from = eddy.stream(zmq.instance():socket(zmq.PUSH, { linger = 0,
        connect = "tcp://127.0.0.1:" .. to.last_endpoint:match ":(%d+)$" }))
      from:send_multipart { "a", "b" }
      local loop = eddy.loop.instance()
      loop._log = function(_, line)
        print(line)
        loop:stop()
      end
      loop:start()
    ]]
    assert.equal(0, status)
    assert.truthy(text:find("a peer at 127.0.0.1 was cut off in a message of more parts", 1, true))
  end)
end)
