-- One process: what is above its streams, and their table.
local status = require "eddy.counters.status"
local processes = require "eddy.top.processes"
local tables = require "eddy.terminal.table"
local text = require "eddy.terminal.text"

local M = {}

local function count_of(name, width, title)
  return { title = title, width = width, right = true,
    value = function(s) return s.stream[name] end,
    get = function(s) return text.count(s.stream[name]) end }
end

local function rate_of(name, title)
  return { title = title, width = 5, right = true, value = function(s) return s.rates[name] end,
    get = function(s) return text.count(s.rates[name]) end }
end

local function time_of(name, title)
  return { title = title, width = 6, right = true,
    value = function(s) return s.handling[name] or 0 end,
    get = function(s) return text.time(s.handling[name]) end }
end

local function name_of(sample)
  local stream = sample.stream
  return stream.messages_in > 0 and not stream.receiving and stream.name .. " (paused)" or
    stream.name
end

--- Its columns.
M.columns = {
  { title = "STREAM", width = 8, share = 2, value = name_of, get = name_of },
  { title = "TYPE", width = 6, value = function(s) return s.stream.type end,
    get = function(s) return s.stream.type end },
  { title = "ENDPOINT", width = 16, share = 1, from = 105,
    value = function(s) return s.stream.endpoint end,
    get = function(s) return s.stream.endpoint end },
  rate_of("messages_in", "IN/S"), rate_of("messages_out", "OUT/S"),
  count_of("queued", 6, "QUEUED"), count_of("high_water", 5, "HWM"),
  count_of("dropped", 5, "DROP"), time_of("p50", "P50"), time_of("p99", "P99"),
  { title = "CPU%", width = 4, right = true, value = function(s) return s.share end,
    get = function(s) return ("%.0f"):format(s.share * 100) end },
}

local function join(list) return table.concat(list, "   ") end

-- The lines above the table.
local function head(sample)
  local page, loops, process = sample.page, sample.loops, sample.process
  local first = { ("pid %d"):format(sample.pid), processes.command(sample) }
  if page.generation > 1 then first[#first + 1] = ("generation %d"):format(page.generation) end
  if sample.uptime then first[#first + 1] = "up " .. status.duration(sample.uptime) end
  local lag = loops.lag
  local second = { ("%s turns/s"):format(text.count(loops.turns)),
    ("lag p50 %s, p99 %s, longest %s"):format(text.time(lag.p50), text.time(lag.p99),
      text.time(lag.longest)) }
  if process then
    second[#second + 1] = ("cpu %.0f %%"):format(sample.cpu * 100)
  end
  local third = { ("lua %s"):format(text.bytes(loops.lua_bytes)) }
  if process then table.insert(third, 1, ("memory %s"):format(text.bytes(process.memory))) end
  if process and process.descriptors then third[#third + 1] = process.descriptors .. " fds" end
  third[#third + 1] = ("waiting %d"):format(loops.waiting)
  third[#third + 1] = ("callbacks %d"):format(loops.callbacks)
  third[#third + 1] = ("timers %d"):format(loops.timers)
  if loops.errors > 0 then third[#third + 1] = ("errors %d"):format(loops.errors) end
  local auth = page.auth
  if auth.allowed + auth.refused + auth.later + auth.malformed > 0 then
    third[#third + 1] = ("let in %d, refused %d"):format(auth.allowed, auth.refused)
  end
  local word = sample.status.word
  local is_bad = word ~= "running" and word ~= "loading"
  return { join(first), { sample.status.text, style = is_bad and "alarm" or "bold" },
    join(second), join(third), "" }
end

--- The page of a process.
-- @param sample of it; its `streams` in the order in which they are shown
-- @param columns of the screen
-- @return a list of lines above the table, and of its own: the titles first
function M.lines(sample, columns)
  local layout, lines = tables.layout(M.columns, columns), {}
  lines[1] = tables.line(layout, function(column) return column.title end)
  for _, each in ipairs(sample.streams) do
    lines[#lines + 1] = tables.line(layout, function(column) return column.get(each) end)
  end
  return head(sample), lines
end

return M
