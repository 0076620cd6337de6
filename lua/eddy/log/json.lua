-- Log records as lines of JSON.
local c = require "eddy.base.libeddy"
local errors = require "eddy.base.errors"
local formats = require "eddy.log.format"
local json = require "eddy.zmq.json"

local C = c.C

local M = {}

-- What JSON has no form for is told by its text.
local function encode(value)
  local ok, text = pcall(json.encode, value)
  if ok then return text end
  ok, text = pcall(tostring, value)
  return json.encode(ok and text or "an object whose __tostring fails")
end

local function now()
  local ms = C.eddy_wall_time(nil)
  return os.date("!%Y-%m-%dT%H:%M:%S", math.floor(ms / 1000)) .. (".%03dZ"):format(ms % 1000)
end

local ours = { time = true, level = true, logger = true, topic = true, text = true }

local function add_fields(parts, fields)
  local names = {}
  for name in pairs(fields) do
    if type(name) == "string" then names[#names + 1] = name end
  end
  table.sort(names)
  for _, name in ipairs(names) do
    local key = ours[name] and name .. "_" or name
    parts[#parts + 1] = encode(key) .. ":" .. encode(fields[name])
  end
end

--- A format for `set_formatter`: a line is an object with time (UTC), level, logger, topic, text,
-- and the record's fields. Raises unless lua-cjson is there.
---@param fields? table<string, any> what each object has beside these; optional
---@return fun(record: eddy.Record, text: string): string
function M.formatter(fields)
  if fields ~= nil and type(fields) ~= "table" then
    errors.misuse("json_formatter: expected a table of fields, got " .. type(fields))
  end
  json.check()
  local constant, worker = {}, C.eddy_worker_index()
  if worker > 0 then constant[1] = '"worker":' .. worker end
  add_fields(constant, fields or {})
  local function format(record, text)
    local own = record.fields
    if own then text = text:sub(1, #text - #record.fields_text) end
    local parts = { '"time":"' .. now() .. '"', '"level":' .. encode(record.level_name) }
    if record.name then parts[#parts + 1] = '"logger":' .. encode(record.name) end
    if record.topic and record.topic ~= "" then
      parts[#parts + 1] = '"topic":' .. encode(record.topic)
    end
    parts[#parts + 1] = '"text":' .. encode(text)
    for _, part in ipairs(constant) do parts[#parts + 1] = part end
    if own then add_fields(parts, own) end
    return "{" .. table.concat(parts, ",") .. "}"
  end
  formats.frugal[format] = true
  return format
end

return M
