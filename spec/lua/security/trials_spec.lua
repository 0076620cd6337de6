-- What libzmq 4.3.4 does with a peer, by the server's options and what a handler answers.
local eddy = require "eddy"
local zmq = require "eddy.zmq"
local support = require "spec.lua.support"

local server_public, server_secret = zmq.curve_keypair()
local public, secret = zmq.curve_keypair()

local EVENTS = zmq.EVENT_HANDSHAKE_SUCCEEDED + zmq.EVENT_HANDSHAKE_FAILED_AUTH +
  zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL + zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL +
  zmq.EVENT_CONNECT_RETRIED
local IVL = 300 -- ms that a handshake may take

describe("libzmq", function()
  local loop, context
  before_each(function()
    loop = support.open()
    context = zmq.context { io_threads = 1 } -- with a handler of its own
  end)
  after_each(function()
    loop:close()
    context:destroy(0)
    support.take_log()
    support.close()
  end)

  local function events_of(socket, list)
    eddy.stream(socket:get_monitor_socket(EVENTS), loop):on_recv(function(msg)
      local event = zmq.parse_monitor_message(msg)
      list[#list + 1] = event.name:gsub("HANDSHAKE_", "") ..
        (event.name:find "FAILED" and "=" .. event.value or "")
    end)
  end

  local asked, replied_metadata

  -- Answers with a status, as a script's handler would.
  local function answer(status)
    local socket = context:socket(zmq.ROUTER, { bind = "inproc://zeromq.zap.01" })
    local router = eddy.stream(socket, loop)
    asked, replied_metadata = 0, "\6X-role\0\0\0\5admin"
    router:on_recv(function(msg)
      asked = asked + 1
      if status == "silent" then return end
      router:send_multipart { msg[1], "", "1.0", msg[4], status, "",
        status == "200" and "joe" or "", status == "200" and replied_metadata or "" }
    end)
  end

  -- What the server and the client hear of, once `done(server's, client's)`.
  local function try(server_options, client_options, done, endpoint)
    server_options.linger, client_options.linger = 0, 0
    server_options.handshake_ivl, client_options.reconnect_ivl = IVL, 20
    local server = context:socket(zmq.PULL, server_options)
    local client = context:socket(zmq.PUSH, client_options)
    local at_server, at_client, got = {}, {}, nil
    events_of(server, at_server)
    events_of(client, at_client)
    server:bind(endpoint or "tcp://127.0.0.1:*")
    client:connect(server.last_endpoint)
    local stream = eddy.stream(server, loop)
    stream:on_recv(function(msg) got = msg[1] end, false)
    local from = eddy.stream(client, loop)
    from:supervise(false)
    from:send "through"
    support.wait(loop, function() return done(got, at_server, at_client) end)
    return got, at_server, at_client
  end

  local function curve_server(settings)
    local options = { curve_server = true, curve_secretkey = server_secret }
    for name, value in pairs(settings or {}) do options[name] = value end
    return options
  end

  local function curve_client(server_key)
    return { curve_serverkey = server_key or server_public, curve_publickey = public,
      curve_secretkey = secret }
  end

  local function comes_through(got) return got end
  local function has(list, text)
    for _, each in ipairs(list) do
      if each == text then return true end
    end
  end

  for name, settings in pairs { ["no domain"] = {}, ["a domain that is not enforced"] = {
      zap_domain = "x" }, ["an enforced domain that is empty"] = { zap_enforce_domain = true } } do
    it("lets everybody in with CURVE and " .. name .. ", without a handler", function()
      local got, at_server, at_client = try(curve_server(settings), curve_client(),
        function(got, server, client) return got and server[1] and client[1] end)
      assert.equal("through", got.bytes)
      assert.same({ "SUCCEEDED" }, at_server)
      assert.same({ "SUCCEEDED" }, at_client)
    end)
  end

  local enforced = { zap_domain = "x", zap_enforce_domain = true }

  it("lets nobody in with an enforced domain and no handler, and tries again", function()
    local got, at_server, at_client = try(curve_server(enforced), curve_client(),
      function(_, server, client) return has(server, "FAILED_NO_DETAIL=14") and
        has(client, "FAILED_NO_DETAIL=32") and has(client, "CONNECT_RETRIED") end)
    assert.is_nil(got)
    assert.is_nil(has(at_server, "SUCCEEDED") or has(at_client, "SUCCEEDED"))
  end)

  it("tells the user and the handler's metadata with each message after a 200", function()
    answer "200"
    local got = try(curve_server(enforced), curve_client(), comes_through)
    assert.equal("joe", got:get "User-Id")
    assert.equal("admin", got:get "X-role")
  end)

  for _, status in ipairs { "400", "500" } do
    it("refuses for good after a " .. status, function()
      answer(status)
      local text = "FAILED_AUTH=" .. status
      local got, _, at_client = try(curve_server(enforced), curve_client(),
        function(_, server, client) return has(server, text) and has(client, text) end)
      support.turns(loop, 20)
      assert.is_nil(got)
      assert.is_nil(has(at_client, "CONNECT_RETRIED"))
      assert.equal(1, asked)
    end)
  end

  it("holds the connection until HANDSHAKE_IVL after a 300, then lets it come again", function()
    answer "300"
    try(curve_server(enforced), curve_client(), function(_, server, client)
      return has(server, "FAILED_AUTH=300") and has(client, "FAILED_NO_DETAIL=32") and asked > 1
    end)
  end)

  it("tries again after an answer that is none", function()
    answer "999"
    try(curve_server(enforced), curve_client(), function(_, server, client)
      return has(server, "FAILED_PROTOCOL=" .. 0x20000004) and has(client, "CONNECT_RETRIED")
    end)
  end)

  it("gives a silent handler until HANDSHAKE_IVL", function()
    answer "silent"
    try(curve_server(enforced), curve_client(), function(_, server, client)
      return has(server, "FAILED_NO_DETAIL=11") and has(client, "CONNECT_RETRIED")
    end)
  end)

  it("does not ask about a client with another key of the server", function()
    answer "200"
    try(curve_server(enforced), curve_client(public), function(_, server, client)
      return has(server, "FAILED_PROTOCOL=" .. 0x11000001) and has(client, "CONNECT_RETRIED")
    end)
    assert.equal(0, asked)
  end)

  it("does not ask about a client without keys, which does not come again", function()
    answer "200"
    local text = "FAILED_PROTOCOL=" .. 0x11000002
    local _, _, at_client = try(curve_server(enforced), {}, function(_, server, client)
      return has(server, text) and has(client, text)
    end)
    support.turns(loop, 20)
    assert.equal(0, asked)
    assert.is_nil(has(at_client, "CONNECT_RETRIED"))
  end)

  it("tells user, group and process of a peer over ipc, with NULL and a domain", function()
    answer "200"
    local got = try({ zap_domain = "x" }, {}, comes_through, "ipc://*")
    assert.matches("^localhost:%d+:%d+:%d+$", got:get "Peer-Address")
    assert.equal("joe", got:get "User-Id")
  end)

  it("asks nobody with NULL and no domain", function()
    answer "400"
    try({}, {}, comes_through)
    assert.equal(0, asked)
  end)
end)
