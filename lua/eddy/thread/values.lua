-- Values that go from one Lua state to another, as bytes.
local errors = require "eddy.base.errors"
local poller = require "eddy.zmq.poller"

local buffer -- of LuaJIT's, at the first use

local M = {}

local MOST_DEEP = 90 -- LuaJIT's own limit is 100

-- What cannot go: why. The rest can.
local function refusal(value)
  local kind = type(value)
  if poller.is_socket(value) then
    return "a socket belongs to its thread: open it where it is used, and hand over its endpoint"
  elseif kind == "cdata" then
    local ffi = require "ffi"
    local is_number = ffi.istype("int64_t", value) or ffi.istype("uint64_t", value)
    return not is_number and "cdata cannot go to another thread" or nil
  elseif kind == "function" or kind == "userdata" or kind == "thread" then
    return ("a %s cannot go to another thread"):format(kind == "thread" and "coroutine" or kind)
  elseif kind == "table" and getmetatable(value) ~= nil then
    return ("an object (%s) cannot go to another thread: a table with a metatable"):format(
      errors.text_of(value))
  end
end

-- Finds what cannot go. Returns where it is, and why.
local function find(value, path, depth)
  local why = refusal(value)
  if why then return path, why end
  if type(value) ~= "table" then return end
  if depth > MOST_DEEP then return path, "it is nested too deeply, or has itself inside" end
  for key, each in pairs(value) do
    local is_name = type(key) == "string" and key:find "^[%a_][%w_]*$"
    local at = is_name and path .. "." .. key or ("%s[%s]"):format(path, errors.text_of(key))
    local where, reason = find(key, "a key of " .. path, depth + 1)
    if not where then where, reason = find(each, at, depth + 1) end
    if where then return where, reason end
  end
end

--- Values as bytes.
-- @param what names each one, before its number: "argument"
-- @return the bytes; or nil, and which one cannot go, and why
function M.encode(what, ...)
  buffer = buffer or require "string.buffer"
  local out, count = buffer.new(), select("#", ...)
  out:encode(count)
  for i = 1, count do
    local value = select(i, ...)
    local where, why = find(value, ("%s %d"):format(what, i), 0)
    if where then return nil, where .. ": " .. why end
    out:encode(value)
  end
  return out:tostring()
end

local function decode_some(bytes, count)
  if count == 0 then return end
  return bytes:decode(), decode_some(bytes, count - 1)
end

--- The values of such bytes.
function M.decode(bytes)
  buffer = buffer or require "string.buffer"
  local given = buffer.new():set(bytes)
  return decode_some(given, given:decode())
end

return M
