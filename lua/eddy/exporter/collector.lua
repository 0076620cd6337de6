-- Sorts numbers into families of metrics, by their labels: what has the same labels is summed.
local labels = require "eddy.metrics.labels"
local totals = require "eddy.exporter.totals"

local M = {}

local Collector = {}
Collector.__index = Collector

--- Makes one, for the looks that follow: it remembers what was counted.
function M.new() return setmetatable({ totals = totals.new() }, Collector) end

--- A new look.
function Collector:begin()
  self.families, self.by_name, self.names = {}, {}, {}
  self.totals:begin()
end

-- The names that a family's samples have.
local function names_of(kind, name)
  if kind ~= "histogram" then return { name, kind == "counter" and name:sub(1, -7) or nil } end
  return { name, name .. "_bucket", name .. "_count", name .. "_sum" }
end

--- Adds a family.
-- @param bounds of a histogram
-- @param merge of a gauge: "sum", "max", "min"
-- @return it; nil where another one has one of its names, or the name but another form
function Collector:family(name, kind, help, bounds, merge)
  local family = self.by_name[name]
  if family then
    local same = family.kind == kind and
      table.concat(family.bounds or {}, ",") == table.concat(bounds or {}, ",")
    return same and family or nil
  end
  local names = names_of(kind, name)
  for _, each in ipairs(names) do
    if self.names[each] then return nil end
  end
  for _, each in ipairs(names) do self.names[each] = true end
  family = { name = name, kind = kind, help = help, bounds = bounds, merge = merge or "sum",
    gauges = {} }
  self.by_name[name], self.families[#self.families + 1] = family, family
  return family
end

--- Labels as text.
-- @param base the text of those that come first
-- @param ... names and values
function M.text(base, ...)
  local words = { base ~= "" and base or nil }
  for i = 1, select("#", ...), 2 do
    local name, value = select(i, ...)
    words[#words + 1] = labels.write(name, tostring(value))
  end
  return table.concat(words, ",")
end

local merges = {
  sum = function(a, b) return a + b end, max = math.max, min = math.min,
}

--- A gauge's number.
function Collector.gauge(family, text, value)
  local before = family.gauges[text]
  family.gauges[text] = before and merges[family.merge](before, value) or value
end

--- What a counter, or a histogram's buckets and sum, have come to.
-- @param source who counted that, by a text that nobody else has
-- @param values a list of numbers
function Collector:count(family, text, source, values)
  self.totals:add(family.name .. "\0" .. text, source, values)
end

-- The samples of a family in order.
local function sorted(samples)
  table.sort(samples, function(a, b) return a.labels < b.labels end)
  return samples
end

--- Everything was added.
-- @param now in ms
-- @return a list of families: { name, kind, help, bounds, samples }; a sample has its `labels` as
-- text, and its `value`, or of a histogram its `values`
function Collector:finish(now)
  local samples = {}
  for key, values in pairs(self.totals:finish(now)) do
    local name, text = key:match "^(%Z*)%z(.*)$"
    local family = self.by_name[name]
    -- One that has become another meanwhile begins again.
    if family and family.kind ~= "gauge" and #values == (family.bounds and #family.bounds + 2 or 1)
    then
      samples[name] = samples[name] or {}
      table.insert(samples[name], { labels = text, value = values[1], values = values })
    end
  end
  for _, family in ipairs(self.families) do
    family.samples = samples[family.name] or {}
    for text, value in pairs(family.gauges) do
      table.insert(family.samples, { labels = text, value = value })
    end
    sorted(family.samples)
  end
  return self.families
end

return M
