-- Keys that were revoked: kept out, whatever else lets them in.
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"
local certificates = require "eddy.security.certificates"

local C = c.C

local M = {}

local fields = { cut = true }

--- Looks at the arguments of a `revoke`.
-- @param key in Z85, or its file
-- @param settings { cut = whether its connections end now }; nil: no
-- @return the key, and whether they do
function M.check(key, settings)
  if type(key) ~= "string" then
    errors.misuse("revoke: expected a public key or its file, got " .. type(key))
  end
  if settings ~= nil then errors.check_fields(settings, fields, "revoke") end
  local cut = settings and settings.cut
  if cut ~= nil and type(cut) ~= "boolean" then
    errors.misuse("revoke: cut: expected a boolean, got " .. type(cut))
  end
  return (certificates.load_public(key)), cut or false
end

--- A copy of a set of keys, with one more, or one less.
function M.with(keys, key, is_revoked)
  local copy = {}
  for each in pairs(keys) do copy[each] = true end
  copy[key] = is_revoked or nil
  return copy
end

--- Ends the connections of a key in a ZAP domain, or in all (nil).
-- @return how many
function M.cut(core, domain, key)
  return errors.check(C.eddy_zap_cut(core, domain, key), "revoke: the connections of a key")
end

return M
