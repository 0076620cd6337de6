-- What happened between two looks at the counters of processes.
local list = require "eddy.counters.list"
local quantiles = require "eddy.counters.quantiles"

local M = {}

local MEANWHILE = { "messages_in", "bytes_in", "messages_out", "bytes_out", "dropped", "errors" }

local function by_number(records)
  local found = {}
  for _, record in ipairs(records) do found[record.number] = record end
  return found
end

-- A record's times of the last while, or of all time where there was nothing in it.
local function recent(times, before)
  return { p50 = quantiles.of(times, 0.5, before), p99 = quantiles.of(times, 0.99, before),
    longest = times.longest, count = times.count - (before and before.count or 0),
    total = times.total - (before and before.total or 0) }
end

-- How much a second, of what grew from one number to another in so many ms.
local function rate(now, before, ms)
  return ms > 0 and math.max(0, now - before) / ms * 1000 or 0
end

local function of_stream(stream, before, ms)
  local rates = {}
  for _, name in ipairs(MEANWHILE) do
    rates[name] = before and rate(stream[name], before[name], ms) or 0
  end
  local handling = recent(stream.handling, before and before.handling)
  return { stream = stream, rates = rates, handling = handling,
    share = before and ms > 0 and math.min(1, handling.total / ms) or 0 }
end

-- The sum of what loops have, and the worst lag.
local function of_loops(page, before, ms)
  local loops, earlier = { turns = 0, waiting = 0, callbacks = 0, timers = 0, errors = 0,
    missed_wakeups = 0, lua_bytes = 0 }, before and by_number(before.loops) or {}
  local by_thread = {}
  for _, loop in ipairs(page.loops) do
    local was = earlier[loop.number]
    loops.turns = loops.turns + (was and rate(loop.turns, was.turns, ms) or 0)
    for _, name in ipairs { "waiting", "callbacks", "timers", "errors", "missed_wakeups" } do
      loops[name] = loops[name] + loop[name]
    end
    local lag = recent(loop.lag, was and was.lag)
    if not loops.lag or (lag.p99 or -1) > (loops.lag.p99 or -1) then loops.lag = lag end
    -- Loops of one thread have one Lua state; the last look is right for all of them.
    local known = by_thread[loop.thread]
    if not known or known.looked < loop.looked then by_thread[loop.thread] = loop end
  end
  for _, loop in pairs(by_thread) do loops.lua_bytes = loops.lua_bytes + loop.lua_bytes end
  loops.lag = loops.lag or {}
  return loops
end

local function of_process(entry, before)
  local page = entry.page
  local earlier = before and before.page.started == page.started and before or nil
  local ms = earlier and entry.clock - earlier.clock or 0
  local streams = earlier and by_number(earlier.page.streams) or {}
  local sample = { pid = entry.pid, page = page, process = entry.process, status = entry.status,
    streams = {}, rates = { messages_in = 0, messages_out = 0, dropped = 0 }, dropped = 0,
    queued = 0, loops = of_loops(page, earlier and earlier.page, ms),
    uptime = entry.process and entry.clock - page.began_clock or
      page.ended > 0 and (page.ended - page.began) * 1000 or nil }
  for i, stream in ipairs(page.streams) do
    local each = of_stream(stream, streams[stream.number], ms)
    sample.streams[i] = each
    for name, value in pairs(sample.rates) do sample.rates[name] = value + each.rates[name] end
    sample.queued, sample.dropped = sample.queued + stream.queued, sample.dropped + stream.dropped
  end
  local cpu = entry.process and earlier and earlier.process
  sample.cpu = cpu and ms > 0 and (entry.process.cpu - cpu.cpu) / ms or 0
  return sample
end

-- Those that live by their ids, then the others, the last one first.
local function is_before(a, b)
  local x, y = a.status.at, b.status.at
  if x and y and x ~= y then return x > y end
  if (x == nil) ~= (y == nil) then return x == nil end
  return a.pid < b.pid
end

--- Looks at all processes, or at one.
-- @param before what the last look returned; optional
-- @param pid one process's; optional
-- @param most of those that have ended are looked at; nil: all
-- @return a list of samples: what the pages have, and `rates` a second since the look before; in
-- `left_out` how many more have ended
function M.take(before, pid, most)
  local entries, earlier, samples = list.all(pid), {}, {}
  for _, entry in ipairs(before and before.entries or {}) do
    if entry.page then earlier[entry.path] = entry end
  end
  for _, entry in ipairs(entries) do
    if entry.page then samples[#samples + 1] = of_process(entry, earlier[entry.path]) end
  end
  table.sort(samples, is_before)
  local ended = 0
  for i, sample in ipairs(samples) do
    ended = ended + (sample.status.at and 1 or 0)
    if most and ended > most then samples[i] = nil end
  end
  samples.entries, samples.left_out = entries, most and math.max(0, ended - most) or 0
  return samples
end

return M
