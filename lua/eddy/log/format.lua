--- How log records become text: the levels, and the formats that handlers keep for them.
local errors = require "eddy.base.errors"
local records = require "eddy.log.record"

local M = {}

local numbers, names = {}, {} -- of levels, by name and by number

--- Adds a level, or gives one that has no name yet a name.
function M.add_level(name, number)
  if type(name) ~= "string" or not name:match("^%u[%u%d_]*$") then
    errors.misuse("add_level: expected a name in capitals, got " .. tostring(name))
  end
  if type(number) ~= "number" or number ~= number then
    errors.misuse("add_level: expected a number, got " .. tostring(number))
  end
  numbers[name], names[number] = number, name
end

M.add_level("DEBUG", 10)
M.add_level("INFO", 20)
M.add_level("WARN", 30)
M.add_level("ERROR", 40)
M.add_level("CRITICAL", 50)

--- A level's number, from its number or name; raises when it is neither.
function M.level_number(level, what)
  local number = type(level) == "number" and level == level and level or numbers[level]
  return number or errors.unknown(what, "level", level, numbers)
end

--- A level's name; one that has none is called "LEVEL25".
function M.level_name(number) return names[number] or "LEVEL" .. number end

--- The text of anything; never raises.
function M.text_of(value)
  if type(value) == "string" then return value end
  local ok, text = pcall(tostring, value)
  return ok and text or "an object whose __tostring fails"
end

--- What a message begins with: of { "text", name = value, ... }, which is one with fields, its
-- text, else the message.
function M.head_of(message)
  return getmetatable(message) == nil and type(rawget(message, 1)) == "string" and message[1]
    or message
end

--- The fields of such a message: its table, or nil.
function M.fields_of(message) return M.head_of(message) ~= message and message or nil end

-- Words are written as they are, other texts in quotes.
local function value_text(value)
  local text = M.text_of(value)
  if text:find "^[^%s\"=%c]+$" then return text end
  return (("%q"):format(text):gsub("\\\n", "\\n"):gsub("%c", function(byte)
    return ("\\%03d"):format(byte:byte())
  end))
end

--- Fields as the end of a text: " id=17 name=joe".
function M.fields_text(fields)
  local texts = {}
  for name, value in pairs(fields) do
    if type(name) == "string" then texts[#texts + 1] = " " .. name .. "=" .. value_text(value) end
  end
  table.sort(texts)
  return table.concat(texts)
end

local fields = {
  level = function(record) return record.level_name end,
  name = function(record) return record.name or "" end,
  topic = function(record) return record.topic or "" end,
  file = function(record) return record.file end,
  line = function(record) return record.line end,
  time = function(record) return os.date("%Y-%m-%d %H:%M:%S", record.time) end,
}

local function fill(format, record, text)
  if format:find "{[fl]i[ln]e}" then local _ = record.line end -- sooner, as the stack grows
  return (format:gsub("{(%l+)}", function(field)
    if field == "message" then return text end
    return fields[field] and tostring(fields[field](record)) or nil
  end))
end

--- Formats of our own, which take no more of a record than they need.
M.frugal = setmetatable({}, { __mode = "k" })

local Formats = {}
Formats.__index = Formats

--- The formats of one handler.
-- @param default a format for levels that have none of their own
-- @param per_level formats of levels, by number
function M.formats(default, per_level)
  return setmetatable({ _default = default, _per_level = per_level }, Formats)
end

--- Sets the format of a level, or, without one, of all levels.
-- @param format a text in which {message} {level} {file} {line} {topic} {name} {time} are
-- filled in, or a function(record, text) that returns the whole
function Formats:set(format, level)
  if type(format) ~= "string" and type(format) ~= "function" then
    errors.misuse("set_formatter: expected a text or a function, got " .. type(format))
  end
  if level == nil or level == 0 then
    self._default, self._per_level = format, {}
  else
    self._per_level[M.level_number(level, "set_formatter")] = format
  end
end

--- A record in its level's format, with a newline at its end. Never raises.
-- @return the line, and whether it may have nothing else before it
function Formats:apply(record, text)
  local format = self._per_level[record.level] or self._default
  local line
  if type(format) == "string" then
    line = format == "{message}" and text or fill(format, record, text)
  else
    if not M.frugal[format] then records.complete(record) end
    local ok, made = pcall(format, record, text)
    made = M.text_of(made)
    line = ok and made or text .. " (its formatter failed: " .. made .. ")"
  end
  return line:sub(-1) == "\n" and line or line .. "\n", M.frugal[format]
end

return M
