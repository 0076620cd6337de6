-- Values as texts for people: short, whatever they are, and without calling more of a script's than
-- its __tostring.
local errors = require "eddy.base.errors"

local M = {}

local MOST_FIELDS, MOST_TEXT, MOST_WIDTH = 50, 500, 78

-- A text as Lua would read it, cut off where it is long.
local function quoted(text)
  local shown = text:sub(1, MOST_TEXT):gsub('[%c"\\\127]', function(char)
    local named = ({ ["\n"] = "\\n", ["\t"] = "\\t", ["\r"] = "\\r", ['"'] = '\\"',
      ["\\"] = "\\\\" })[char]
    return named or ("\\%03d"):format(char:byte())
  end)
  if #text <= MOST_TEXT then return '"' .. shown .. '"' end
  return ('"%s"... (%d bytes)'):format(shown, #text)
end

local function short(value)
  if type(value) == "string" then return quoted(value) end
  if type(value) == "function" then
    return ("function: %p (%s)"):format(value, errors.where(value))
  end
  local text = errors.text_of(value)
  if #text > MOST_TEXT then text = text:sub(1, MOST_TEXT) .. "..." end
  return (text:gsub("%c", "?"))
end

local function key_text(key)
  if type(key) == "string" and key:match "^[%a_][%w_]*$" then return key end
  return "[" .. short(key) .. "]"
end

-- Whether the first of two keys comes before the other.
local function before(a, b)
  if type(a) ~= type(b) then return type(a) == "number" or type(b) ~= "number" and
    type(a) < type(b) end
  if type(a) == "number" or type(a) == "string" then return a < b end
  return short(a) < short(b)
end

local function fields_of(object)
  local keys, texts = {}, {}
  for key in next, object do keys[#keys + 1] = key end
  table.sort(keys, before)
  for i, key in ipairs(keys) do
    if i > MOST_FIELDS then
      texts[i] = ("... %d more"):format(#keys - MOST_FIELDS)
      break
    end
    local text = short(rawget(object, key))
    texts[i] = key == i and text or key_text(key) .. " = " .. text
  end
  return texts
end

--- The text of a value; of a table, of its fields, too, but not of theirs.
function M.text(value)
  local meta = type(value) == "table" and getmetatable(value)
  if type(value) ~= "table" or type(meta) == "table" and rawget(meta, "__tostring") then
    local text = short(value)
    if type(value) ~= "table" then return text end
    local fields = fields_of(value)
    return text .. (#fields > 0 and " {\n  " .. table.concat(fields, ",\n  ") .. " }" or "")
  end
  local fields = fields_of(value)
  local line = "{ " .. table.concat(fields, ", ") .. " }"
  if #fields == 0 then return "{}" end
  if #line <= MOST_WIDTH then return line end
  return "{\n  " .. table.concat(fields, ",\n  ") .. " }"
end

--- The same in one line.
M.short = short

return M
