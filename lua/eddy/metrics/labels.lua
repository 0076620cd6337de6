-- Names and labels of metrics, to and from Prometheus' text.
local M = {}

--- Whether it may be a metric's name.
function M.is_metric(name) return name:find "^[%a_:][%w_:]*$" ~= nil end

--- Whether a metric's name is one of those that eddy keeps for itself.
function M.is_eddys(name) return name:find "^eddy_" ~= nil or name:find "^process_" ~= nil end

--- Whether it may be a label's name; those that begin with two underscores are Prometheus' own.
function M.is_label(name) return name:find "^[%a_][%w_]*$" ~= nil and name:sub(1, 2) ~= "__" end

--- What `eddy metrics` adds by itself, and what histograms have.
M.reserved = { process = true, worker = true, pid = true, le = true }

-- The length of the UTF-8 sequence at a place; nil where there is none.
local function sequence(text, at)
  local first, second, third, fourth = text:byte(at, at + 3)
  local function follows(byte, low, high)
    return byte and byte >= (low or 0x80) and byte <= (high or 0xbf)
  end
  if first < 0x80 then return 1 end
  if first >= 0xc2 and first <= 0xdf then return follows(second) and 2 or nil end
  if first >= 0xe0 and first <= 0xef then
    local low, high = first == 0xe0 and 0xa0 or nil, first == 0xed and 0x9f or nil
    return follows(second, low, high) and follows(third) and 3 or nil
  end
  if first >= 0xf0 and first <= 0xf4 then
    local low, high = first == 0xf0 and 0x90 or nil, first == 0xf4 and 0x8f or nil
    return follows(second, low, high) and follows(third) and follows(fourth) and 4 or nil
  end
end

--- A text as UTF-8: what is none in it becomes "?".
function M.clean(text)
  if not text:find "[\128-\255]" then return text end
  local pieces, at = {}, 1
  while at <= #text do
    local length = sequence(text, at)
    pieces[#pieces + 1] = length and text:sub(at, at + length - 1) or "?"
    at = at + (length or 1)
  end
  return table.concat(pieces)
end

local escapes = { ["\\"] = "\\\\", ['"'] = '\\"', ["\n"] = "\\n" }

--- A label as text: name="value".
function M.write(name, value)
  return name .. '="' .. M.clean(value):gsub('[\\"\n]', escapes) .. '"'
end

local unescapes = { ["\\"] = "\\", ['"'] = '"', n = "\n" }

--- The labels of a text that somebody else wrote.
-- @return a list of { name, value } by name; nil when the text has no such form, or a name twice
function M.read(text)
  local list, names, at = {}, {}, 1
  while at <= #text do
    local name, from = text:match('^([^="]+)="()', at)
    if not name or not M.is_label(name) or names[name] then return nil end
    local to = from
    while true do
      to = text:find('["\\]', to)
      if not to then return nil end
      if text:byte(to) == 34 then break end
      if not unescapes[text:sub(to + 1, to + 1)] then return nil end
      to = to + 2
    end
    local value = text:sub(from, to - 1):gsub("\\(.)", unescapes)
    names[name], list[#list + 1] = true, { name, value }
    at = to + 1
    if at <= #text then
      if text:byte(at) ~= 44 or at == #text then return nil end
      at = at + 1
    end
  end
  table.sort(list, function(a, b) return a[1] < b[1] end)
  return list
end

return M
