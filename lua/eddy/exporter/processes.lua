-- What the pages of processes and the system tell of them, as metrics.
local collectors = require "eddy.exporter.collector"
local families = require "eddy.exporter.families"
local script = require "eddy.exporter.script"

local M = {}

local text = collectors.text
local WORDS = { "running", "loading", "hangs", "stopped", "ended", "died" }

-- The counts of times that are shown, and their sum in seconds.
local function values_of(times)
  local values, shown, count = {}, 1, 0
  for i, value in ipairs(times.buckets) do
    count = count + value
    if i == families.shown[shown] then
      values[shown], count, shown = count, 0, shown + 1
    end
  end
  values[#values + 1], values[#values + 2] = count, times.total / 1e3
  return values
end

local function of_stream(add, labels, source, stream)
  labels = text(labels, "stream", stream.name)
  local queued, dropped = stream.queued, stream.dropped_oldest + stream.dropped_newest
  for _, way in ipairs { "in", "out" } do
    local there = text(labels, "direction", way)
    add("eddy_stream_messages_total", there, stream["messages_" .. way], source)
    add("eddy_stream_bytes_total", there, stream["bytes_" .. way], source)
  end
  add("eddy_stream_queue_messages", labels, queued)
  add("eddy_stream_queue_bytes", labels, stream.queued_bytes)
  for reason, count in pairs { oldest = stream.dropped_oldest, newest = stream.dropped_newest,
    other = math.max(0, stream.dropped - dropped) } do
    add("eddy_stream_dropped_total", text(labels, "reason", reason), count, source)
  end
  add("eddy_stream_refused_total", labels, stream.no_room, source)
  add("eddy_stream_errors_total", labels, stream.errors, source)
  add("eddy_stream_unanswered_total", labels, stream.unanswered, source)
  add("eddy_handler_seconds", labels, values_of(stream.handling), source)
end

local function of_loop(add, labels, source, loop)
  add("eddy_loop_turns_total", labels, loop.turns, source)
  add("eddy_loop_events_total", labels, loop.events, source)
  add("eddy_loop_missed_wakeups_total", labels, loop.missed_wakeups, source)
  add("eddy_callback_errors_total", labels, loop.errors, source)
  add("eddy_loop_lag_seconds", labels, values_of(loop.lag), source)
end

-- What is so only of one that lives.
local function of_living(add, labels, entry)
  local page, process, by_thread = entry.page, entry.process, {}
  add("eddy_generation", labels, page.generation)
  add("eddy_hang_seconds", labels, (entry.status.ms or 0) / 1e3)
  for _, loop in ipairs(page.loops) do
    add("eddy_tasks", labels, loop.waiting)
    add("eddy_callbacks", labels, loop.callbacks)
    add("eddy_timers", labels, loop.timers)
    -- Loops of one thread have one Lua state; the last look is right for all of them.
    local known = by_thread[loop.thread]
    if not known or known.looked < loop.looked then by_thread[loop.thread] = loop end
  end
  for _, loop in pairs(by_thread) do add("eddy_lua_memory_bytes", labels, loop.lua_bytes) end
  add("process_resident_memory_bytes", labels, process.memory)
  add("process_start_time_seconds", labels, page.began)
  add("process_open_fds", labels, process.descriptors)
  add("process_max_fds", labels, process.most_descriptors)
end

local function of_process(collector, add, labels, source, entry)
  local page, auth = entry.page, entry.page.auth
  local is_alive = entry.process ~= nil
  for _, word in ipairs(WORDS) do
    add("eddy_processes", text(labels, "status", word), entry.status.word == word and 1 or 0)
  end
  if is_alive then of_living(add, labels, entry) end
  add("process_cpu_seconds_total", labels, is_alive and entry.process.cpu / 1e3 or 0, source)
  for _, loop in ipairs(page.loops) do of_loop(add, labels, source .. loop.number, loop) end
  for _, stream in ipairs(page.streams) do
    if not is_alive then stream.queued, stream.queued_bytes = 0, 0 end
    of_stream(add, labels, source .. stream.number, stream)
  end
  for _, result in ipairs { "allowed", "refused", "later", "malformed" } do
    add("eddy_auth_total", text(labels, "result", result), auth[result], source)
  end
  local left_out = page.left_out
  for _, metric in ipairs(page.metrics) do
    if not script.add(collector, labels, source .. metric.number, metric, is_alive) then
      left_out = left_out + 1
    end
  end
  add("eddy_metrics_left_out", labels, left_out)
end

-- By what processes are kept apart: the command that they run; of several workers, which one; or
-- each one by itself.
local ways = {}

function ways.command(page) return text("", "process", page.command) end

function ways.worker(page)
  local labels = ways.command(page)
  return page.worker and text(labels, "worker", page.worker) or labels
end

function ways.pid(page, pid) return text(ways.worker(page), "pid", pid) end

--- The ways of keeping them apart: names.
M.ways = { command = true, worker = true, pid = true }

--- All metrics.
-- @param collector that remembers what this way's counts were
-- @param entries what eddy.counters.list.all returned
-- @param way "command", "worker" or "pid"
-- @param now in ms
-- @param build names and values of eddy_build_info
-- @return a list of families
function M.families(collector, entries, way, now, build)
  collector:begin()
  local by_name = {}
  for _, row in ipairs(families.rows) do
    local bounds = row[2] == "histogram" and families.bounds or nil
    by_name[row[1]] = collector:family(row[1], row[2], row[3], bounds, row[4])
  end
  local function add(name, labels, value, source)
    local family = by_name[name]
    if value == nil then return end
    if not source then return collector.gauge(family, labels, value) end
    collector:count(family, labels, source, type(value) == "table" and value or { value })
  end
  add("eddy_build_info", text("", unpack(build)), 1)
  for _, entry in ipairs(entries) do
    if entry.page then
      local source = ("%d/%.0f/"):format(entry.pid, entry.page.started)
      of_process(collector, add, ways[way](entry.page, entry.pid), source, entry)
    end
  end
  return collector:finish(now)
end

return M
