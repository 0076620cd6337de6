-- No secret is in anything that a process writes: its log, its errors and tracebacks, its objects'
-- texts, its standard error, whatever is done wrong with it.
local process = require "spec.support.process"
local zmq = require "eddy.zmq"

local SCRIPT = [[
  local eddy, zmq, log = require "eddy", require "eddy.zmq", require "eddy.log"
  local server_public, server_secret, public, secret, password, folder = unpack(arg)
  local loop, context = eddy.loop.instance(), zmq.instance()
  local other_public, other_secret = zmq.curve_keypair()

  local function show(value)
    print(tostring(value))
    if type(value) ~= "table" and type(value) ~= "cdata" then return end
    for _, name in ipairs { "curve", "message", "code" } do
      local ok, field = pcall(function() return value[name] end)
      print(ok, tostring(field))
    end
  end
  local function fails(fn, ...)
    local function explain(err) return { err, debug.traceback(tostring(err)) } end
    local ok, err = xpcall(fn, explain, ...)
    if ok then return end
    show(err[1])
    print(err[2])
  end
  local function socket(kind, settings) return context:socket(zmq[kind], settings) end

  -- Wrong in every way.
  local wrong = secret:sub(1, 39) .. "~"
  for _, bad in ipairs { wrong, secret .. "x", secret:sub(2), "  " .. secret, secret .. "\n",
      folder .. "/" .. secret, { secret }, { [secret] = secret } } do
    fails(socket, "PULL", { curve = { secret = bad, allow = "any" } })
    fails(socket, "PULL", { curve = { secret = secret, allow = bad } })
    fails(socket, "PULL", { curve = { secret = secret, allow = { bad } } })
    fails(socket, "PUSH", { curve = { secret = secret, server = bad } })
    fails(socket, "PULL", { curve_secretkey = bad })
    fails(socket, "PULL", { plain_password = { password } })
    fails(eddy.auth.load_certificate, bad)
    fails(eddy.auth.load_certificates, bad)
    fails(function() eddy.auth.authenticator():configure_curve("d", bad) end)
    fails(zmq.curve_public, bad)
    fails(function() socket("PULL", { curve = { secret = secret, allow = "any" } }):revoke(bad) end)
  end
  fails(socket, "PULL", { curve = { secret = secret, allow = "any", [secret] = true } })
  fails(socket, "PULL", { curve = secret })
  fails(socket, "PULL", { curve = { secret = secret, allow = "any" }, nonsense = 1 })
  fails(socket, "PULL", { curve_server = true, curve_secretkey = secret, bind = "tcp://*:*" })
  fails(socket, "PULL", { plain_server = true, plain_password = password, bind = "tcp://*:*" })

  -- Files that are refused.
  local path = folder .. "/joe.key_secret"
  local file = io.open(path, "w")
  file:write('curve\n  public-key = "' .. public .. '"\n  secret-key = "' .. secret .. '"\n')
  file:close()
  os.execute("chmod 644 " .. path)
  fails(socket, "PULL", { curve = { secret = path, allow = "any" } })
  file = io.open(path, "w")
  file:write('curve\n  public-key = "' .. other_public .. '"\n  secret-key = "' .. secret .. '"\n')
  file:close()
  os.execute("chmod 600 " .. path)
  fails(socket, "PULL", { curve = { secret = path, allow = "any" } })

  -- At work: handlers that raise, peers that are refused, passwords that are wrong.
  local auth = eddy.auth.authenticator()
  auth:configure_plain("*", { joe = password })
  auth:configure_curve_callback("d", function() error "the callback fails" end)
  auth:start()
  show(auth)
  local logger = log.logger("secrets", { handlers = { log.stderr_handler() } })
  local server = eddy.stream(socket("PULL", { bind = "tcp://127.0.0.1:*",
    curve = { secret = server_secret, allow = { joe = public } } }))
  local got = 0
  server:on_recv(function(msg)
    got = got + 1
    show(server.socket)
    show(server)
    show(server:peer())
    for name, value in pairs(server:peer()) do print(name, value) end
    logger:error("from %s: %s", tostring(server.socket), tostring(server:peer().user))
    error("the handler fails")
  end)
  local function client(settings)
    settings.linger, settings.connect = 0, settings.connect or server.socket.last_endpoint
    local stream = eddy.stream(socket("PUSH", settings))
    show(stream.socket)
    stream:send "hello"
    return stream
  end
  client { curve = { secret = secret, server = server_public } }
  client { curve = { secret = other_secret, server = server_public } }
  client { curve = { secret = secret, server = other_public } }
  local plain = eddy.stream(socket("PULL", { plain_server = true, bind = "tcp://127.0.0.1:*" }))
  plain:on_recv(function() got = got + 1 end)
  client { plain_username = "joe", plain_password = password,
    connect = plain.socket.last_endpoint }
  client { plain_username = "joe", plain_password = password .. "x",
    connect = plain.socket.last_endpoint }
  local asking = eddy.stream(socket("PULL", { curve_server = true, curve_secretkey = server_secret,
    zap_domain = "d", bind = "tcp://127.0.0.1:*" }))
  asking:on_recv(function() end)
  client { curve = { secret = secret, server = server_public },
    connect = asking.socket.last_endpoint }
  local bell
  bell = loop:call_every(5, function()
    local stats = context:auth_stats()
    if got >= 2 and stats.refused >= 2 and stats.malformed >= 1 then bell:cancel() loop:stop() end
  end)
  loop:start()
  server.socket:revoke(public, { cut = true })
  show(context)
  eddy.spawn(function() error "a task fails" end)
  loop:call_later(20, function() error("the last error of the script, beside its keys") end)
  loop:call_later(40, function() loop:stop() end)
  loop:start()
]]

describe("a secret", function()
  local script, remove_scripts = process.scripts()
  after_each(remove_scripts)

  for _, how in ipairs { "", "EDDY_TRACEBACK=full" } do
    it("is in nothing that a process writes " .. how, function()
      local server_public, server_secret = zmq.curve_keypair()
      local public, secret = zmq.curve_keypair()
      local password = "correct horse battery"
      local words = { server_public, server_secret, public, secret, password }
      for i, word in ipairs(words) do words[i] = process.quote(word) end
      local code, out, err = process.shell(([[dir=$(mktemp -d)
        %s %s --drain 0 %s %s $dir; code=$?; rm -r $dir; exit $code]]):format(how,
        process.quote(EDDY_HOST), script(SCRIPT), table.concat(words, " ")))
      local text = out .. err
      assert.equal(1, code, text)
      for _, part in ipairs { "the handler fails", "the callback fails", "the last error",
          "a task fails", "was refused", "EACCES", "chmod 600", "server", "from PULL" } do
        assert.truthy(text:lower():find(part:lower(), 1, true), part .. " is not in " .. text)
      end
      for _, each in ipairs { secret, server_secret, password } do
        for at = 1, #each - 11 do -- nor is a piece of it
          assert.is_nil(text:find(each:sub(at, at + 11), 1, true),
            "characters from " .. at .. " of a secret are in " .. text)
        end
      end
      assert.truthy(text:find(public, 1, true)) -- what is public is looked for as they are
    end)
  end
end)
