-- The metrics of one name, one for each combination of its labels' values; their number is bounded.
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"
local labels = require "eddy.metrics.labels"
local numbers = require "eddy.metrics.numbers"

local C, ffi = c.C, c.ffi

local M = {}

--- So many combinations of values have numbers of their own; all others share one.
M.MOST_SERIES = 1000

local OTHER = "(other)" -- each label's value in the one that others share
local types = { counter = 1, gauge = 2, histogram = 3 }

local Family = {}
Family.__index = Family

-- A text into an array, cut where it does not fit, its last byte 0.
local function put(array, text) ffi.copy(array, text:sub(1, ffi.sizeof(array) - 1)) end

-- A number's place: on the page, or where there is none or no room, memory of its own.
local function place(family, text)
  local size = ffi.sizeof "eddy_page_metric"
  local record = C.eddy_page_add(size)
  local at = record ~= nil and ffi.cast("eddy_page_metric *", record) or
    ffi.new "eddy_page_metric"
  at.type = types[family.type]
  put(at.name, family.name)
  put(at.help, family.help)
  put(at.labels, text)
  local bounds = family.buckets or {}
  at.bound_count = #bounds
  for i, bound in ipairs(bounds) do at.bounds[i - 1] = bound end
  if record ~= nil then C.eddy_page_show(record, C.EDDY_PAGE_METRIC) end
  return at
end

function Family:_make(text)
  return setmetatable({ _at = place(self, text), _family = self }, numbers[self.type])
end

-- The one that others share. Who reads the metrics hears of it by its labels, the log once.
function Family:_shared()
  if not self._other then
    local words = {}
    for i, name in ipairs(self.labels) do words[i] = labels.write(name, OTHER) end
    self._other = self:_make(table.concat(words, ","))
    io.stderr:write(("eddy: metrics: %s: more than %d combinations of labels, or one too " ..
      "long: all others are counted together, as %s\n"):format(self.name, M.MOST_SERIES, OTHER))
  end
  return self._other
end

-- The labels as text, in the order in which they were declared.
function Family:_text(values)
  if type(values) ~= "table" then
    errors.misuse(("with: %s: expected a table of labels, got %s"):format(self.name,
      errors.typed(values)))
  end
  errors.check_fields(values, self.names, "with: " .. self.name)
  local words = {}
  for i, name in ipairs(self.labels) do
    local value = values[name]
    local kind = type(value)
    if kind ~= "string" and kind ~= "number" and kind ~= "boolean" then
      errors.misuse(("with: %s: label '%s': expected a string, got %s"):format(self.name, name,
        errors.typed(value)))
    end
    words[i] = labels.write(name, tostring(value))
  end
  return table.concat(words, ",")
end

--- The metric with these labels.
function Family:with(values)
  local text = self:_text(values)
  local found = self.series[text]
  if found then return found end
  if self.count >= M.MOST_SERIES or #text >= C.EDDY_PAGE_LABELS then return self:_shared() end
  self.count = self.count + 1
  found = self:_make(text)
  self.series[text] = found
  return found
end

--- What to write for its labels: 'kind = ...'.
function Family:example()
  local words = {}
  for i, name in ipairs(self.labels) do words[i] = name .. " = ..." end
  return table.concat(words, ", ")
end

--- Whether it is what somebody asks for again.
function Family:is_like(kind, names, buckets)
  return self.type == kind and table.concat(self.labels, ",") == table.concat(names, ",") and
    table.concat(self.buckets or {}, ",") == table.concat(buckets or {}, ",")
end

--- Makes one.
-- @param kind "counter", "gauge" or "histogram"
-- @param name as Prometheus shows it
-- @param help what it counts
-- @param names of labels, a list
-- @param buckets a histogram's upper bounds
-- @return the metric without labels, or where there are labels, what has `with`
function M.new(kind, name, help, names, buckets)
  local family = setmetatable({ type = kind, name = name, help = help, labels = names, names = {},
    buckets = buckets, series = {}, count = 0 }, Family)
  for _, label in ipairs(names) do family.names[label] = true end
  if #names == 0 then
    family.top = family:_make ""
  else
    family.top = setmetatable({ _family = family }, numbers[kind])
  end
  return family
end

return M
