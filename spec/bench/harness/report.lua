-- From what was measured to rows, and from rows to a Markdown table.
local statistics = require "harness.statistics"

local M = {}

local function short(number)
  if number >= 1e4 then
    local text = ("%.0f"):format(number)
    return (text:reverse():gsub("(%d%d%d)", "%1,"):reverse():gsub("^,", ""))
  end
  if number >= 100 or number % 1 == 0 then return ("%.0f"):format(number) end
  return ("%.3g"):format(number)
end

M.short = short

-- "zloop at 100" is zloop, in a row that tells the rest. Of eddy's own, which is told.
local function shown(name)
  return name:match "^eddy" and name or (name:gsub(" at .*", ""))
end

-- One aim of a row's: { against = NAME, at_most = RATIO }, { against = NAME, at_least = TIMES },
-- { against = NAME, at_most_more = NUMBER }, or { at_most = NUMBER }.
local function judge(aim, row, results)
  local own = results[row.of][row.metric]
  local other = aim.against and results[aim.against] and results[aim.against][row.metric]
  if not own or (aim.against and not other) then return nil end
  local value, met, text
  if not aim.against then
    value = statistics.median(own)
    met, text = value <= aim.at_most, "<= " .. short(aim.at_most) .. " " .. row.unit
  elseif aim.at_most_more then
    value = statistics.median(own) - statistics.median(other)
    met, text = value <= aim.at_most_more, ("<= %s more than %s"):format(
      short(aim.at_most_more), shown(aim.against))
  elseif aim.at_most then
    value = statistics.median(statistics.ratios(own, other))
    met, text = value <= aim.at_most, ("<= %s x %s"):format(short(aim.at_most), shown(aim.against))
  else
    value = statistics.median(statistics.ratios(other, own))
    met, text = value >= aim.at_least, (">= %s times %s"):format(short(aim.at_least),
      shown(aim.against))
  end
  return { text = text, value = value, met = met }
end

-- The benchmark's rows: { title, unit, of, own = summary, others = { name, summary, ratio },
-- aims = { text, value, met } }. A ratio is the other's cost to eddy's.
function M.rows(benchmark, results)
  local rows = {}
  for _, row in ipairs(benchmark.rows) do
    row.of = row.of or "eddy"
    local own = results[row.of][row.metric]
    if own then
      local among = row.among
      if not among then
        among = {}
        for _, contestant in ipairs(benchmark.contestants) do
          among[#among + 1] = contestant.name
        end
      end
      local made = { benchmark = benchmark.name, title = row.title, unit = row.unit,
        own = statistics.summary(own), others = {}, aims = {} }
      for _, name in ipairs(among) do
        local values = name ~= row.of and results[name] and results[name][row.metric]
        if values then
          local ratios = statistics.ratios(values, own)
          made.others[#made.others + 1] = { name = shown(name),
            summary = statistics.summary(values),
            ratio = #ratios > 0 and statistics.summary(ratios) or nil }
        end
      end
      for _, aim in ipairs(row.aims or {}) do
        made.aims[#made.aims + 1] = judge(aim, row, results)
      end
      rows[#rows + 1] = made
    end
  end
  return rows
end

local function with_spread(summary)
  return ("%s (%s to %s)"):format(short(summary.median), short(summary.low), short(summary.high))
end

--- A Markdown table of rows.
function M.table(rows)
  local lines = {
    "| measured | eddy: median (spread) | the others, and what they cost against eddy | aim |",
    "| --- | --- | --- | --- |",
  }
  for _, row in ipairs(rows) do
    local others, aims = {}, {}
    for i, other in ipairs(row.others) do
      others[i] = other.name .. " " .. short(other.summary.median) ..
        (other.ratio and (" (%s x)"):format(short(other.ratio.median)) or "")
    end
    for i, aim in ipairs(row.aims) do
      aims[i] = ("%s: %s%s"):format(aim.text, aim.met and "" or "**no**, ", short(aim.value))
    end
    lines[#lines + 1] = ("| %s, %s | %s | %s | %s |"):format(row.title, row.unit,
      with_spread(row.own), table.concat(others, ", "), table.concat(aims, "; "))
  end
  return table.concat(lines, "\n")
end

return M
