local eddy = require "eddy"
local zmq = require "eddy.zmq"
local support = require "spec.lua.support"
local nats = require "spec.support.nats"
local ports = require "spec.support.ports"
local shared = require "spec.lua.jetstream.support"

if shared.missing then
  describe("links to NATS", function() shared.is_pending "connect" end)
  return
end

describe("links to NATS", function()
  local loop, context
  support.each(function(l, c) loop, context = l, c end)
  local jetstream = require "eddy.jetstream"
  local link
  after_each(function()
    if link and loop._c then link:close() end
    link = nil
  end)

  -- A link, and the list of its events' names.
  local function connect(options)
    options.loop = loop
    link = jetstream.connect(options)
    local events = {}
    link:on_event(function(event) events[#events + 1] = event end)
    return link, events
  end

  local function wait_for(events, name)
    local found
    support.wait(loop, function()
      for _, event in ipairs(events) do
        if event.name == name then found = event end
      end
      return found
    end)
    return found
  end

  describe("with a server", function()
    local server
    before_each(function() server = nats.start "authorization { user: u, password: right }" end)
    after_each(function() server:remove() end)

    local function url(password) return "nats://u:" .. password .. "@127.0.0.1:" .. server.port end

    it("tell that they are connected, and to whom, without the password", function()
      local _, events = connect { url "right", name = "billing" }
      assert.equal("nats://127.0.0.1:" .. server.port, wait_for(events, "CONNECTED").server)
      assert.is_true(link:connected())
      assert.equal(2 ^ 20, link:max_payload())
      assert.equal('link "billing"', tostring(link))
    end)

    it("take user and password as options, too", function()
      local _, events = connect { server.url, user = "u", password = "right" }
      wait_for(events, "CONNECTED")
    end)

    it("are closed when the password is wrong, and say so without it", function()
      local _, events = connect { url "verywrong" }
      local event = wait_for(events, "CLOSED")
      assert.equal("EACCES", event.problem.name)
      assert.matches("does not let it in", event.problem.message)
      assert.is_nil(event.problem.message:find("verywrong", 1, true))
      assert.is_true(link:closed())
      assert.error_matches(function() link:stream { stream = "A" } end, "does not let it in")
    end)

    it("tell that a server was lost, and is back", function()
      local _, events = connect { url "right", reconnect_wait = 20 }
      wait_for(events, "CONNECTED")
      server:kill()
      wait_for(events, "LOST")
      assert.is_false(link:connected())
      server:start()
      wait_for(events, "BACK")
      assert.equal(1, link:stats().reconnects)
    end)

    it("close, and are closed then", function()
      local _, events = connect { url "right" }
      assert.equal(0, link:close())
      wait_for(events, "CLOSED")
      assert.is_true(link:closed())
      assert.equal(0, link:close())
    end)

    it("are closed with their loop", function()
      connect { url "right" }
      loop:close()
      assert.is_true(link:closed())
    end)
  end)

  it("use TLS, and look whose certificate it is", function()
    if not os.execute "command -v openssl >/dev/null" then return pending "needs openssl" end
    local folder = support.temp_dir()
    local code = os.execute(("openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=me " ..
      "-addext subjectAltName=IP:127.0.0.1 -keyout %s/key -out %s/cert 2>/dev/null"):format(folder,
      folder))
    assert.is_true(code == 0 or code == true)
    local server = nats.start(('tls { cert_file: "%s/cert", key_file: "%s/key" }'):format(folder,
      folder))
    finally(function()
      server:remove()
      os.execute("rm -r " .. folder)
    end)
    local _, events = connect { server.url, tls = { ca = folder .. "/cert" }, reconnect_wait = 20 }
    wait_for(events, "CONNECTED")
    local got = {}
    link:subscribe("a"):on_recv(function(msg) got[#got + 1] = #msg[2] end)
    for _ = 1, 20 do link:publish("a", ("x"):rep(100000)) end
    support.wait(loop, function() return #got == 20 end)
    server:kill()
    wait_for(events, "LOST")
    link:publish("a", "x")
    server:start()
    wait_for(events, "BACK")
    support.wait(loop, function() return got[21] == 1 end)
    link:close()
    _, events = connect { server.url, tls = true } -- nobody has vouched for it
    assert.matches("certificate", wait_for(events, "CLOSED").problem.message)
    _, events = connect { server.url, tls = { insecure = true } }
    wait_for(events, "CONNECTED")
  end)

  it("wait for a server that is not there yet", function()
    local port = ports.free(1)
    local _, events = connect { "nats://127.0.0.1:" .. port, reconnect_wait = 20 }
    assert.matches("No server available", wait_for(events, "WAITING").problem)
    assert.is_false(link:connected())
  end)

  it("name what is no NATS server", function()
    local socket = context:socket(zmq.STREAM)
    local port = socket:bind_to_random_port "tcp://127.0.0.1"
    local stream = eddy.stream(socket, loop)
    stream:on_recv(function(msg)
      stream:send_multipart { msg[1], "SSH-2.0-OpenSSH\r\n" }
    end)
    local _, events = connect { "nats://127.0.0.1:" .. port }
    local event = wait_for(events, "CLOSED")
    assert.equal("EPROTO", event.problem.name)
    assert.matches("no NATS server", event.problem.message)
    stream:close(0)
    support.take_log() -- when the other side had gone before it got all
  end)

  it("say what is wrong with their options", function()
    local function fails(options, text)
      assert.error_matches(function() jetstream.connect(options) end, text)
    end
    fails({}, "connect: expected the address of a server")
    fails(5, "expected a server's address or a table, got number")
    fails({ 5 }, "connect: address 1: expected a text, got number 5")
    fails({ "nats://a", usr = "x" }, "no such option: 'usr' %(did you mean user")
    fails({ "nats://a", password = "x" }, "name the user")
    fails({ "nats://a", user = "x" }, "connect: password: expected a text, got nil")
    fails({ "nats://a", timeout = "x" }, "connect: timeout: expected a number of milliseconds")
    fails({ "nats://a", nkey = "x" }, "connect: nkey: expected")
    fails({ "nats://a", tls = { cert = "x" } }, "cert and key go together")
    fails({ "nats://a", tls = { ca = "/no/such/file" } }, "connect: tls: ca: ")
    fails({ "nats://a", loop = 5 }, "expected a loop, got number")
  end)
end)
