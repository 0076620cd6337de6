-- Typed netstrings, in which Pushpin and Mongrel2 write tables: "5:hello,", "2:42#", "4:true!", and
-- lists "...]" and dictionaries "...}" of these.
local M = {}

local MOST_DEPTH = 20

local function write(value)
  local kind = type(value)
  if kind == "string" then return #value .. ":" .. value .. "," end
  local text, tag = tostring(value), "!"
  if kind == "number" then
    local is_whole = value % 1 == 0 and math.abs(value) < 2 ^ 53
    text, tag = (is_whole and "%.0f" or "%.17g"):format(value), is_whole and "#" or "^"
  elseif kind == "table" then
    local parts = {}
    if #value > 0 then
      for i, each in ipairs(value) do parts[i] = write(each) end
    else
      for name, each in pairs(value) do parts[#parts + 1] = write(name) .. write(each) end
    end
    text, tag = table.concat(parts), #value > 0 and "]" or "}"
  elseif kind ~= "boolean" then
    error("a " .. kind .. " cannot be written as a netstring")
  end
  return #text .. ":" .. text .. tag
end

M.encode = write

local read

-- The values of a list or dictionary, all of `text` from `place` to `last`.
local function read_all(text, place, last, depth)
  local values, count = {}, 0
  while place <= last do
    count = count + 1
    values[count], place = read(text, place, last, depth)
  end
  return values, count
end

local function read_dictionary(text, place, last, depth)
  local values, count = read_all(text, place, last, depth)
  local result = {}
  if count % 2 ~= 0 then error "a name without a value" end
  for i = 1, count, 2 do
    if type(values[i]) ~= "string" then error "a name that is no string" end
    result[values[i]] = values[i + 1]
  end
  return result
end

local readers = {
  [","] = function(text, place, last) return text:sub(place, last) end,
  ["#"] = function(text, place, last) return tonumber(text:sub(place, last)) end,
  ["!"] = function(text, place, last) return text:sub(place, last) == "true" end,
  ["~"] = function() return nil end,
  ["]"] = function(...) return (read_all(...)) end,
  ["}"] = read_dictionary,
}
readers["^"] = readers["#"]

-- The value that begins at `place`, and where the next one does.
function read(text, place, most, depth)
  local size, first = text:match("^(%d+):()", place)
  local last = size and #size < 10 and first + size - 1
  local reader = last and last < most and readers[text:sub(last + 1, last + 1)]
  if not reader or depth > MOST_DEPTH then error "no netstring" end
  return reader(text, first, last, depth + 1), last + 2
end

--- The value of a text, which may be anybody's.
-- @return it; or nil and an error, when the text is no netstring
function M.decode(text)
  local ok, value, after = pcall(read, text, 1, #text, 0)
  if ok and after == #text + 1 then return value end
  return nil, ok and "something follows the netstring" or value
end

return M
