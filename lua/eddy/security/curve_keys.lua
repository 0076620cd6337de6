-- CURVE keys, and Z85, the text that they are written in.
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"

local C, ffi = c.C, c.ffi

local KEY = 40

---@class eddy.zmq
local M = {}

--- A new pair of CURVE keys, in Z85.
-- @return the public and the secret key. Raises ENOTSUP when libzmq has no CURVE.
---@return string public
---@return string secret
function M.curve_keypair()
  local public, secret = ffi.new("char[?]", KEY + 1), ffi.new("char[?]", KEY + 1)
  errors.check(C.eddy_curve_keypair(public, secret), "curve_keypair")
  return ffi.string(public, KEY), ffi.string(secret, KEY)
end

--- The public key of a secret one, both in Z85.
---@return string public
function M.curve_public(secret)
  if type(secret) ~= "string" or #secret ~= KEY then
    errors.misuse("curve_public: expected a secret key of 40 characters, got " ..
      (type(secret) == "string" and #secret or type(secret)))
  end
  local public = ffi.new("char[?]", KEY + 1)
  errors.check(C.eddy_curve_public(public, secret), "curve_public")
  return ffi.string(public, KEY)
end

local function check(value, unit, what)
  if type(value) ~= "string" then
    errors.misuse(what .. ": expected a string, got " .. type(value))
  end
  if #value % unit ~= 0 then
    errors.misuse(("%s: expected a size that is a multiple of %d, got %d"):format(what, unit,
      #value))
  end
end

--- Bytes as Z85 text: 5 characters for each 4 bytes. Raises for a size that is no multiple of 4.
---@param data string
---@return string text
function M.z85_encode(data)
  check(data, 4, "z85_encode")
  local size = #data / 4 * 5
  local text = ffi.new("char[?]", size + 1)
  if size > 0 then errors.check(C.eddy_z85_encode(text, data, #data), "z85_encode") end
  return ffi.string(text, size)
end

--- The bytes of a Z85 text. Raises for a size that is no multiple of 5, and EINVAL for
-- characters that Z85 does not have.
---@return string data
function M.z85_decode(text)
  check(text, 5, "z85_decode")
  local size = #text / 5 * 4
  local data = ffi.new("uint8_t[?]", math.max(size, 1))
  if size > 0 then errors.check(C.eddy_z85_decode(data, text), "z85_decode") end
  return ffi.string(data, size)
end

return M
