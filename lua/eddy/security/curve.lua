-- What a socket's `curve` says: its keys, and whom it lets in.
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"
local later = require "eddy.base.later"
local askers = require "eddy.security.asker"
local certificates = later.require "eddy.security.certificates"
local policies = later.require "eddy.security.policy"

local C = c.C

local M = {}

local KEY = 40 -- characters of one

local fields = { secret = true, allow = true, server = true }

-- Without the value, which may be a secret.
local function check_text(value, name)
  if type(value) ~= "string" then
    errors.misuse("curve: " .. name .. ": expected a key or its file, got " .. type(value))
  end
end

local function load_public(text, name)
  check_text(text, name)
  return (certificates.load_public(text))
end

local function load_secret(text)
  check_text(text, "secret")
  local public, secret = certificates.load_secret(text)
  return secret, public
end

--- Looks at a `curve`, and reads the keys that it names.
-- @param settings { secret =, allow = } of a server, { secret =, server = } of a client
-- @return { secret, public, server = the server's key, allow = }. Raises without telling a key
function M.check(settings)
  for name in pairs(type(settings) == "table" and settings or {}) do
    if not fields[name] and #tostring(name) >= KEY then -- it may be a key in the wrong place
      errors.misuse "curve: no such option, whose name is not shown: it might be a secret key"
    end
  end
  errors.check_fields(settings, fields, "curve")
  if (settings.allow == nil) == (settings.server == nil) then
    errors.misuse("curve: expected allow (whom a server lets in: a folder of keys, a list of " ..
      'keys, a function, or "any") or server (the key of the server to connect to)')
  end
  local secret, public = load_secret(settings.secret)
  local plan = { secret = secret, public = public, allow = settings.allow }
  if settings.server ~= nil then plan.server = load_public(settings.server, "server") end
  local kind = type(settings.allow)
  if plan.server or kind == "function" or kind == "string" then return plan end
  if kind ~= "table" then
    errors.misuse('curve: allow: expected a folder, a list of keys, a function, or "any", got ' ..
      kind)
  end
  plan.allow = {}
  for user, key in pairs(settings.allow) do
    plan.allow[load_public(key, "allow")] = type(user) == "string" and user or ""
  end
  return plan
end

--- The policy of a server's plan. The plan's `asker` is what it asks then.
function M.policy_of(plan)
  local policy = policies.new()
  if plan.allow == "any" then
    policy:allow_any_key()
  elseif type(plan.allow) == "function" then
    plan.asker = askers.new(plan.allow)
    policy:ask(plan.asker)
  elseif type(plan.allow) == "string" and certificates.is_key(plan.allow) then
    policy:allow_key(plan.allow)
  elseif type(plan.allow) == "string" then
    errors.check(C.eddy_policy_folder(policy._c, plan.allow, 1),
      "curve: allow: the folder of keys", certificates.shown(plan.allow))
  else
    for key, user in pairs(plan.allow) do policy:allow_key(key, user) end
  end
  return policy
end

return M
