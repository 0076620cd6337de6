-- Where a socket that lets everybody in may not bind. Knows endpoints, not sockets.
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"

local C = c.C

local M = {}

local insecure = false -- for all of the process

--- Lets every socket of the process bind anywhere, or no more.
function M.set_insecure(on) insecure = on end

local function is_off()
  return insecure or os.getenv "EDDY_INSECURE" == "1"
end

--- Whom a bind lets in.
-- @param endpoint where
-- @param ipv6 whether names are looked up for IPv6, too
-- @return an EDDY_REACHES of the core's; EDDY_REACHES_NOBODY in a process that may do anything
function M.reach(endpoint, ipv6)
  if is_off() then return C.EDDY_REACHES_NOBODY end
  return C.eddy_endpoint_reach(endpoint, ipv6 and 1 or 0)
end

--- Whether strangers could come in.
-- @param reach as `reach` tells it
-- @param asks whether the socket asks for users' numbers, which only ipc tells
function M.is_open(reach, asks)
  if reach == C.EDDY_REACHES_USERS then return not asks end
  return reach == C.EDDY_REACHES_MACHINES
end

local remedies = {
  [C.EDDY_REACHES_MACHINES] = [[
bind %s: other machines can reach this, and the socket lets everybody in. Take one of
  curve = { secret = "server.key_secret", allow = "clients/" }  -- encrypted, for who has a key
  bind = "%s"  -- this machine only
  insecure = true  -- everybody, on this socket
or run the program with --insecure or EDDY_INSECURE=1]],
  [C.EDDY_REACHES_USERS] = [[
bind %s: other users can reach this, and the socket lets everybody in. Take one of
  allow_uid = { %d }  -- these users only
  bind = "%s"  -- in a folder that only you can write
  curve = { secret = "server.key_secret", allow = "clients/" }  -- who has a key
  insecure = true  -- everybody, on this socket
or run the program with --insecure or EDDY_INSECURE=1]],
}

-- Of CURVE sockets whose server's public key is all that a stranger needs.
local unasked = [[
bind %s: strangers can reach this, and the socket lets everybody in who has its public key, as
nobody is asked about theirs. Take one of
  curve = { secret = "server.key_secret", allow = "clients/" }  -- who has a key in that folder
  curve = { secret = "server.key_secret", allow = "any" }  -- everybody, encrypted
  zap_domain = "name"  -- and before the bind an authenticator: see eddy.auth
  insecure = true  -- everybody, as it is
or run the program with --insecure or EDDY_INSECURE=1]]

--- The error of a bind that is refused, with the remedies to copy.
-- @param is_encrypted whether it is CURVE, and nobody is asked
function M.refusal(reach, endpoint, is_encrypted)
  if is_encrypted then return errors.new(errors.numbers.EACCES, unasked:format(endpoint)) end
  local text = remedies[reach]
  if reach == C.EDDY_REACHES_USERS then
    local name = endpoint:match "[^/@]+$" or "name"
    text = text:format(endpoint, C.eddy_user(), "ipc://run/" .. name)
  else
    local scheme, port = endpoint:match "^(%w+)://.*:([^:]*)$"
    text = text:format(endpoint, (scheme or "tcp") .. "://127.0.0.1:" .. (port or "*"))
  end
  return errors.new(errors.numbers.EACCES, text)
end

return M
