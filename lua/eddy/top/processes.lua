-- The table of all processes: what `eddy ps` prints, and what `eddy top` begins with.
local status = require "eddy.counters.status"
local tables = require "eddy.terminal.table"
local text = require "eddy.terminal.text"

local M = {}

--- Its columns; `value` is what it is sorted by.
M.columns = {
  { title = "PID", width = 7, right = true, value = function(s) return s.pid end,
    get = function(s) return ("%d"):format(s.pid) end },
  { title = "STATE", width = 26, share = 1, value = function(s) return s.status.text end,
    get = function(s) return s.status.text end },
  { title = "UP", width = 6, right = true, value = function(s) return s.uptime or 0 end,
    get = function(s) return s.uptime and status.duration(s.uptime) or "-" end },
  { title = "CPU%", width = 4, right = true, from = 90, value = function(s) return s.cpu end,
    get = function(s) return ("%.0f"):format(s.cpu * 100) end },
  { title = "STREAMS", width = 7, right = true, from = 78,
    value = function(s) return #s.streams end,
    get = function(s) return ("%d"):format(#s.streams) end },
  { title = "IN/S", width = 5, right = true, value = function(s) return s.rates.messages_in end,
    get = function(s) return text.count(s.rates.messages_in) end },
  { title = "OUT/S", width = 5, right = true, value = function(s) return s.rates.messages_out end,
    get = function(s) return text.count(s.rates.messages_out) end },
  { title = "MEMORY", width = 7, right = true,
    value = function(s) return s.process and s.process.memory or 0 end,
    get = function(s) return s.process and text.bytes(s.process.memory) or "-" end },
  { title = "COMMAND", width = 10, share = 1, value = function(s) return M.command(s) end,
    get = function(s) return M.command(s) end },
}

--- What a process is known by.
function M.command(sample)
  local page = sample.page
  local worker = page.worker and (" [worker %d]"):format(page.worker) or ""
  return page.command .. worker
end

--- The table.
-- @param samples what eddy.counters.sample.take returned
-- @param columns of the screen
-- @return a list of lines: the titles first
function M.lines(samples, columns)
  local layout, lines = tables.layout(M.columns, columns), {}
  lines[1] = tables.line(layout, function(column) return column.title end)
  for _, sample in ipairs(samples) do
    lines[#lines + 1] = tables.line(layout, function(column) return column.get(sample) end)
  end
  return lines
end

return M
