-- Topics of 246 to 255 bytes, whose subscriptions libzmq garbles on the wire.
local async = require "eddy.async"
local devices = require "eddy.devices"
local eddy = require "eddy"
local green = require "eddy.green"
local zmq = require "eddy.zmq"
local support = require "spec.lua.support"

local GARBLED, GOOD = { 246, 249, 250, 254, 255 }, { 0, 1, 245, 256, 300 }

describe("a topic", function()
  local loop, context, folder
  before_each(function()
    loop, context = support.open()
    folder = support.temp_dir()
  end)
  after_each(function()
    support.close()
    os.execute("rm -rf " .. folder)
  end)

  local places = {
    tcp = function() return "tcp://127.0.0.1:*" end,
    ipc = function() return "ipc://" .. folder .. "/path" end,
    inproc = support.inproc,
  }

  local function refused(fn, ...)
    local ok, err = pcall(fn, ...)
    assert.is_false(ok)
    assert.equal("EMSGSIZE", err.name)
    assert.matches("246 to 255 bytes", tostring(err))
  end

  -- Whether a subscription arrives, and a message by it.
  local function check_arrives(pub, sub, topic)
    assert.equal("\1" .. topic, pub:recv())
    pub:send(topic .. "!")
    assert.equal(topic .. "!", sub:recv())
  end

  local function xpub(place, settings)
    local socket = context:socket(zmq.XPUB, { linger = 0, rcvtimeo = 5000 })
    for name, value in pairs(settings or {}) do socket:set(name, value) end
    socket:bind(place())
    return socket
  end

  for transport, place in pairs(places) do
    local sizes = transport == "inproc" and { 246, 250, 255, 256 } or GOOD
    it("arrives over " .. transport, function()
      for _, size in ipairs(sizes) do
        for _, first in ipairs { "subscribe", "connect" } do
          local topic, pub = ("t"):rep(size), xpub(place)
          local sub = context:socket(zmq.SUB, { linger = 0, rcvtimeo = 5000 })
          if first == "subscribe" then sub:subscribe(topic) end
          sub:connect(pub.last_endpoint)
          if first == "connect" then sub:subscribe(topic) end
          check_arrives(pub, sub, topic)
          pub:close()
          sub:close()
        end
      end
    end)
  end

  for _, transport in ipairs { "tcp", "ipc" } do
    it("is refused over " .. transport .. " where it would be garbled", function()
      local pub = xpub(places[transport])
      local endpoint = pub.last_endpoint
      for _, size in ipairs(GARBLED) do
        local topic = ("t"):rep(size)
        local settings = { linger = 0, subscribe = topic, connect = endpoint }
        refused(context.socket, context, zmq.SUB, settings)
        for _, kind in ipairs { async, green } do
          local own = kind.context()
          local sub = own:socket(zmq.SUB, { linger = 0, connect = endpoint })
          refused(sub.subscribe, sub, topic)
          own:destroy(0)
        end
        local sub = context:socket(zmq.SUB, { linger = 0, rcvtimeo = 5000, connect = endpoint })
        refused(sub.subscribe, sub, topic)
        refused(sub.set, sub, "subscribe", topic)
        refused(sub.set, sub, zmq.SUBSCRIBE, topic)
        sub:unsubscribe(topic)
        local stream = eddy.stream(sub, loop)
        refused(stream.subscribe, stream, topic)
        sub:subscribe "t" -- it works on
        check_arrives(pub, sub, "t")
        stream:close()
        assert.equal("\0t", pub:recv())
        local binds = context:socket(zmq.SUB, { linger = 0, subscribe = topic })
        refused(binds.bind, binds, places.tcp())
        binds:bind(support.inproc())
        binds:close()
        local xsub = context:socket(zmq.XSUB, { linger = 0, connect = endpoint })
        for _, message in ipairs { { "\1" .. topic }, { "", "\1" .. topic } } do
          local ok, err = pcall(xsub.send_multipart, xsub, message, zmq.DONTWAIT)
          assert.is_false(ok)
          assert.equal("EMSGSIZE", err.name)
        end
        xsub:send("\1x" .. topic:rep(2))
        xsub:send("\2" .. topic)
        assert.equal("\1x" .. topic:rep(2), pub:recv())
        assert.equal("\2" .. topic, pub:recv())
        xsub:close()
        assert.equal("\0x" .. topic:rep(2), pub:recv())
      end
      pub:close()
    end)
  end

  it("is refused to a device", function()
    local device = devices.device(zmq.FORWARDER, zmq.SUB, zmq.PUB)
    device:setsockopt_in(zmq.SUBSCRIBE, ("t"):rep(250))
    device:bind_in "tcp://127.0.0.1:*"
    device:bind_out(support.inproc())
    local ok, err = pcall(device.start, device)
    assert.is_false(ok)
    assert.matches("246 to 255 bytes", tostring(err))
  end)

  it("that a subscriber sends through a device is dropped there, and counted", function()
    local pub = xpub(places.tcp)
    local device = devices.device(zmq.FORWARDER, zmq.XSUB, zmq.XPUB)
    local front = support.inproc()
    device:connect_in(pub.last_endpoint)
    device:bind_out(front)
    device:start()
    local sub = context:socket(zmq.SUB, { linger = 0, rcvtimeo = 5000 })
    sub:subscribe(("t"):rep(250))
    sub:subscribe "x"
    sub:connect(front)
    check_arrives(pub, sub, "x")
    assert.equal(1, device:stats().dropped)
    device:stop()
    assert.is_true(device:join(5000))
    pub:close()
    sub:close()
  end)

  it("of any length arrives with CURVE", function()
    local server, server_secret = zmq.curve_keypair()
    local client, client_secret = zmq.curve_keypair()
    local pub = xpub(places.tcp, { curve_server = 1, curve_secretkey = server_secret })
    local topic = ("t"):rep(250)
    local sub = context:socket(zmq.SUB, { linger = 0, rcvtimeo = 5000, curve_serverkey = server,
      curve_publickey = client, curve_secretkey = client_secret })
    sub:subscribe(topic)
    sub:connect(pub.last_endpoint)
    check_arrives(pub, sub, topic)
    pub:close()
    sub:close()
  end)
end)
