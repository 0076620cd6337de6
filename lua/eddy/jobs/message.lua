-- What goes between a program and its workers: Lua values, behind four bytes of their size.
local string_buffer = require "string.buffer"
local errors = require "eddy.base.errors"
local bit = require "bit"

local band, rshift = bit.band, bit.rshift

local SIZE_BYTES = 4
local MOST_BYTES = 2 ^ 31 - 1 -- of a message
local DEEPEST = 20 -- of tables in which the place is looked for that cannot be sent

local M = {}

-- What in a value cannot be sent, and where: "a function at .a.b"; nil: nothing was found.
local function culprit(value, path, depth)
  local kind = type(value)
  if kind == "table" then
    if depth == DEEPEST then return nil end
    for key, each in pairs(value) do
      local found = culprit(key, path .. "[a key]", depth + 1) or
        culprit(each, ("%s[%s]"):format(path, type(key) == "string" and ("%q"):format(key) or
          tostring(key)), depth + 1)
      if found then return found end
    end
  elseif not pcall(string_buffer.encode, value) then
    return ("a %s%s"):format(kind, path ~= "" and " at " .. path or "")
  end
end

local function encode(values)
  local ok, text = pcall(string_buffer.encode, values)
  if not ok then return nil, text end
  local size = #text
  if size > MOST_BYTES then return nil, "more than 2 GiB" end
  return string.char(band(size, 255), band(rshift(size, 8), 255), band(rshift(size, 16), 255),
    rshift(size, 24)) .. text
end

--- A message of a table of values. Those in its list part, up to `n`, are named when they cannot
-- be sent.
-- @param kind what they are called: "argument"
-- @return its bytes; or nil, and what is wrong
function M.encode(values, kind)
  local bytes, problem = encode(values)
  if bytes then return bytes end
  for i = 1, values.n or 0 do
    local found = culprit(values[i], "", 0)
    if found then
      return nil, ("%s %d: %s cannot be sent to another process"):format(kind, i, found)
    end
    if values[i] ~= nil and not pcall(string_buffer.encode, values[i]) then
      return nil, ("%s %d cannot be sent: it is too deep, or in a circle"):format(kind, i)
    end
  end
  return nil, errors.text_of(problem)
end

--- Reads messages from bytes that come in pieces.
local Reader = {}
Reader.__index = Reader

function M.reader()
  return setmetatable({ _buffer = string_buffer.new(), _size = false }, Reader)
end

--- Adds a piece.
function Reader:add(bytes) self._buffer:put(bytes) end

--- The next message, a table; nil: it is not there yet.
function Reader:next()
  local buffer = self._buffer
  if not self._size then
    if #buffer < SIZE_BYTES then return nil end
    local a, b, c, d = buffer:get(SIZE_BYTES):byte(1, SIZE_BYTES)
    self._size = a + b * 2 ^ 8 + c * 2 ^ 16 + d * 2 ^ 24
  end
  if #buffer < self._size then return nil end
  self._size = false
  return buffer:decode()
end

return M
