-- As plain_calls, of who may come in.
local auth = require "eddy.auth"
local support = require "spec.lua.support"
local zmq = require "eddy.zmq"

local calls = {}

local server_public, server_secret = zmq.curve_keypair()
local public, secret = zmq.curve_keypair()

local function failure(...) return tostring(select(2, pcall(...))) end

-- What comes through to a server of that kind.
local function greet(context, settings)
  settings.linger, settings.rcvtimeo, settings.bind = 0, 5000, "tcp://127.0.0.1:*"
  local to = context:socket(zmq.PULL, settings)
  local from = context:socket(zmq.PUSH, { linger = 0, sndtimeo = 5000, connect = to.last_endpoint,
    curve = { secret = secret, server = server_public } })
  from:send "hello"
  return to:recv(), to, from
end

function calls.certificates()
  local folder = support.temp_dir()
  local key, secret_file = auth.create_certificates(folder, "joe", { name = "Joe" })
  local loaded, _, metadata = auth.load_certificate(key)
  local all, problems = auth.load_certificates(folder)
  local got = { #loaded, metadata, all[loaded].name, problems,
    failure(auth.create_certificates, folder, "joe"):match "[^/]*$" }
  os.remove(key)
  os.remove(secret_file)
  os.remove(folder)
  return got
end

function calls.authenticators(_, context)
  local authenticator = auth.authenticator(context)
  authenticator:configure_gssapi()
  authenticator:configure_plain("d", { joe = "password" })
  authenticator:configure_curve("d", { joe = public })
  authenticator:configure_curve_callback("asks", function() return true end)
  authenticator:deny "10.0.0.1"
  authenticator:start()
  local got = { greet(context, { curve_server = true, curve_secretkey = server_secret,
    zap_domain = "d" }), authenticator:is_alive(), tostring(authenticator),
    failure(authenticator.allow, authenticator, "10.0.0.2"),
    authenticator:revoke(server_public, { cut = true }) }
  authenticator:readmit(server_public)
  authenticator:stop()
  return got
end

function calls.curve(_, context)
  local text, to = greet(context, { curve = { secret = server_secret, allow = { joe = public } } })
  local got = { text, to:peer().user, to:revoke(server_public, { cut = true }),
    failure(to.revoke, to, 5) }
  to:readmit(server_public)
  got[5] = type(context:auth_stats().allowed)
  return got
end

return calls
