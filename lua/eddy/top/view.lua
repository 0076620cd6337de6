-- What `eddy top` shows and how keys change that; knows no terminal.
local order = require "eddy.top.order"
local processes = require "eddy.top.processes"
local streams = require "eddy.top.streams"
local text = require "eddy.terminal.text"

local M = {}

local MOST_HISTORY = 500
local HELP = "up down choose%s  < > sort: %s  r reverse  space %s%s  q quit"

local View = {}
View.__index = View

--- A view of one process, or of all.
-- @param pid the process's; nil: all
-- @param utf8 whether it may draw with more than ASCII
function M.new(pid, utf8)
  return setmetatable({
    pid = pid, only = pid, utf8 = utf8, paused = false, chosen = nil, first = 1,
    sorting = { processes = { at = false, reversed = false },
      streams = { at = 4, reversed = false } },
    history = {}, -- by a stream's number: lists of what went in and out
  }, View)
end

function View:_name() return self.pid and "streams" or "processes" end

-- The sample of the process that is shown.
local function own_sample(self)
  for _, sample in ipairs(self.samples or {}) do
    if sample.pid == self.pid then return sample end
  end
end

local function remember(self, sample)
  local kept = {}
  for _, each in ipairs(sample.streams) do
    local number = each.stream.number
    local one = self.history[number] or { ins = {}, outs = {} }
    for name, rate in pairs { ins = "messages_in", outs = "messages_out" } do
      local list = one[name]
      list[#list + 1] = each.rates[rate]
      if #list > MOST_HISTORY then table.remove(list, 1) end
    end
    kept[number] = one
  end
  self.history = kept
end

--- Takes a new look at the processes, unless it is paused.
function View:update(samples)
  if self.paused then return end
  self.samples = samples
  local sample = own_sample(self)
  if sample then remember(self, sample) end
end

local function columns_of(self) return self.pid and streams.columns or processes.columns end

-- The rows in their order, and what they are known by.
local function rows_of(self)
  local sorting, sample = self.sorting[self:_name()], own_sample(self)
  local rows = self.pid and (sample and sample.streams or {}) or self.samples or {}
  return order.sorted(rows, columns_of(self)[sorting.at], sorting.reversed)
end

local function key_of(row) return row.stream and row.stream.number or row.pid end

local function place_of(rows, key)
  for i, row in ipairs(rows) do
    if key_of(row) == key then return i end
  end
end

local function choose(self, by)
  local rows = rows_of(self)
  local at = place_of(rows, self.chosen) or by > 0 and 0 or #rows + 1
  at = math.max(1, math.min(#rows, at + by))
  self.chosen = rows[at] and key_of(rows[at])
end

local function sort(self, by)
  local sorting, count = self.sorting[self:_name()], #columns_of(self)
  local at = (sorting.at or 0) + by
  sorting.at = at >= 1 and at <= count and at
end

local function open(self)
  if self.pid then return end
  local rows = rows_of(self)
  local row = rows[place_of(rows, self.chosen) or 1]
  if not row then return end
  self.pid, self.chosen, self.first, self.history = row.pid, nil, 1, {}
end

local function back(self)
  if self.only or not self.pid then return end
  self.chosen, self.pid, self.first = self.pid, nil, 1
end

local PAGE = 10

local keys = {
  up = function(self) choose(self, -1) end,
  down = function(self) choose(self, 1) end,
  k = function(self) choose(self, -1) end,
  j = function(self) choose(self, 1) end,
  ["page up"] = function(self) choose(self, -PAGE) end,
  ["page down"] = function(self) choose(self, PAGE) end,
  home = function(self) choose(self, -math.huge) end,
  ["end"] = function(self) choose(self, math.huge) end,
  left = function(self) sort(self, -1) end,
  right = function(self) sort(self, 1) end,
  ["<"] = function(self) sort(self, -1) end,
  [">"] = function(self) sort(self, 1) end,
  r = function(self)
    local sorting = self.sorting[self:_name()]
    sorting.reversed = not sorting.reversed
  end,
  space = function(self) self.paused = not self.paused end,
  enter = open, escape = back, back = back,
}

--- A key was pressed.
-- @return false when that means the end
function View:press(key)
  if key == "q" or key == "Q" then return false end
  if keys[key] then keys[key](self) end
  return true
end

-- The chosen stream's history, in two lines.
local function graph(self, rows, columns)
  local row = rows[place_of(rows, self.chosen) or 1]
  local history = row and self.history[key_of(row)]
  if not history then return { "", "" } end
  local lines = {}
  for _, way in ipairs { { "ins", "in/s ", "messages_in" }, { "outs", "out/s", "messages_out" } } do
    local room = math.max(1, columns - 44)
    local line, highest = text.sparkline(history[way[1]], room, self.utf8)
    lines[#lines + 1] = ("%s %s %s  now %s, most %s"):format(
      text.fit(#lines == 0 and row.stream.name or "", 14), way[2], text.fit(line, room),
      text.count(row.rates[way[3]]), text.count(highest))
  end
  return lines
end

-- The part of a table that has room, with its chosen row in it.
local function window(self, lines, rows, room)
  local at = place_of(rows, self.chosen)
  if at then
    self.first = math.max(at - room + 1, math.min(self.first, at))
  end
  self.first = math.max(1, math.min(self.first, #rows - room + 1))
  local shown = { { lines[1], style = "inverse" } }
  for i = self.first, math.min(#rows, self.first + room - 1) do
    local row = rows[i]
    local is_bad = row.rates.dropped > 0 or row.status and row.status.word == "hangs"
    local style = i == at and "chosen" or is_bad and "alarm"
    shown[#shown + 1] = style and { lines[i + 1], style = style } or lines[i + 1]
  end
  return shown
end

-- The table on a screen, between what is above and what is below it.
local function page(self, above, lines, rows, below, height)
  local all, room = {}, math.max(1, height - #above - #below - 2)
  for _, line in ipairs(above) do all[#all + 1] = line end
  for _, line in ipairs(window(self, lines, rows, room)) do all[#all + 1] = line end
  while #all < height - #below - 1 do all[#all + 1] = "" end
  for _, line in ipairs(below) do all[#all + 1] = line end
  local sorting = self.sorting[self:_name()]
  local column = columns_of(self)[sorting.at]
  local more = #rows > room and ("%d of %d   "):format(room, #rows) or ""
  all[height] = { more .. HELP:format(self.pid and "" or "  enter open",
    column and column.title or "-", self.paused and "goes on" or "pauses",
    self.pid and not self.only and "  esc back" or ""), style = "dim" }
  return all
end

--- What is on the screen.
-- @return a list of as many lines as there are rows, as eddy.terminal.screen draws them
function View:lines(columns, height)
  local rows = rows_of(self)
  if not self.pid then
    local above = { { ("eddy top   %s   %d processes%s"):format(os.date "%H:%M:%S", #rows,
      self.paused and "   paused" or ""), style = "bold" }, "" }
    return page(self, above, processes.lines(rows, columns), rows, {}, height)
  end
  local sample = own_sample(self)
  if not sample then
    return { ("no process %d of eddy's has counters that you can read"):format(self.pid) }
  end
  local shown = setmetatable({ streams = rows }, { __index = sample })
  local above, lines = streams.lines(shown, columns)
  if self.paused then above[#above] = { "paused", style = "alarm" } end
  return page(self, above, lines, rows, graph(self, rows, columns), height)
end

--- Lines for print: everything, once.
function View:print(columns)
  local rows, lines, sample = rows_of(self), {}, own_sample(self)
  local above, table_lines = {}, processes.lines(self.samples, columns)
  if sample then
    above, table_lines = streams.lines(setmetatable({ streams = rows }, { __index = sample }),
      columns)
  end
  for _, list in ipairs { above, table_lines } do
    for _, line in ipairs(list) do
      lines[#lines + 1] = ((type(line) == "table" and line[1] or line):gsub("%s+$", ""))
    end
  end
  return lines
end

return M
