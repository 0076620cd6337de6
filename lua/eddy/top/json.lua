-- Samples as plain tables, for JSON.
local json = require "eddy.zmq.json"

local M = {}

local function of_stream(each)
  local stream, made = each.stream, {}
  for name, value in pairs(stream) do
    if name ~= "handling" and name ~= "number" and name ~= "loop" then made[name] = value end
  end
  made.rates, made.cpu = each.rates, each.share
  made.handling = { p50 = each.handling.p50, p99 = each.handling.p99,
    longest = each.handling.longest, count = stream.handling.count,
    total = stream.handling.total }
  return made
end

--- A list of processes, as tables. Times are in ms, rates a second, shares from 0 to 1.
function M.tables(samples)
  local list = {}
  for i, sample in ipairs(samples) do
    local page, loops, streams = sample.page, sample.loops, {}
    for at, each in ipairs(sample.streams) do streams[at] = of_stream(each) end
    list[i] = {
      pid = sample.pid, command = page.command, worker = page.worker, eddy = page.eddy,
      generation = page.generation, status = sample.status, uptime = sample.uptime,
      exit_code = page.ended > 0 and page.exit_code or nil,
      cpu = sample.cpu, memory = sample.process and sample.process.memory,
      descriptors = sample.process and sample.process.descriptors,
      loop = { turns_per_s = loops.turns, waiting = loops.waiting, callbacks = loops.callbacks,
        timers = loops.timers, errors = loops.errors, missed_wakeups = loops.missed_wakeups,
        lua_bytes = loops.lua_bytes,
        lag = { p50 = loops.lag.p50, p99 = loops.lag.p99, longest = loops.lag.longest } },
      auth = page.auth, streams = json.list(streams),
    }
  end
  return json.list(list)
end

--- The same as JSON.
function M.of(samples) return json.encode(M.tables(samples)) end

return M
