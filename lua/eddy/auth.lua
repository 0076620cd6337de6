--- Who may come in: certificates, and authenticators with PyZMQ's names.
local authenticator = require "eddy.auth.authenticator"
local certificates = require "eddy.security.certificates"

---@class eddy.auth
---@field CURVE_ALLOW_ANY string
local M = {}

M.CURVE_ALLOW_ANY = authenticator.CURVE_ALLOW_ANY

--- Makes a pair of keys and writes NAME.key and NAME.key_secret. See the reference.
---@param folder string
---@return string public_file
---@return string secret_file
function M.create_certificates(folder, name, metadata)
  return certificates.create(folder, name, metadata)
end

--- The public key, the secret key (nil when there is none), and the metadata of a file.
---@return string public
---@return string? secret
---@return table<string, string> metadata
function M.load_certificate(path) return certificates.load(path) end

--- The public keys of a folder, "." unless given, each with { name =, metadata = }; and a list of
-- texts about files that should have had one.
---@return table<string, { name: string, metadata: table<string, string> }> keys
---@return string[] problems
function M.load_certificates(folder)
  return certificates.load_folder(folder == nil and "." or folder)
end

--- An authenticator of a context, `zmq.instance()` unless given.
---@param context? eddy.Context
---@return eddy.Authenticator
function M.authenticator(context) return authenticator.new(context) end

return M
