local zmq = require "eddy.zmq"
local support = require "spec.lua.support"

local context
local function open() context = select(2, support.open()) end

local function socket(number, settings) return context:socket(number, settings) end

describe("a context's default options", function()
  before_each(open)
  after_each(support.close)

  it("are those of the sockets made later", function()
    local before = socket(zmq.PUSH, { linger = 5 })
    context.linger = 0
    context:set("sndhwm", 7)
    context:set(zmq.RCVHWM, 8)
    context.immediate = true
    context.plain_username = "somebody"
    local after = socket(zmq.PUSH)
    assert.same({ 0, 7, 8, 1, "somebody" }, { after.linger, after.sndhwm, after.rcvhwm,
      after.immediate, after.plain_username })
    assert.same({ 5, 1000 }, { before.linger, before.sndhwm })
    assert.equal(-1, zmq.context():socket(zmq.PUSH).linger)
  end)

  it("that are strings may be none", function()
    local plain = socket(zmq.PUSH, { plain_username = "somebody" })
    assert.equal(zmq.PLAIN, plain.mechanism)
    plain.plain_username = nil
    assert.equal(zmq.NULL, plain.mechanism)
    plain.plain_username = "somebody"
    plain:set(zmq.PLAIN_USERNAME, nil)
    assert.equal(zmq.NULL, plain.mechanism)
  end)

  it("give way to a socket's own settings", function()
    context.linger = 5
    assert.equal(0, socket(zmq.PUSH, { linger = 0 }).linger)
  end)

  it("can be read, and taken back", function()
    assert.is_nil(context.linger)
    context.linger = 0
    assert.same({ 0, 0, 0 }, { context.linger, context:get("LINGER"), context:get(zmq.LINGER) })
    context.linger = nil
    assert.is_nil(context.linger)
    assert.equal(-1, socket(zmq.PULL).linger)
    context.hwm = 3
    assert.same({ 3, 3, 3 }, { context.hwm, context.sndhwm, context.rcvhwm })
    assert.same({ 3, 3 }, { socket(zmq.PULL).sndhwm, socket(zmq.PULL).rcvhwm })
  end)

  it("are left out where a type has no such option", function()
    context.linger = 0
    context.subscribe = "a"
    context.router_mandatory = 1
    context.xpub_verbose = true
    local pub, sub = support.pair(zmq.PUB, zmq.SUB)
    support.pair(zmq.REQ, zmq.REP)
    repeat pub:send("a") until sub:poll(1) > 0
    local router = socket(zmq.ROUTER)
    local ok, err = pcall(router.send_multipart, router, { "nobody", "x" })
    assert.is_false(ok)
    assert.equal("EHOSTUNREACH", err.name)
  end)

  it("must be fit for sockets", function()
    assert.error_matches(function() context.linger = "x" end, "LINGER.*number")
    assert.error_matches(function() context.routing_id = 5 end, "ROUTING_ID.*string")
    assert.error_matches(function() context.type = 3 end, "TYPE.*only be read")
    assert.error_matches(function() context.no_such = 3 end, "no_such")
    assert.error_matches(function() return context.no_such end, "no_such")
    context.sndhwm = -5 -- only libzmq knows
    local ok, err = pcall(socket, zmq.PUSH)
    assert.is_false(ok)
    assert.equal("EINVAL", err.name)
    assert.matches("SNDHWM", tostring(err))
    assert.equal("context (0 sockets)", tostring(context))
  end)

  it("leave the context's own options alone", function()
    local own = zmq.context { io_threads = 1 }
    own.linger = 0
    own.max_sockets = 17
    own:set(zmq.IO_THREADS, 2)
    assert.same({ 17, 2, 2 }, { own.max_sockets, own.io_threads, own:get(zmq.IO_THREADS) })
    own:term()
    for _, use in ipairs { function() return own.linger end, function() own.linger = 0 end } do
      local ok, err = pcall(use)
      assert.is_false(ok)
      assert.equal("ENOTSUP", err.name)
    end
  end)
end)

