-- Families of metrics as text: Prometheus' format 0.0.4, or OpenMetrics 1.0.0.
local labels_of = require "eddy.metrics.labels"

local M = {}

M.PLAIN = "text/plain; version=0.0.4; charset=utf-8"
M.OPEN = "application/openmetrics-text; version=1.0.0; charset=utf-8"

-- A number with as many digits as it needs.
local function number(value)
  if value ~= value then return "NaN" end
  if value == math.huge then return "+Inf" end
  if value == -math.huge then return "-Inf" end
  local text = ("%.15g"):format(value)
  return tonumber(text) == value and text or ("%.17g"):format(value)
end

-- A bucket's bound, as OpenMetrics wants it: the same text in both formats, since it is a label.
local function bound(value)
  local text = number(value)
  return text:find "[.e]" and text or text .. ".0"
end

local function braces(text, more)
  if text ~= "" and more then text = text .. "," end
  text = text .. (more or "")
  return text ~= "" and "{" .. text .. "}" or ""
end

local function histogram(lines, family, sample)
  local values, count = sample.values, 0
  for i = 1, #family.bounds + 1 do
    count = count + values[i]
    local le = family.bounds[i] and bound(family.bounds[i]) or "+Inf"
    lines[#lines + 1] = ("%s_bucket%s %s"):format(family.name,
      braces(sample.labels, 'le="' .. le .. '"'), number(count))
  end
  lines[#lines + 1] = ("%s_sum%s %s"):format(family.name, braces(sample.labels),
    number(values[#values]))
  lines[#lines + 1] = ("%s_count%s %s"):format(family.name, braces(sample.labels), number(count))
end

-- A family's help: one line.
local function help(text, is_open)
  text = labels_of.clean(text):gsub("\\", "\\\\"):gsub("\n", "\\n")
  return is_open and text:gsub('"', '\\"') or text
end

--- Writes them.
-- @param families what eddy.exporter.processes.families returned
-- @param is_open whether it is OpenMetrics
function M.write(families, is_open)
  local lines = {}
  for _, family in ipairs(families) do
    local name = is_open and family.kind == "counter" and family.name:sub(1, -7) or family.name
    if #family.samples > 0 then
      lines[#lines + 1] = ("# HELP %s %s"):format(name, help(family.help, is_open))
      lines[#lines + 1] = ("# TYPE %s %s"):format(name, family.kind)
    end
    for _, sample in ipairs(family.samples) do
      if family.kind == "histogram" then
        histogram(lines, family, sample)
      else
        lines[#lines + 1] = family.name .. braces(sample.labels) .. " " .. number(sample.value)
      end
    end
  end
  if is_open then lines[#lines + 1] = "# EOF" end
  lines[#lines + 1] = ""
  return table.concat(lines, "\n")
end

-- The weight that an Accept header gives a type; nil when it does not name it.
local function weight(accept, kind)
  for range in accept:gmatch "[^,]+" do
    local name, rest = range:match "^%s*([^;%s]+)%s*(.*)$"
    if name and name:lower() == kind then
      local version = rest:match "version%s*=%s*\"?([%d.]+)"
      if kind ~= "application/openmetrics-text" or not version or version == "1.0.0" or
        version == "0.0.1" then
        return tonumber(rest:match "[; ]q%s*=%s*([%d.]+)") or 1
      end
    end
  end
end

--- Whether an Accept header asks for OpenMetrics rather than plain text.
function M.wants_open(accept)
  local open = weight(accept, "application/openmetrics-text") or 0
  local plain = weight(accept, "text/plain") or weight(accept, "text/*") or 0
  return open > 0 and open >= plain
end

return M
