-- What PyZMQ's authenticators do (A1 to A14 of its behaviours), and what they should.
local eddy = require "eddy"
local auth = require "eddy.auth"
local process = require "spec.support.process"
local support = require "spec.lua.support"
local zmq = require "eddy.zmq"

local HANDLER = "inproc://zeromq.zap.01"

local loop, context, authenticator, folder
support.each(function(...) loop, context = ... end)

describe("an authenticator", function()
  before_each(function()
    folder = support.temp_dir()
    authenticator = auth.authenticator(context)
  end)
  after_each(function()
    authenticator:stop()
    process.shell("rm -rf " .. folder)
  end)

  -- Asks the handler as libzmq does: its status, its reason, the user, and the fields.
  local function ask_raw(...)
    local asker = context:socket(zmq.REQ, { linger = 0, rcvtimeo = 5000, connect = HANDLER })
    asker:send_multipart { ... }
    local reply = assert(asker:recv_multipart())
    asker:close()
    assert.equal("1.0", reply[1])
    return reply[3], reply[4], reply[5], reply[6], reply[2]
  end

  local function ask(domain, mechanism, ...)
    return ask_raw("1.0", "1", domain, "127.0.0.1", "", mechanism, ...)
  end

  local function ask_from(address) return ask_raw("1.0", "1", "d", address, "", "NULL") end

  local function ask_key(domain, key) return ask(domain, "CURVE", zmq.z85_decode(key)) end

  local function make(name)
    return (auth.load_certificate((auth.create_certificates(folder, name))))
  end

  -- What a handshake of these two comes to, and the socket that is bound.
  local function shake(server, client)
    local bound = context:socket(zmq.PULL, server)
    bound:bind "tcp://127.0.0.1:*"
    local peer = context:socket(zmq.PUSH, client)
    local pair = peer:get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED +
      zmq.EVENT_HANDSHAKE_FAILED_AUTH)
    pair.rcvtimeo = 10000
    peer:connect(bound.last_endpoint)
    local event = assert(zmq.recv_monitor_message(pair))
    if event.name == "HANDSHAKE_SUCCEEDED" then
      peer:send "hello"
      return event.name, bound:recv(0, false)["User-Id"]
    end
    return event.name, event.value
  end

  it("answers from start to stop, once for a context, and may start again (A1, A10)", function()
    assert.is_false(authenticator:is_alive())
    authenticator:start()
    authenticator:start()
    assert.is_true(authenticator:is_alive())
    assert.equal("authenticator (running)", tostring(authenticator))
    local other = auth.authenticator(zmq.context()) -- shares the libzmq context
    assert.error_matches(function() other:start() end, "EADDRINUSE")
    assert.is_false(other:is_alive())
    assert.equal("200", (ask("d", "NULL")))
    authenticator:stop()
    authenticator:stop()
    assert.is_false(authenticator:is_alive())
    assert.equal("400", (ask("d", "NULL")))
    other:start()
    assert.equal("200", (ask("d", "NULL")))
    other:stop()
    authenticator:start()
    assert.equal("200", (ask("d", "NULL")))
  end)

  it("may run in each context that has threads of its own", function()
    authenticator:start()
    local own = zmq.context { io_threads = 1 }
    local other = auth.authenticator(own)
    other:start()
    other:deny "127.0.0.1"
    assert.equal("200", (ask_from "127.0.0.1"))
    own:destroy(0)
    assert.is_false(other:is_alive())
    other:stop()
  end)

  it("raises where a script answers itself (A1)", function()
    local own = zmq.context { io_threads = 1 }
    own:socket(zmq.REP, { linger = 0, bind = HANDLER })
    local ok, err = pcall(function() auth.authenticator(own):start() end)
    own:destroy(0)
    assert.is_false(ok)
    assert.equal("EADDRINUSE", err.name)
  end)

  it("goes on when nobody holds it any more", function()
    local key = make "joe"
    local own = zmq.context { io_threads = 1 }
    do
      local forgotten = auth.authenticator(own)
      forgotten:configure_curve("d", { key })
      forgotten:start()
    end
    collectgarbage()
    collectgarbage()
    local asker = own:socket(zmq.REQ, { linger = 0, rcvtimeo = 5000, connect = HANDLER })
    asker:send_multipart { "1.0", "1", "d", "127.0.0.1", "", "CURVE", zmq.z85_decode(key) }
    assert.equal("200", assert(asker:recv_multipart())[3])
    own:destroy(0)
  end)

  it("lets in of NULL everybody, of PLAIN and CURVE nobody, until it is told (A2)", function()
    authenticator:start()
    assert.equal("HANDSHAKE_SUCCEEDED", (shake({ zap_domain = "d" }, {})))
    local plain_server = { plain_server = 1, zap_domain = "d" }
    local plain_client = { plain_username = "joe", plain_password = "x" }
    assert.same({ "HANDSHAKE_FAILED_AUTH", 400 }, { shake(plain_server, plain_client) })
    local public, secret = zmq.curve_keypair()
    local own, own_secret = zmq.curve_keypair()
    local server = { curve_server = 1, curve_secretkey = secret, zap_domain = "d" }
    local client = { curve_serverkey = public, curve_publickey = own, curve_secretkey = own_secret }
    assert.same({ "HANDSHAKE_FAILED_AUTH", 400 }, { shake(server, client) })
    authenticator:configure_curve("d", { own })
    assert.same({ "HANDSHAKE_SUCCEEDED", own }, { shake(server, client) })
    authenticator:configure_plain("*", { joe = "x" })
    assert.same({ "HANDSHAKE_SUCCEEDED", "joe" }, { shake(plain_server, plain_client) })
  end)

  it("is not asked about NULL without a domain (A2)", function()
    authenticator:deny "127.0.0.1"
    authenticator:start()
    assert.equal("HANDSHAKE_SUCCEEDED", (shake({}, {})))
    assert.equal("HANDSHAKE_FAILED_AUTH", (shake({ zap_domain = "d" }, {})))
  end)

  it("allows addresses, and no others (A3)", function()
    authenticator:start()
    authenticator:allow("10.0.0.1", "192.168.0.0/16")
    authenticator:allow "127.0.0.1"
    for _, address in ipairs { "10.0.0.1", "192.168.7.7", "127.0.0.1" } do
      assert.equal("200", (ask_from(address)))
    end
    local status, reason = ask_from "10.0.0.2"
    assert.same({ "400", "Address not allowed" }, { status, reason })
    -- Who may come from there must still show who it is.
    assert.equal("400", (ask("d", "PLAIN", "joe", "x")))
    authenticator:configure_plain("d", { joe = "x" })
    assert.equal("200", (ask("d", "PLAIN", "joe", "x")))
    assert.error_matches(function() authenticator:deny "10.0.0.9" end, "not both")
  end)

  it("denies addresses, before it looks at anything else (A3)", function()
    authenticator:configure_plain("*", { joe = "x" })
    authenticator:deny("10.0.0.1", "127.0.0.1")
    authenticator:start()
    local status, reason = ask("d", "PLAIN", "joe", "x")
    assert.same({ "400", "Address denied" }, { status, reason })
    assert.equal("200", (ask_from "10.0.0.2"))
  end)

  it("refuses what is no address, and then changes nothing", function()
    authenticator:start()
    for _, address in ipairs { "localhost", "", "10.0.0.0/99", 7, "10.0.0.0/" } do
      assert.has_error(function() authenticator:allow("10.0.0.1", address) end)
      assert.equal("200", (ask_from "10.0.0.2"))
    end
    assert.has_error(function() authenticator:deny(nil) end)
    authenticator:deny "10.0.0.2"
    assert.equal("400", (ask_from "10.0.0.2"))
  end)

  it("knows passwords by domain, and says what is wrong (A4)", function()
    authenticator:start()
    local function refusal(...)
      local status, reason, user = ask(...)
      assert.same({ "400", "" }, { status, user })
      return reason
    end
    assert.equal("No passwords defined", refusal("d", "PLAIN", "joe", "x"))
    authenticator:configure_plain("d", { joe = "x", empty = "" })
    authenticator:configure_plain(nil, { ann = "y" })
    assert.equal("200", (ask("d", "PLAIN", "joe", "x")))
    assert.equal("Invalid password", refusal("d", "PLAIN", "joe", "xx"))
    assert.equal("Invalid password", refusal("d", "PLAIN", "joe", ""))
    assert.equal("Invalid password", refusal("d", "PLAIN", "empty", "x"))
    assert.equal("Invalid username", refusal("d", "PLAIN", "ann", "y"))
    -- "*" is every domain that has none of its own, not the empty one alone.
    assert.equal("200", (ask("other", "PLAIN", "ann", "y")))
    assert.equal("200", (ask("", "PLAIN", "ann", "y")))
    assert.equal("Invalid username", refusal("other", "PLAIN", "joe", "x"))
    -- What is set again replaces what was.
    authenticator:configure_plain("d", { joe = "z" })
    assert.equal("Invalid password", refusal("d", "PLAIN", "joe", "x"))
    assert.equal("200", (ask("d", "PLAIN", "joe", "z")))
  end)

  it("holds for a mechanism what its domain says of it, and else what is said of all", function()
    local key = make "joe"
    authenticator:configure_plain("*", { joe = "x" })
    authenticator:configure_curve("d", { key })
    authenticator:start()
    assert.equal("200", (ask("d", "PLAIN", "joe", "x")))
    assert.equal("200", (ask_key("d", key)))
    assert.equal("400", (ask_key("other", key)))
  end)

  it("knows the keys of a folder, and sees when it changes (A5)", function()
    local joe = make "joe"
    authenticator:configure_curve("d", folder)
    authenticator:start()
    assert.equal("200", (ask_key("d", joe)))
    assert.equal("400", (ask_key("other", joe)))
    local ann = make "ann"
    assert.equal("200", (ask_key("d", ann)))
    assert(os.remove(folder .. "/joe.key"))
    assert.equal("400", (ask_key("d", joe)))
    assert.equal("200", (ask_key("d", ann)))
  end)

  it("takes no metadata for a key (A5)", function()
    local joe, eve = zmq.curve_keypair(), zmq.curve_keypair()
    local file = assert(io.open(folder .. "/joe.key", "w"))
    file:write(('metadata\n    public-key = "%s"\ncurve\n    public-key = "%s"\n'):format(eve, joe))
    file:close()
    authenticator:configure_curve("d", folder)
    authenticator:start()
    assert.equal("200", (ask_key("d", joe)))
    assert.equal("400", (ask_key("d", eve)))
    assert.equal("joe", auth.load_certificates(folder)[joe].name)
  end)

  it("raises for a folder that is none, and goes on with what it knew (A5)", function()
    local joe = make "joe"
    authenticator:configure_curve("*", folder)
    authenticator:start()
    for _, location in ipairs { folder .. "/none", folder .. "/joe.key", "", 7, { "no key" } } do
      assert.has_error(function() authenticator:configure_curve("*", location) end)
      assert.equal("200", (ask_key("d", joe)))
      authenticator:configure_plain("d", {}) -- makes all tables anew
      assert.equal("200", (ask_key("d", joe)))
    end
  end)

  it("may let every key of a domain in, and no other domain's (A5)", function()
    local joe = make "joe"
    authenticator:configure_curve("open", auth.CURVE_ALLOW_ANY)
    authenticator:configure_curve("closed", { ann = (zmq.curve_keypair()) })
    authenticator:start()
    assert.equal("200", (ask_key("open", joe)))
    assert.equal("400", (ask_key("closed", joe)))
    assert.equal("400", (ask_key("other", joe)))
  end)

  -- Asks about a key while a loop runs, which answers.
  local function ask_on_loop(domain, key)
    local asker = context:socket(zmq.REQ, { linger = 0, connect = HANDLER })
    asker:send_multipart { "1.0", "1", domain, "127.0.0.1", "", "CURVE", zmq.z85_decode(key) }
    local reply
    support.wait(loop, function()
      reply = reply or asker:recv_multipart(zmq.DONTWAIT)
      return reply
    end)
    asker:close()
    return reply[3], reply[5], reply[6]
  end

  it("asks a function, or an object's method, which may wait (A6)", function()
    loop:make_current()
    local joe, ann, asked = make "joe", make "ann", {}
    authenticator:start()
    authenticator:configure_curve_callback("d", function(domain, key)
      asked[#asked + 1] = domain .. " " .. key
      support.suspend(loop, 5)
      return key == joe
    end)
    assert.equal("200", (ask_on_loop("d", joe)))
    assert.equal("400", (ask_on_loop("d", ann)))
    assert.same({ "d " .. joe, "d " .. ann }, asked)
    authenticator:configure_curve_callback("d", {
      secret = "s",
      callback = function(self, _, key)
        return self.secret == "s" and key == ann and { user = "Ann", role = "admin" }
      end,
    })
    assert.equal("400", (ask_on_loop("d", joe)))
    local status, user, fields = ask_on_loop("d", ann)
    assert.same({ "200", "Ann" }, { status, user })
    assert.matches("admin", fields, 1, true)
    eddy.loop.clear_current()
  end)

  it("asks only about keys that no folder has, of the same domain (A6)", function()
    loop:make_current()
    local joe, eve, asked = make "joe", (zmq.curve_keypair()), 0
    authenticator:configure_curve("d", folder)
    authenticator:configure_curve_callback("d", function()
      asked = asked + 1
      return true
    end)
    authenticator:start()
    assert.equal("200", (ask_key("d", joe))) -- no loop runs
    assert.equal("400", (ask_key("other", eve)))
    assert.equal(0, asked)
    assert.equal("200", (ask_on_loop("d", eve)))
    assert.equal(1, asked)
    eddy.loop.clear_current()
  end)

  it("refuses whom a function failed at, and logs why (A6)", function()
    loop:make_current()
    authenticator:start()
    authenticator:configure_curve_callback("d", function() error "the database is gone" end)
    assert.equal("500", (ask_on_loop("d", make "joe")))
    support.wait(loop, function() return true end)
    assert.matches("the database is gone", support.take_log())
    for _, provider in ipairs { 7, {}, "text" } do
      assert.has_error(function() authenticator:configure_curve_callback("d", provider) end)
    end
    eddy.loop.clear_current()
  end)

  it("says who came: the user, the key, anonymous; of the refused nothing (A7)", function()
    local key = make "joe"
    authenticator:configure_plain("d", { joe = "x" })
    authenticator:configure_curve("d", folder)
    authenticator:start()
    assert.equal("joe", (select(3, ask("d", "PLAIN", "joe", "x"))))
    assert.equal(key, (select(3, ask_key("d", key))))
    assert.equal("anonymous", (select(3, ask("d", "NULL"))))
    assert.equal("", (select(3, ask("d", "PLAIN", "joe", "y"))))
    assert.is_nil((select(4, ask("d", "PLAIN", "joe", "y"))):find("joe", 1, true))
    authenticator:configure_curve("d", { Joe = key })
    assert.equal("Joe", (select(3, ask_key("d", key))))
  end)

  it("answers requests that make no sense, and goes on (A8)", function()
    authenticator:configure_plain("d", { joe = "x" })
    authenticator:start()
    local senseless = {
      { "" }, { "1.0" }, { "1.0", "7" }, { "1.0", "7", "d", "127.0.0.1", "" },
      { "2.0", "7", "d", "127.0.0.1", "", "NULL" }, { "1.0", "7", "d", "127.0.0.1", "", "MAGIC" },
      { "1.0", "7", "d", "127.0.0.1", "", "PLAIN", "joe" },
      { "1.0", "7", "d", "127.0.0.1", "", "PLAIN", "joe", "x", "more" },
      { "1.0", "7", "d", "127.0.0.1", "", "CURVE", "short" },
      { "1.0", "7", "d", "127.0.0.1", "", "NULL", "more" },
    }
    for _, request in ipairs(senseless) do
      local status, _, user, _, id = ask_raw(unpack(request))
      assert.message(table.concat(request, "|")).matches("^[45]00$", status)
      assert.same({ "", #request > 1 and "7" or "" }, { user, id })
      assert.equal("200", (ask("d", "PLAIN", "joe", "x")))
    end
  end)

  it("takes GSSAPI's principal for the user (A9)", function()
    authenticator:configure_gssapi()
    authenticator:start()
    local status, _, user = ask("d", "GSSAPI", "joe@EXAMPLE.ORG")
    assert.same({ "200", "joe@EXAMPLE.ORG" }, { status, user })
  end)

  it("answers while the script is busy, and ends with the process (A10, A11)", function()
    local out, err = process.check(0, process.eddy("-e", [[
      local zmq = require "eddy.zmq"
      local auth = require("eddy").auth.authenticator()
      auth:configure_plain("d", { joe = "x" })
      auth:start()
      local server = zmq.instance():socket(zmq.PULL, { plain_server = 1, zap_domain = "d",
        bind = "tcp://127.0.0.1:*" })
      local client = zmq.instance():socket(zmq.PUSH, { plain_username = "joe",
        plain_password = "x", connect = server.last_endpoint })
      client:send "hello"
      print(server:recv()) -- blocks, and no loop runs
    ]]))
    assert.same({ "hello\n", "" }, { out, err })
  end)

  it("shows no password and no key: not in its text, its fields, nor errors (A14)", function()
    local secret = "the-secret-of-joe"
    authenticator:configure_plain("d", { joe = secret })
    authenticator:start()
    ask("d", "PLAIN", "joe", secret)
    ask("d", "PLAIN", "joe", secret .. "x")
    local texts = { tostring(authenticator) }
    for name, value in pairs(authenticator) do
      texts[#texts + 1] = tostring(name) .. tostring(value)
    end
    for _, call in ipairs {
        function() authenticator:configure_plain("d", { joe = secret, [7] = secret }) end,
        function() authenticator:configure_plain(secret:rep(20), {}) end,
        function() authenticator:configure_plain("d", { joe = secret:rep(20) }) end } do
      local ok, err = xpcall(call, function(err) return debug.traceback(tostring(err)) end)
      assert.is_false(ok)
      texts[#texts + 1] = err
    end
    assert.is_nil(table.concat(texts, "\n"):find(secret, 1, true))
  end)

  it("refuses what is wrong at the call", function()
    for _, call in ipairs {
        function() auth.authenticator(7) end, function() auth.authenticator {} end,
        function() authenticator.start() end, function() authenticator.allow({}, "10.0.0.1") end,
        function() authenticator:configure_plain(7, {}) end,
        function() authenticator:configure_plain("d") end,
        function() authenticator:configure_plain("d\0", {}) end,
        function() authenticator:configure_plain("d", { joe = 7 }) end } do
      local ok, err = pcall(call)
      assert.is_false(ok)
      assert.matches("authenticator_spec.lua:", err)
    end
  end)
end)
