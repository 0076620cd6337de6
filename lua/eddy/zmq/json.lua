-- JSON, by lua-cjson, which is loaded at the first use. It writes numbers with 14 digits, and
-- cannot tell an empty list from an empty object: what needs more is done here.
local errors = require "eddy.base.errors"

local M = {}

local codec

local function load()
  local ok, found = pcall(require, "cjson.safe")
  if not ok then errors.misuse("JSON needs lua-cjson; on Debian: apt-get install lua-cjson") end
  codec = found
  return codec
end

-- What marks a list, also an empty one; the field is the one that dkjson has for it.
local List = { __jsontype = "array" }

--- Marks a table as a list, so that it is one in JSON also when it is empty.
-- @return the table
---@param object table
---@return table
function M.list(object)
  if type(object) ~= "table" then
    errors.misuse("json_list: expected a table, got " .. type(object))
  end
  return setmetatable(object, List)
end

local function is_list(object)
  local meta = getmetatable(object)
  return type(meta) == "table" and rawget(meta, "__jsontype") == "array"
end

local MOST = 2 ^ 53 -- up to here, a number is every integer

-- The highest index of what cjson takes for a list; nil for an object.
local function length_of(object)
  local highest = 0
  for key in next, object do
    if type(key) ~= "number" or key < 1 or key % 1 ~= 0 then return nil end
    if key > highest then highest = key end
  end
  if highest > 0 or is_list(object) then return highest end
end

-- As cjson writes what it can write, but for whole numbers and empty lists.
local function write(value)
  local kind = type(value)
  if kind == "number" and value % 1 == 0 and value >= -MOST and value <= MOST then
    return ("%.0f"):format(value)
  end
  if kind ~= "table" then return (codec.encode(value)) end
  local length, texts = length_of(value), {}
  if length then
    for i = 1, length do texts[i] = write(rawget(value, i)) end
    return "[" .. table.concat(texts, ",") .. "]"
  end
  for key, each in next, value do
    local name = type(key) == "number" and '"' .. write(key) .. '"' or codec.encode(key)
    texts[#texts + 1] = name .. ":" .. write(each)
  end
  return "{" .. table.concat(texts, ",") .. "}"
end

--- An object's JSON text. Raises when there is none.
function M.encode(object)
  local text, problem = (codec or load()).encode(object)
  if not text then errors.misuse("no JSON for this: " .. problem) end
  -- Where cjson may have lost something: a number of more digits, an empty table.
  if text:find("e+", 1, true) or text:find("{}", 1, true) then return write(object) end
  return text
end

--- Raises unless lua-cjson is there.
function M.check()
  if not codec then load() end
end

-- Stands for an empty list, which cjson reads as an empty object; nobody can guess it.
local EMPTY = ("empty list %s %s"):format(tostring({}), os.time())

-- A text with EMPTY in its empty lists.
local function fill(text)
  local pieces, from, at = {}, 1, 1
  while true do
    local found = text:find('["%[]', at)
    if not found then break end
    if text:byte(found) == 34 then -- a string: to its end
      at = found + 1
      repeat
        at = text:find('["\\]', at)
        if not at then return text end
        local is_end = text:byte(at) == 34
        at = at + (is_end and 1 or 2)
      until is_end
    else
      local closing = text:match("^%[[ \t\r\n]*()%]", found)
      if closing then
        pieces[#pieces + 1] = text:sub(from, found) .. '"' .. EMPTY .. '"'
        from = closing
      end
      at = found + 1
    end
  end
  return table.concat(pieces) .. text:sub(from)
end

-- The lists that were filled, empty again and marked.
local function unfill(value)
  if type(value) ~= "table" then return value end
  if value[1] == EMPTY then return M.list {} end
  for key, each in pairs(value) do value[key] = unfill(each) end
  return value
end

--- The object of a JSON text. Raises EBADMSG when it is none: somebody else wrote it. The
-- error's `received` is what came.
function M.decode(text)
  -- First the searches that LuaJIT compiles.
  local has_empty = text:find("[]", 1, true) or (text:find("[ ", 1, true) or
    text:find("[\n", 1, true) or text:find("[\r", 1, true) or text:find("[\t", 1, true)) and
    text:find("%[[ \t\r\n]*%]")
  local object, problem = (codec or load()).decode(has_empty and fill(text) or text)
  if problem then
    local err = errors.new(errors.numbers.EBADMSG, "not JSON: " .. problem)
    err.received, err.problem = text, "not JSON: " .. problem
    error(err, 0)
  end
  if has_empty then return unfill(object) end
  return object
end

return M
