--- A script's own numbers, which `eddy metrics` shows beside eddy's: eddy.metrics.counter(...).
-- They live on the process's counters page: others read them without asking the process.
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"
local families = require "eddy.metrics.family"
local labels_of = require "eddy.metrics.labels"

local C = c.C

---@class eddy.metrics
local M = {}

-- Seconds, as Prometheus' clients have them.
local USUAL = { 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10 }

local known = {} -- by name

-- What a name ends with that histograms, or counters, add to theirs.
local taken = { counter = {}, gauge = { "_total", "_bucket", "_count", "_sum" },
  histogram = { "_total", "_bucket", "_count", "_sum" } }

local function check_name(kind, name)
  if type(name) ~= "string" or not labels_of.is_metric(name) then
    errors.misuse(("%s: expected a name of letters, digits and underscores, got %s"):format(kind,
      errors.typed(name)))
  end
  if labels_of.is_eddys(name) then
    errors.misuse(("%s: '%s': names that begin with eddy_ and process_ are eddy's"):format(kind,
      name))
  end
  for _, ending in ipairs(taken[kind]) do
    if name:sub(-#ending) == ending then
      errors.misuse(("%s: '%s': %s is for %s"):format(kind, name, ending,
        ending == "_total" and "counters" or "what a histogram adds"))
    end
  end
  if kind == "counter" and name:sub(-6) ~= "_total" then name = name .. "_total" end
  if #name >= C.EDDY_PAGE_NAME - 8 then
    errors.misuse(("%s: '%s': a name has at most %d characters"):format(kind, name,
      C.EDDY_PAGE_NAME - 9))
  end
  return name
end

local function check_labels(kind, name, labels)
  local list, has = {}, {}
  if labels ~= nil and type(labels) ~= "table" then
    errors.misuse(("%s: %s: expected a list of labels' names, got %s"):format(kind, name,
      errors.typed(labels)))
  end
  for i, label in ipairs(labels or {}) do
    if type(label) ~= "string" or not labels_of.is_label(label) or has[label] then
      errors.misuse(("%s: %s: no name for a label: %s"):format(kind, name, errors.typed(label)))
    end
    if labels_of.reserved[label] then
      errors.misuse(("%s: %s: the label '%s' is eddy's own"):format(kind, name, label))
    end
    list[i], has[label] = label, true
  end
  return list
end

local function check_buckets(name, buckets)
  if type(buckets) ~= "table" or #buckets < 1 or #buckets > C.EDDY_PAGE_BOUNDS then
    errors.misuse(("histogram: %s: expected a list of 1 to %d bounds"):format(name,
      C.EDDY_PAGE_BOUNDS))
  end
  local list = {}
  for i, bound in ipairs(buckets) do
    if type(bound) ~= "number" or not (bound > (list[i - 1] or 0) and bound < math.huge) then
      errors.misuse(("histogram: %s: expected bounds above 0, each above the last, got %s"):format(
        name, errors.typed(bound)))
    end
    list[i] = bound
  end
  return list
end

-- The same again, after a reload or in another module, is the same.
local function get(kind, name, help, labels, buckets)
  name = check_name(kind, name)
  if type(help) ~= "string" then
    errors.misuse(("%s: %s: expected a text for help, got %s"):format(kind, name,
      errors.typed(help)))
  end
  labels = check_labels(kind, name, labels)
  if kind == "histogram" then buckets = check_buckets(name, buckets or USUAL) end
  local family = known[name]
  if not family then
    family = families.new(kind, name, help, labels, buckets)
    known[name] = family
  elseif not family:is_like(kind, labels, buckets) then
    errors.misuse(("%s: %s: it is there already, as a %s of other labels or buckets"):format(kind,
      name, family.type))
  end
  return family.top
end

--- What only grows: counter:inc(), counter:inc(amount), counter:value().
-- @param name as Prometheus shows it: "orders_total"; "_total" is added where it is missing
---@param help string what it counts, in a sentence
-- @param labels a list of names, { "kind" }: then counter:with { kind = "new" } has the number. A
-- thousand combinations of values have one of their own; all others share one, "(other)"
-- @return the counter; asked for again, the same
---@return eddy.Counter
function M.counter(name, help, labels) return get("counter", name, help, labels) end

--- What goes up and down: gauge:set(value), inc, dec, value. As counter.
---@param help string
---@return eddy.Gauge
function M.gauge(name, help, labels) return get("gauge", name, help, labels) end

--- What is counted by size: histogram:observe(seconds), and value, the count and sum. As counter.
---@param buckets? number[] up to 20 upper bounds, ascending; from 5 ms to 10 s unless given
---@param help string
---@return eddy.Histogram
function M.histogram(name, help, labels, buckets)
  return get("histogram", name, help, labels, buckets)
end

return M
