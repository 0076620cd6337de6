-- Authenticators: who may come in through the sockets of a context that ask, by their ZAP domain.
-- The core's handler answers, in a thread of its own; this fills its tables.
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"
local methods = require "eddy.base.methods"
local askers = require "eddy.security.asker"
local certificates = require "eddy.security.certificates"
local policies = require "eddy.security.policy"
local revoked = require "eddy.security.revoked"
local zmq = require "eddy.zmq"

local C = c.C

local M = {}

local EVERY = "*"

--- For `configure_curve`: every key may come in.
M.CURVE_ALLOW_ANY = EVERY

---@class eddy.Authenticator
local Authenticator = {}
Authenticator.__index = Authenticator

-- What they know, passwords among it, is not theirs to show.
local states = setmetatable({}, { __mode = "k" })

-- The one that runs in each libzmq context: contexts by name share one.
local running = setmetatable({}, { __mode = "k" })
local shared = {}

local function state_of(self, what)
  local state = states[self]
  if not state then errors.misuse(what .. ": expected an authenticator, got " .. type(self)) end
  return state
end

local function is_alive(state)
  return state.is_started and not state.context.closed
end

--- An authenticator of a context, `zmq.instance()` unless given. Until it is told otherwise it lets
-- in: of NULL everybody, of PLAIN and CURVE nobody.
function M.new(context)
  if context == nil then context = zmq.instance() end
  if type(context) ~= "table" or not rawget(context, "_c") then
    errors.misuse("authenticator: expected a context, got " .. type(context))
  end
  local self = setmetatable({}, Authenticator)
  states[self] = {
    context = context, is_started = false,
    allowed = {}, denied = {}, -- addresses
    passwords = {}, keys = {}, askers = {}, -- by domain
    revoked = {}, -- keys
  }
  return self
end

local function add_keys(policy, keys)
  if keys == EVERY then
    policy:allow_any_key()
  elseif type(keys) == "string" then
    errors.check(C.eddy_policy_folder(policy._c, keys, 0), "the folder of keys",
      certificates.shown(keys))
  else
    for key, user in pairs(keys or {}) do policy:allow_key(key, user) end
  end
end

-- What a domain says itself of a mechanism holds for it, and else what is said of every domain.
local function policy_of(state, domain)
  local policy = policies.new()
  for address in pairs(state.allowed) do policy:allow_address(address) end
  for address in pairs(state.denied) do policy:deny_address(address) end
  for key in pairs(state.revoked) do policy:deny_key(key) end
  for user, password in pairs(state.passwords[domain] or state.passwords[EVERY] or {}) do
    policy:allow_password(user, password)
  end
  local own = state.keys[domain] or state.askers[domain]
  local from = own and domain or EVERY
  add_keys(policy, state.keys[from])
  if state.askers[from] then policy:ask(state.askers[from]) end
  return policy
end

local function domains_of(state)
  local domains = { [EVERY] = true }
  for _, part in ipairs { state.passwords, state.keys, state.askers } do
    for domain in pairs(part) do domains[domain] = true end
  end
  return domains
end

-- Makes the tables of all domains, so that what is wrong raises before anything changes.
local function policies_of(state)
  local made = {}
  for domain in pairs(domains_of(state)) do made[domain] = policy_of(state, domain) end
  return made
end

local function put(state, made, what)
  for domain, policy in pairs(made) do
    errors.check(C.eddy_zap_set(state.context._c, domain, policy._c), what)
  end
end

-- Changes one field of a table of the state; takes it back when that cannot be.
local function change_field(state, fields, name, value, what)
  local before = fields[name]
  fields[name] = value
  local ok, made = pcall(policies_of, state)
  if not ok then
    fields[name] = before
    error(made, 0)
  end
  if is_alive(state) then put(state, made, what) end
end

local function change(state, part, domain, value, what)
  change_field(state, state[part], domain, value, what)
end

local function check_domain(domain, what)
  if domain == nil then return EVERY end
  if type(domain) ~= "string" or #domain > 255 or domain:find "%z" then
    errors.misuse(what .. ": expected a domain of at most 255 characters, got " ..
      (type(domain) == "string" and "another text" or type(domain)))
  end
  return domain
end

--- Answers from now on: every socket of the context with a ZAP domain, or with CURVE or PLAIN.
-- Raises EADDRINUSE when another authenticator, or a socket of a script's, does.
function Authenticator:start()
  local state = state_of(self, "start")
  if is_alive(state) then return end
  local context = state.context
  local place = context._is_shared and shared or context
  local other = running[place]
  if other and is_alive(other) then
    error(errors.new(errors.numbers.EADDRINUSE, "start: another authenticator of this context"), 0)
  end
  for _, asker in pairs(state.askers) do asker:attach(askers.loop()) end
  put(state, policies_of(state), "start")
  state.is_started, state.place = true, place
  running[place] = state
end

--- Answers no more. Who is in stays in; sockets with a domain let nobody else in, and those
-- without one everybody.
function Authenticator:stop()
  local state = state_of(self, "stop")
  if not state.is_started then return end
  state.is_started, running[state.place] = false, nil
  for _, asker in pairs(state.askers) do asker:detach() end
  if state.context.closed then return end
  for domain in pairs(domains_of(state)) do C.eddy_zap_set(state.context._c, domain, nil) end
