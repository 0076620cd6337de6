-- Keys, JWTs and credentials as NATS has them, by openssl's command: for specs of who may come in.
local bit = require "bit"
local files = require "spec.support.files"

local M = {}

-- The letter that a text of such a key begins with, as the top bits of its first byte.
local ROLES = { user = 20, account = 0, operator = 14 }
local SEED = 18

local read, write = files.read, files.write

local function run(...)
  local result = os.execute((...):format(select(2, ...)) .. " 2>/dev/null")
  assert(result == true or result == 0, "openssl failed")
end

local function encode(bytes, letters, width)
  local out, bits, count = {}, 0, 0
  for i = 1, #bytes do
    bits, count = bits * 256 + bytes:byte(i), count + 8
    while count >= width do
      count = count - width
      local value = math.floor(bits / 2 ^ count)
      bits = bits - value * 2 ^ count
      out[#out + 1] = letters:sub(value + 1, value + 1)
    end
  end
  if count > 0 then
    local value = bits * 2 ^ (width - count)
    out[#out + 1] = letters:sub(value + 1, value + 1)
  end
  return table.concat(out)
end

local function base32(bytes) return encode(bytes, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 5) end

local function base64url(bytes)
  return encode(bytes, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", 6)
end

-- CRC-16/XMODEM, its lower byte first.
local function checked(bytes)
  local crc = 0
  for i = 1, #bytes do
    crc = bit.bxor(crc, bytes:byte(i) * 256)
    for _ = 1, 8 do
      crc = bit.band(crc, 0x8000) ~= 0 and bit.bxor(crc * 2, 0x1021) or crc * 2
    end
    crc = bit.band(crc, 0xffff)
  end
  return bytes .. string.char(crc % 256, math.floor(crc / 256))
end

--- Whether there is what makes keys.
function M.are_there()
  local result = os.execute "openssl genpkey -algorithm ED25519 >/dev/null 2>&1"
  return result == true or result == 0
end

--- Makes a key in a folder: { public =, seed =: texts; file = of the seed }.
-- @param role "user", "account" or "operator"
function M.make(folder, name, role)
  local pem, der = folder .. "/" .. name .. ".pem", folder .. "/" .. name .. ".der"
  run("openssl genpkey -algorithm ED25519 -out %s", pem)
  run("openssl pkey -in %s -outform DER -out %s", pem, der)
  local secret = read(der):sub(-32)
  run("openssl pkey -in %s -pubout -outform DER -out %s", pem, der)
  local public, kind = read(der):sub(-32), ROLES[role] * 8
  local self = { pem = pem, folder = folder, file = folder .. "/" .. name .. ".nk",
    public = base32(checked(string.char(kind) .. public)),
    seed = base32(checked(string.char(SEED * 8 + math.floor(kind / 32), kind % 32 * 8) .. secret)) }
  write(self.file, self.seed)
  return self
end

--- A JWT: what one key says of another.
-- @param claims a text of JSON without its braces
function M.jwt(issuer, subject, claims)
  local text = base64url '{"typ":"JWT","alg":"ed25519-nkey"}' .. "." ..
    base64url(('{"jti":"x","iat":%d,"iss":"%s","name":"%s","sub":"%s","nats":{%s,"version":2}}')
      :format(os.time(), issuer.public, subject.public, subject.public, claims))
  local message, signature = issuer.folder .. "/message", issuer.folder .. "/signature"
  write(message, text)
  run("openssl pkeyutl -sign -rawin -inkey %s -in %s -out %s", issuer.pem, message, signature)
  return text .. "." .. base64url(read(signature))
end

--- Writes a user's credentials, its JWT and its seed; the file's name.
function M.credentials(jwt, user)
  local path = user.file:gsub("nk$", "creds")
  write(path, ("-----BEGIN NATS USER JWT-----\n%s\n------END NATS USER JWT------\n\n" ..
    "-----BEGIN USER NKEY SEED-----\n%s\n------END USER NKEY SEED------\n"):format(jwt, user.seed))
  return path
end

local LIMITS = '"limits":{"subs":-1,"data":-1,"payload":-1,"imports":-1,"exports":-1,' ..
  '"wildcards":true,"conn":-1,"leaf":-1},"type":"account"'

--- An operator with an account: the server's configuration, and fn(name) that makes credentials of
-- a user of that account.
function M.operator(folder)
  local operator = M.make(folder, "operator", "operator")
  local account = M.make(folder, "account", "account")
  local conf = ("operator: %s\nresolver: MEMORY\nresolver_preload: { %s: %s }\n"):format(
    M.jwt(operator, operator, '"type":"operator"'), account.public,
    M.jwt(operator, account, LIMITS))
  return conf, function(name, issuer)
    local user = M.make(folder, name, "user")
    return M.credentials(M.jwt(issuer or account, user,
      '"pub":{},"sub":{},"subs":-1,"data":-1,"payload":-1,"type":"user"'), user)
  end
end

return M
