-- The metrics of scripts, of which the pages tell. Nobody but the script answers for them, so what
-- makes no sense is left out.
local labels_of = require "eddy.metrics.labels"

local M = {}

-- Its labels behind ours; nil when they are none, or ours.
local function full(base, text)
  local list = labels_of.read(text)
  if not list then return nil end
  local words = { base }
  for i, label in ipairs(list) do
    if labels_of.reserved[label[1]] then return nil end
    words[i + 1] = labels_of.write(label[1], label[2])
  end
  return table.concat(words, ",")
end

--- Its name, as it is shown; nil when it is none, or eddy's.
function M.name(metric)
  local name = metric.name
  if not labels_of.is_metric(name) or labels_of.is_eddys(name) then return nil end
  if metric.type == "counter" and name:sub(-6) ~= "_total" then return name .. "_total" end
  return name
end

--- Adds one.
-- @param collector where to
-- @param base the labels of its process
-- @param source who counts
-- @param metric as the page has it
-- @param is_alive whether its process is: gauges of others are not shown
-- @return whether it could be added
function M.add(collector, base, source, metric, is_alive)
  local name, text = M.name(metric), full(base, metric.labels)
  if not name or not text then return false end
  local family = collector:family(name, metric.type, metric.help, metric.bounds)
  if not family then return false end
  if metric.type == "gauge" then
    if is_alive then collector.gauge(family, text, metric.value) end
    return true
  end
  local values = { metric.value }
  if metric.buckets then
    values = { unpack(metric.buckets) }
    values[#values + 1] = metric.value
  end
  collector:count(family, text, source, values)
  return true
end

return M
