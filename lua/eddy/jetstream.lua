--- NATS JetStream: messages that are stored and replicated, for when one machine, or memory alone,
-- is not enough. Over libnats, in threads that no Lua enters.
local errors = require "eddy.base.errors"
local methods = require "eddy.base.methods"
local links = require "eddy.jetstream.link"
require "eddy.jetstream.kv"
require "eddy.jetstream.stream"
require "eddy.jetstream.subjects"
local loops = require "eddy.loop"

methods(links.methods, "link")

---@class eddy.jetstream
local M = {}

local OPTIONS = {
  name = true, user = true, password = true, token = true, creds = true, nkey = true, tls = true,
  timeout = true, reconnect_wait = true, ping_interval = true, domain = true, loop = true,
}

local TLS = { ca = true, cert = true, key = true, ciphers = true, host = true, insecure = true }

local function check_text(value, what)
  if type(value) ~= "string" or value == "" then
    errors.misuse(what .. ": expected a text, got " .. errors.typed(value))
  end
  return value
end

-- Adds to the settings of the core's what one option means: { name, value, more }.
local adders = {}

for _, name in ipairs { "name", "token" } do
  adders[name] = function(list, options)
    list[#list + 1] = { name, check_text(options[name], "connect: " .. name) }
  end
end

for _, name in ipairs { "timeout", "reconnect_wait", "ping_interval" } do
  adders[name] = function(list, options)
    local ms = options[name]
    errors.check_ms(ms, "connect: " .. name)
    if ms < 1 then errors.misuse("connect: " .. name .. ": expected at least 1 ms, got " .. ms) end
    list[#list + 1] = { name, ("%.0f"):format(ms) }
  end
end

function adders.user(list, options)
  list[#list + 1] = { "user", check_text(options.user, "connect: user"),
    check_text(options.password, "connect: password") }
end

function adders.password(_, options)
  if options.user == nil then errors.misuse "connect: password: name the user, too: user = ..." end
end

function adders.creds(list, options)
  list[#list + 1] = { "creds", check_text(options.creds, "connect: creds") }
end

function adders.nkey(list, options)
  local nkey = options.nkey
  if type(nkey) ~= "table" then
    errors.misuse "connect: nkey: expected { public key, name of the file with the seed }"
  end
  list[#list + 1] = { "nkey", check_text(nkey[1], "connect: nkey, the public key"),
    check_text(nkey[2], "connect: nkey, the seed's file") }
end

function adders.tls(list, options)
  local tls = options.tls
  if tls == false then return end
  list[#list + 1] = { "tls", "" }
  if tls == true then return end
  errors.check_fields(tls, TLS, "connect: tls")
  if (tls.cert == nil) ~= (tls.key == nil) then
    errors.misuse "connect: tls: cert and key go together: the files of a certificate and its key"
  end
  for _, name in ipairs { "ca", "ciphers", "host" } do
    local value = tls[name]
    if value ~= nil then
      list[#list + 1] = { "tls_" .. name, check_text(value, "connect: tls: " .. name) }
    end
  end
  if tls.cert then
    list[#list + 1] = { "tls_cert", check_text(tls.cert, "connect: tls: cert"),
      check_text(tls.key, "connect: tls: key") }
  end
  if tls.insecure then list[#list + 1] = { "tls_insecure", "" } end
end

-- The numbers and the options of a table that is the script's.
local function settings_of(options)
  if type(options) == "string" then options = { options } end
  if type(options) ~= "table" then
    errors.misuse("connect: expected a server's address or a table, got " .. type(options))
  end
  local list, named = {}, {}
  for key, value in pairs(options) do
    if type(key) ~= "number" then named[key] = value end
  end
  errors.check_fields(named, OPTIONS, "connect")
  if #options == 0 then
    errors.misuse 'connect: expected the address of a server: { "nats://127.0.0.1:4222" }'
  end
  for i, url in ipairs(options) do
    list[i] = { "url", check_text(url, "connect: address " .. i) }
  end
  for name in pairs(named) do
    if adders[name] then adders[name](list, named) end
  end
  return list, named
end

---@class (exact) eddy.jetstream.ConnectOptions
---@field [integer] string the servers' addresses
---@field name? string what servers, and messages to people, call it
---@field user? string
---@field password? string
---@field token? string
---@field creds? string the file of a JWT and its seed
---@field nkey? string[] { public key, file of the seed }
---@field tls? boolean|eddy.jetstream.Tls
---@field timeout? number ms for one try to connect (2000)
---@field reconnect_wait? number ms between two tries (250)
---@field ping_interval? number ms between two looks whether the server lives (120000)
---@field domain? string JetStream's
---@field loop? eddy.Loop the current one unless given
---@class (exact) eddy.jetstream.Tls
---@field ca? string a file
---@field cert? string a file
---@field key? string a file
---@field ciphers? string
---@field host? string
---@field insecure? boolean

--- Connects to a server, or to a cluster.
-- @return the link, at once. Whether there is a server is told by its events
---@param options string|eddy.jetstream.ConnectOptions
---@return eddy.jetstream.Link
function M.connect(options)
  local list, named = settings_of(options)
  local loop = named.loop or loops.current()
  if not loops.is(loop) then errors.misuse("connect: expected a loop, got " .. type(loop)) end
  if named.domain ~= nil then check_text(named.domain, "connect: domain") end
  return links.new(loop, list, named)
end

return M
