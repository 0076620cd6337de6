-- What the page for people draws: the processes now, and their rates since the last look, which all
-- who ask within a second share.
local samples = require "eddy.counters.sample"
local json = require "eddy.zmq.json"
local tables = require "eddy.top.json"
local script = require "eddy.exporter.script"

local M = {}

local FRESH_MS = 900
local FEW = 3 -- of those that have ended
local MOST_METRICS = 200 -- of a process's own, that a page of plots can show

-- A script's own numbers.
local function metrics_of(page)
  local list = {}
  for _, metric in ipairs(page.metrics) do
    local name = #list < MOST_METRICS and script.name(metric)
    if name and metric.value > -math.huge and metric.value < math.huge then
      local count
      for _, value in ipairs(metric.buckets or {}) do count = (count or 0) + value end
      list[#list + 1] = { name = name, type = metric.type, labels = metric.labels,
        value = metric.value, count = count }
    end
  end
  return json.list(list)
end

--- Makes what looks.
-- @param clock a function: ms
-- @return a function that returns the JSON text
function M.new(clock)
  local last, at, text = samples.take(nil, nil, FEW), clock()
  return function()
    local now = clock()
    if text and now - at < FRESH_MS then return text end
    last, at = samples.take(last, nil, FEW), now
    local list = tables.tables(last)
    for i, each in ipairs(list) do
      each.metrics = metrics_of(last[i].page)
      each.id = ("%d/%.0f"):format(each.pid, last[i].page.started)
    end
    text = json.encode { at = os.time(), processes = list }
    return text
  end
end

return M
