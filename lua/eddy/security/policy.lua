-- Who may come in, as the core's handler reads it: tables that are filled, then given to it.
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"

local C, ffi = c.C, c.ffi
local byte_order = { 16777216, 65536, 256, 1 }

local M = {}

--- A policy. Filled before it is given away; `_c` is the core's.
local Policy = {}
Policy.__index = Policy

--- A new one, which lets in: of NULL everybody, of PLAIN and CURVE nobody.
function M.new()
  local made = ffi.new("eddy_policy *[1]")
  errors.check(C.eddy_policy_new(made), "policy")
  return setmetatable({ _c = ffi.gc(made[0], C.eddy_policy_free), _asker = false }, Policy)
end

local function size_of(number)
  local bytes = {}
  for i, unit in ipairs(byte_order) do bytes[i] = string.char(math.floor(number / unit) % 256) end
  return table.concat(bytes)
end

local function field(name, value)
  name = "X-" .. name
  if #name > 255 then errors.misuse("a field's name is longer than 253 characters") end
  return string.char(#name) .. name .. size_of(#value) .. value
end

--- What messages of a peer's tell of it, as ZMTP has metadata.
-- @param fields a table of texts, numbers and booleans by name; nil: none
function M.encode(fields)
  local names, list = {}, {}
  for name, value in pairs(fields or {}) do
    if type(name) ~= "string" or not name:find "^[%w_.-]+$" then
      errors.misuse(("a field's name has letters, digits and _.- only, not '%s'"):format(
        tostring(name)))
    end
    if type(value) ~= "table" and type(value) ~= "function" then
      names[#names + 1] = name
      list[#list + 1] = field(name, tostring(value))
    end
  end
  if #names == 0 then return "" end
  return field("Fields", table.concat(names, " ")) .. table.concat(list)
end

local function allow(self, kind, what, value, fields)
  what, value, fields = tostring(what), value or "", M.encode(fields)
  return C.eddy_policy_allow(self._c, kind, what, #what, value, #value, fields, #fields)
end

--- Lets a key in.
-- @param key in Z85
-- @param user the name it is known by; the key itself unless given
-- @param fields as `encode` takes them
function Policy:allow_key(key, user, fields)
  errors.check(allow(self, C.EDDY_ALLOWED_KEY, key, user, fields), "allow: a key of a peer's")
end

--- Keeps a key out, whatever else lets it in.
function Policy:deny_key(key)
  errors.check(allow(self, C.EDDY_DENIED_KEY, key), "deny: a key of a peer's")
end

--- Lets every key in.
function Policy:allow_any_key() C.eddy_policy_any_key(self._c, 1) end

--- Lets a user with a password in.
function Policy:allow_password(user, password, fields)
  errors.check(allow(self, C.EDDY_ALLOWED_PASSWORD, user, password, fields),
    "allow: a user or password of more than 255 bytes")
end

local function address(kind)
  return function(self, text)
    errors.check(allow(self, kind, text), "an address or network", text)
  end
end

--- Lets only this address, or network ("10.0.0.0/8"), and others that are named so, in; keeps one
-- out.
Policy.allow_address = address(C.EDDY_ALLOWED_ADDRESS)
Policy.deny_address = address(C.EDDY_DENIED_ADDRESS)

local kinds = { uid = C.EDDY_ALLOWED_USER, gid = C.EDDY_ALLOWED_GROUP,
  pid = C.EDDY_ALLOWED_PROCESS }

--- Lets only those in, over ipc, who have one of these numbers.
-- @param what "uid", "gid" or "pid"
function Policy:allow_number(what, number)
  errors.check(allow(self, kinds[what], ("%d"):format(number)), "allow_" .. what)
end

--- Asks about keys that it does not have.
-- @param asker as eddy.security.asker makes it
function Policy:ask(asker)
  self._asker = asker
  C.eddy_policy_ask(self._c, asker._c)
end

return M
