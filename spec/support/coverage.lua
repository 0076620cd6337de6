-- Sums up what gcov tells, a JSON document a line, of the files below arg[1]. A file that was
-- compiled more than once, a header or a room of both libraries, was reached wherever one of
-- its copies was.
local json = require "cjson"

local LINES_GOAL, BRANCHES_GOAL = 95, 85

local prefix = arg[1]
local files = {}

local function merge(into, branches)
  -- Compiled without what a copy with more branches has.
  if #branches < #into then return end
  if #branches > #into then
    for i = 1, #branches do into[i] = 0 end
  end
  for i, branch in ipairs(branches) do into[i] = into[i] + branch.count end
end

for document in io.stdin:lines() do
  for _, file in ipairs(json.decode(document).files) do
    if file.file:sub(1, #prefix) == prefix then
      local name = file.file:sub(#prefix + 1)
      files[name] = files[name] or {}
      for _, line in ipairs(file.lines) do
        local known = files[name][line.line_number] or { count = 0, branches = {} }
        files[name][line.line_number] = known
        known.count = known.count + line.count
        merge(known.branches, line.branches)
      end
    end
  end
end

local function add(sum, other)
  for key, value in pairs(other) do sum[key] = (sum[key] or 0) + value end
end

local function count(lines)
  local sum = { lines = 0, reached = 0, branches = 0, taken = 0 }
  for _, line in pairs(lines) do
    local taken = 0
    for _, times in ipairs(line.branches) do taken = taken + (times > 0 and 1 or 0) end
    add(sum, { lines = 1, reached = line.count > 0 and 1 or 0, branches = #line.branches,
      taken = taken })
  end
  return sum
end

local function show(name, sum)
  local function percent(part, all) return all > 0 and 100 * part / all or 100 end
  local lines, branches = percent(sum.reached, sum.lines), percent(sum.taken, sum.branches)
  print(("%-20s %5d lines %5.1f %%   %5d branches %5.1f %%"):format(name, sum.lines, lines,
    sum.branches, branches))
  return lines, branches
end

local function list_missed(name, lines)
  local numbers = {}
  for number in pairs(lines) do numbers[#numbers + 1] = number end
  table.sort(numbers)
  for _, number in ipairs(numbers) do
    local line = lines[number]
    local missed = {}
    for i, times in ipairs(line.branches) do
      if times == 0 then missed[#missed + 1] = i end
    end
    if line.count == 0 then
      print(("  %s:%d was not reached"):format(name, number))
    elseif #missed > 0 then
      print(("  %s:%d: branch %s of %d not taken"):format(name, number,
        table.concat(missed, ", "), #line.branches))
    end
  end
end

local names, total = {}, { lines = 0, reached = 0, branches = 0, taken = 0 }
for name in pairs(files) do names[#names + 1] = name end
table.sort(names)
for _, name in ipairs(names) do
  local sum = count(files[name])
  add(total, sum)
  show(name, sum)
  if os.getenv("LINES") then list_missed(name, files[name]) end
end
local lines, branches = show("the core", total)
if lines < LINES_GOAL or branches < BRANCHES_GOAL then
  print(("below %d %% of lines or %d %% of branches"):format(LINES_GOAL, BRANCHES_GOAL))
  os.exit(1)
end
