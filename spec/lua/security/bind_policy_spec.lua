local ffi = require "ffi"
local eddy = require "eddy"
local async = require "eddy.async"
local devices = require "eddy.devices"
local green = require "eddy.green"
local log = require "eddy.log"
local zmq = require "eddy.zmq"
local policy = require "eddy.security.bind_policy"
local process = require "spec.support.process"
local support = require "spec.lua.support"

pcall(ffi.cdef, "int socket(int, int, int); int listen(int, int); unsigned umask(unsigned);")

describe("a bind", function()
  local loop, context
  support.each(function(...) loop, context = ... end)

  local function refused(fn, ...)
    local ok, err = pcall(fn, ...)
    assert.is_false(ok)
    assert.are.equal("EACCES", err.name)
    return err.message
  end

  local function socket(settings) return context:socket(zmq.ROUTER, settings) end

  for _, endpoint in ipairs { "tcp://*:*", "tcp://0.0.0.0:*", "tcp://0:*", "tcp://[::]:*",
      "tcp://:::*", "tcp://10.1.2.3:5555", "tcp://[fe80::1]:*", "ws://*:*", "ws://0.0.0.0:80/a:b",
      "udp://*:5", "pgm://eth0;239.192.1.1:5", "tipc://{1,2,3}", "tcp://[::ffff:10.0.0.1]:*" } do
    it("is refused at " .. endpoint .. " without CURVE", function()
      local text = refused(function() socket({ ipv6 = true }):bind(endpoint) end)
      assert.truthy(text:find("bind " .. endpoint, 1, true))
    end)
  end

  for _, endpoint in ipairs { "tcp://127.0.0.1:*", "tcp://127.1.2.3:*", "tcp://localhost:*",
      "tcp://lo:*", "inproc://anywhere", "ipc://*" } do
    it("is served at " .. endpoint, function() assert.is_string(socket():bind(endpoint)) end)
  end

  it("counts IPv6's loopback as such", function()
    assert.is_false(policy.is_open(policy.reach("tcp://[::1]:*", true)))
    assert.is_false(policy.is_open(policy.reach("tcp://[::ffff:127.0.0.1]:*", true)))
    assert.is_false(policy.is_open(policy.reach("ws://localhost:80/path", true)))
  end)

  it("leaves what is no endpoint to libzmq", function()
    for _, text in ipairs { "tcp", "tcp://", "nonsense://x", "tcp://no.such.host.invalid:*" } do
      local ok, err = pcall(function() socket():bind(text) end)
      assert.is_false(ok)
      assert.are_not.equal("EACCES", err.name)
    end
  end)

  it("says the remedies, to copy", function()
    local text = refused(function() socket():bind "tcp://*:5555" end)
    for _, remedy in ipairs { 'curve = { secret = "server.key_secret", allow = "clients/" }',
        'bind = "tcp://127.0.0.1:5555"', "insecure = true", "--insecure", "EDDY_INSECURE=1" } do
      assert.truthy(text:find(remedy, 1, true))
    end
  end)

  it("is refused to PLAIN, which anybody can read", function()
    refused(function() socket({ plain_server = true }):bind "tcp://*:*" end)
  end)

  it("is refused to a CURVE server without a key", function()
    refused(function() socket({ curve_server = true }):bind "tcp://*:*" end)
  end)

  describe("of a CURVE server", function()
    local public, secret = zmq.curve_keypair()
    local own -- no handler of another test's answers in it
    before_each(function() own = zmq.context { io_threads = 1 } end)
    after_each(function() own:destroy(0) end)

    local function server(settings)
      local made = own:socket(zmq.ROUTER, { curve_server = true, curve_secretkey = secret })
      for name, value in pairs(settings or {}) do made[name] = value end
      return made
    end

    it("is refused while nobody is asked who may come in", function()
      for _, settings in ipairs { {}, { zap_domain = "d" }, { zap_enforce_domain = 1 } } do
        local text = refused(function() server(settings):bind "tcp://*:*" end)
        for _, remedy in ipairs { 'allow = "clients/"', 'allow = "any"', "eddy.auth",
            "insecure = true", "--insecure", "EDDY_INSECURE=1" } do
          assert.truthy(text:find(remedy, 1, true))
        end
        assert.is_nil(text:find(secret, 1, true))
      end
      assert.is_string(server():bind "tcp://127.0.0.1:*")
      assert.is_string(server { insecure = true }:bind "tcp://*:*")
    end)

    it("is served where an authenticator answers, for its domain or for all", function()
      local authenticator = eddy.auth.authenticator(own)
      authenticator:configure_curve("d", { public })
      authenticator:start()
      assert.is_string(server { zap_domain = "d" }:bind "tcp://*:*")
      assert.is_string(server():bind "tcp://*:*")
      authenticator:stop()
      refused(function() server { zap_domain = "d" }:bind "tcp://*:*" end)
    end)

    it("is served where a script's socket answers", function()
      own:socket(zmq.REP, { linger = 0, bind = "inproc://zeromq.zap.01" })
      assert.is_string(server():bind "tcp://*:*")
    end)

    it("is served where nobody comes in until somebody answers", function()
      assert.is_string(server { zap_domain = "d", zap_enforce_domain = 1 }:bind "tcp://*:*")
    end)

    it("is served with an allow, which is that socket's alone", function()
      assert.is_string(own:socket(zmq.ROUTER, { bind = "tcp://*:*",
        curve = { secret = secret, allow = "any" } }).last_endpoint)
      refused(function() server():bind "tcp://*:*" end)
    end)

    it("that is a client, which knows its server, is served", function()
      assert.is_string(own:socket(zmq.DEALER, { curve_serverkey = public, curve_publickey = public,
        curve_secretkey = secret }):bind "tcp://*:*")
    end)
  end)

  it("is served to who says that it is insecure", function()
    local server = socket({ insecure = true, bind = "tcp://*:*" })
    assert.is_true(server.insecure)
    server = socket()
    assert.is_false(server.insecure)
    server.insecure = true
    server:bind "tcp://*:*"
    assert.has_error(function() server.insecure = 1 end)
  end)

  it("is refused where the context's default was taken back", function()
    context.insecure = true
    socket():bind "tcp://*:*"
    context.insecure = nil
    refused(function() socket():bind "tcp://*:*" end)
  end)

  it("limits what strangers cost, unless that was set", function()
    local function limits(settings, endpoint)
      local server = socket(settings)
      server:bind(endpoint)
      return { server.handshake_ivl, server.maxmsgsize, server.backlog }
    end
    assert.same({ 30000, -1, 100 }, limits({}, "tcp://127.0.0.1:*"))
    assert.same({ 10000, 2 ^ 24, 128 }, limits({ insecure = true }, "tcp://*:*"))
    assert.same({ 7, -1, 128 }, limits({ insecure = true, handshake_ivl = 7, maxmsgsize = -1 },
      "tcp://*:*"))
  end)

  it("does not refuse a connect", function()
    socket({ linger = 0 }):connect "tcp://10.1.2.3:5555"
  end)

  it("is one rule for every kind of socket", function()
    refused(function() socket():bind_to_random_port "tcp://*" end)
    refused(function() socket():bind_to_random_port("tcp://*", 20000, 30000) end)
    refused(function() socket():with_bind("tcp://*:*", function() end) end)
    refused(function() socket({ bind = { "inproc://a", "tcp://*:*" } }) end)
    refused(function() eddy.stream(socket(), loop):bind "tcp://*:*" end)
    refused(function() log.pub_handler "tcp://*:*" end)
    for _, kind in ipairs { async, green } do
      local own = kind.context()
      refused(function() own:socket(zmq.ROUTER):bind "tcp://*:*" end)
      own:destroy(0)
    end
  end)

  it("is one rule for devices", function()
    local device = devices.proxy(zmq.ROUTER, zmq.DEALER, false)
    device:bind_in "tcp://*:*"
    device:bind_out "inproc://bind-policy-device"
    refused(device.start, device)
    refused(device.bind_in_to_random_port, device, "tcp://*")
    device:setsockopt_in("insecure", true)
    device:start()
    device:stop()
    device:join()
  end)

  it("looks at the address that a descriptor has", function()
    local fd = ffi.C.socket(2, 1, 0) -- at no address: listen gives it 0.0.0.0
    assert.are.equal(0, ffi.C.listen(fd, 1))
    refused(function() socket({ use_fd = fd }):bind "tcp://127.0.0.1:*" end)
  end)

  it("of ipc is refused where others can write", function()
    local folder = support.temp_dir()
    local function endpoint(name) return "ipc://" .. folder .. "/" .. name end
    socket():bind(endpoint "own")
    os.execute("chmod 777 " .. folder)
    local text = refused(function() socket():bind(endpoint "open") end)
    assert.truthy(text:find("allow_uid", 1, true))
    os.execute("chmod 770 " .. folder)
    refused(function() socket():bind(endpoint "group") end)
    os.execute("chmod 1777 " .. folder) -- as /tmp: nobody else can put something in its place,
    local before = ffi.C.umask(18) -- and 022 keeps others from connecting
    socket():bind(endpoint "sticky")
    ffi.C.umask(0)
    refused(function() socket():bind(endpoint "sticky and for all") end)
    ffi.C.umask(before)
    refused(function() socket():bind("ipc://@" .. folder) end)
    socket({ insecure = true }):bind("ipc://@" .. folder)
    os.execute("chmod 700 " .. folder)
    socket():bind(endpoint "again")
    os.execute("rm -r " .. folder)
  end)
end)

describe("a process", function()
  local code = "local z = require 'eddy.zmq'; z.context():socket(z.PULL):bind 'tcp://*:*'"
  local host = process.quote(EDDY_HOST)

  it("is told with --insecure or EDDY_INSECURE=1", function()
    process.check(0, process.eddy("--insecure", "-e", code))
    process.check(0, process.shell("EDDY_INSECURE=1 " .. host .. " -e " .. process.quote(code)))
    for _, value in ipairs { "", "0", "no" } do
      local _, complaint = process.check(1, process.shell(("EDDY_INSECURE=%s %s -e %s")
        :format(value, host, process.quote(code))))
      assert.truthy(complaint:find("EACCES", 1, true))
    end
  end)
end)