end

--- Whether it answers.
---@return boolean
function Authenticator:is_alive() return is_alive(state_of(self, "is_alive")) end

local function add_addresses(self, part, other, what, ...)
  local state = state_of(self, what)
  if next(state[other]) then
    errors.misuse(what .. ": some are allowed, or some are denied: not both")
  end
  local list = { ... }
  local after = {}
  for address in pairs(state[part]) do after[address] = true end
  for i = 1, select("#", ...) do
    local address = list[i]
    if type(address) ~= "string" or not address:gsub("^localhost:", ""):find "^[%x.:]+/?%d*$" then
      errors.misuse(what .. ": expected addresses or networks (10.0.0.0/8), got " ..
        tostring(address))
    end
    after[address] = true
  end
  change_field(state, state, part, after, what)
end

--- Lets only these addresses and networks in, and those that were named so before; with PLAIN and
-- CURVE they must still show who they are. Raises when some are denied.
---@param ... string
function Authenticator:allow(...) add_addresses(self, "allowed", "denied", "allow", ...) end

--- Keeps these addresses and networks out. Raises when some are allowed.
---@param ... string
function Authenticator:deny(...) add_addresses(self, "denied", "allowed", "deny", ...) end

--- Sets who may come in with a password.
-- @param domain a ZAP domain; "*" (nil, too): all that are not told themselves
---@param passwords table<string, string> a table of passwords by user, in place of the former
function Authenticator:configure_plain(domain, passwords)
  local state = state_of(self, "configure_plain")
  domain = check_domain(domain, "configure_plain")
  if type(passwords) ~= "table" then
    errors.misuse("configure_plain: expected a table of passwords, got " .. type(passwords))
  end
  local copy = {}
  for user, password in pairs(passwords) do
    if type(user) ~= "string" or type(password) ~= "string" then
      errors.misuse("configure_plain: users and passwords are texts")
    end
    copy[user] = password
  end
  change(state, "passwords", domain, copy, "configure_plain")
end

--- Sets which keys may come in.
-- @param domain as in `configure_plain`
---@param location? string|table<any, string>
-- a folder of public keys, "." unless given, which is looked at again when it
-- changes; a list of keys or their files, or such a table by user; or CURVE_ALLOW_ANY
function Authenticator:configure_curve(domain, location)
  local state = state_of(self, "configure_curve")
  domain = check_domain(domain, "configure_curve")
  if location == nil then location = "." end
  local keys = location
  if type(location) == "table" then
    keys = {}
    for user, key in pairs(location) do
      keys[certificates.load_public(key)] = type(user) == "string" and user or ""
    end
  elseif type(location) ~= "string" or location == "" then
    errors.misuse("configure_curve: expected a folder, a list of keys, or CURVE_ALLOW_ANY, got " ..
      (location == "" and "an empty text" or type(location)))
  end
  change(state, "keys", domain, keys, "configure_curve")
end

--- Sets who is asked about keys that `configure_curve` did not name.
-- @param domain as in `configure_plain`
---@param provider table|fun(domain: string, key: string): boolean|table
-- a function of the domain and the key, or an object with such a method `callback`;
-- returns whether the key may come in, or { user = "joe", role = "admin" }, which says so and is
-- told by its messages. It is called on the loop that is current now, or at `start`, and may
-- wait; after 2 s the peer is told to come again
function Authenticator:configure_curve_callback(domain, provider)
  local state = state_of(self, "configure_curve_callback")
  domain = check_domain(domain, "configure_curve_callback")
  local fn = provider
  if type(provider) == "table" and type(provider.callback) == "function" then
    fn = function(...) return provider:callback(...) end
  end
  errors.check_function(fn, "configure_curve_callback")
  local before = state.askers[domain]
  local asker = askers.new(function(peer) return fn(peer.domain, peer.key) end)
  if not is_alive(state) then asker:detach() end
  change(state, "askers", domain, asker, "configure_curve_callback")
  if before then before:detach() end
end

--- Keeps a key out of all domains, whatever else lets it in, until `readmit`.
---@param key string a public key, or its file
-- @return how many connections were ended
---@param settings? eddy.Cut
---@return integer connections
function Authenticator:revoke(key, settings)
  local state = state_of(self, "revoke")
  local cut
  key, cut = revoked.check(key, settings)
  change_field(state, state, "revoked", revoked.with(state.revoked, key, true), "revoke")
  return cut and is_alive(state) and revoked.cut(state.context._c, nil, key) or 0
end

--- Ends a `revoke`: the key may come in again, if something lets it.
---@param key string
function Authenticator:readmit(key)
  local state = state_of(self, "readmit")
  key = revoked.check(key)
  change_field(state, state, "revoked", revoked.with(state.revoked, key, false), "readmit")
end

--- Nothing is to be configured: what libzmq says of GSSAPI is enough.
function Authenticator:configure_gssapi() state_of(self, "configure_gssapi") end

function Authenticator:__tostring()
  local state = states[self]
  return "authenticator (" .. (state and is_alive(state) and "running" or "stopped") .. ")"
end

methods(Authenticator, "auth")

return M