describe("options", function()
  before_each(open)
  after_each(support.close)

  it("that can only be set raise when read", function()
    local sub = socket(zmq.SUB, { linger = 0 })
    for _, name in ipairs { "subscribe", "unsubscribe", "router_mandatory", "tcp_accept_filter",
      "connect_routing_id", "xpub_verbose" } do
      assert.error_matches(function() sub:get(name) end, name:upper() .. ": it can only be set")
      assert.error_matches(function() sub:get(zmq[name:upper()]) end, "it can only be set")
    end
    assert.error_matches(function() return sub.router_mandatory end, "it can only be set")
  end)

  it("that can only be read raise when set", function()
    local pull = socket(zmq.PULL, { linger = 0 })
    for _, name in ipairs { "type", "events", "fd", "rcvmore", "last_endpoint", "mechanism" } do
      for _, value in ipairs { 1, "x", true } do
        assert.error_matches(function() pull[name] = value end, "it can only be read")
        assert.error_matches(function() pull:set(name, value) end, "it can only be read")
      end
    end
    assert.equal(zmq.PULL, pull.type)
    pull:close()
    local ok, err = pcall(pull.set, pull, "linger", 0)
    assert.is_false(ok)
    assert.equal("ENOTSOCK", err.name)
  end)

  it("that every socket has can be read", function()
    local dealer = socket(zmq.DEALER, { linger = 0 })
    for _, name in ipairs { "linger", "affinity", "events", "fd", "mechanism", "routing_id",
      "last_endpoint", "maxmsgsize", "handshake_ivl", "zap_domain", "socks_proxy" } do
      assert.is_not_nil(dealer[name], name)
    end
  end)

  it("have both high-water marks in one, by any way", function()
    local dealer = socket(zmq.DEALER, { linger = 0, hwm = 3 })
    assert.same({ 3, 3 }, { dealer.sndhwm, dealer.rcvhwm })
    dealer:set("hwm", 4)
    assert.same({ 4, 4, 4 }, { dealer.sndhwm, dealer.rcvhwm, dealer:get("HWM") })
  end)

  it("may be keys", function()
    if not zmq.has("curve") then return pending("libzmq has no CURVE") end
    local rep, key = socket(zmq.REP, { linger = 0 }), ("0"):rep(39) .. "1"
    rep.curve_server = true
    rep.curve_secretkey = key
    assert.equal(key, rep.curve_secretkey)
    assert.equal(40, #rep.curve_publickey)
  end)
end)

describe("an ipc path", function()
  before_each(open)
  after_each(support.close)

  it("that is too long is said to be, with the limit", function()
    assert.equal(107, zmq.IPC_PATH_MAX_LEN)
    local pull, push = socket(zmq.PULL, { linger = 0 }), socket(zmq.PUSH, { linger = 0 })
    local folder = support.temp_dir() .. "/"
    local longest = folder .. ("x"):rep(zmq.IPC_PATH_MAX_LEN - #folder)
    pull:bind("ipc://" .. longest)
    push:connect("ipc://" .. longest)
    push:send("x")
    assert.equal("x", pull:recv())
    for _, each in ipairs { { pull, "bind" }, { push, "connect" } } do
      local endpoint = "ipc://" .. longest .. "x"
      local ok, err = pcall(each[1][each[2]], each[1], endpoint)
      assert.is_false(ok)
      assert.equal("ENAMETOOLONG", err.name)
      assert.matches(each[2] .. " " .. endpoint, tostring(err), 1, true)
      assert.matches("108 bytes, at most 107", tostring(err), 1, true)
    end
    os.remove(longest)
    os.remove(folder)
  end)

  it("that leads nowhere is named", function()
    local ok, err = pcall(socket(zmq.PULL).bind, socket(zmq.PULL), "ipc:///no/such/folder/x")
    assert.is_false(ok)
    assert.equal("ENOENT", err.name)
    assert.matches("/no/such/folder/x", tostring(err), 1, true)
  end)
end)

describe("an option that zmq.h hides", function()
  before_each(open)
  after_each(support.close)

  it("can be set and read, by name and number", function()
    local dealer = socket(zmq.DEALER)
    for name, number in pairs { ZAP_ENFORCE_DOMAIN = 93, LOOPBACK_FASTPATH = 94,
        MULTICAST_LOOP = 96, RECONNECT_STOP = 109 } do
      assert.equal(number, zmq[name])
      dealer:set(number, 1)
      assert.equal(1, dealer:get(name))
      dealer:set(name, 0)
      assert.equal(0, dealer:get(number))
    end
    dealer.socks_username = "somebody"
    assert.equal("somebody", dealer:get(99))
  end)

  it("can be set where libzmq does not tell of it", function()
    socket(zmq.DEALER):set(zmq.METADATA, "X-name:value")
    socket(zmq.XPUB, { xpub_manual_last_value = 1, only_first_subscribe = 1 })
    local ok, err = pcall(socket, zmq.DEALER, { metadata = "no such name" })
    assert.is_false(ok)
    assert.equal("EINVAL", err.name)
  end)
end)
