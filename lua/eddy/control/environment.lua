-- What code of a console sees: the script's globals, and functions that look into tasks.
local values = require "eddy.control.values"
local targets = require "eddy.control.targets"

local M = {}

--- What consoles keep from one line to the next, beside the script's globals: `_`, the last value.
M.shared = {}

--- Tasks that were asked for by number: to look at, not to wait for.
M.looked_at = setmetatable({}, { __mode = "k" })

local MOST_VARIABLES = 40

local function find(which)
  for _, each in ipairs(targets.waiting()) do
    if each.number == which or each.task and each.task == which then return each end
  end
  targets.refuse(("no task %s waits: tasks() lists them"):format(values.short(which)))
end

-- Calls `put` with each line of what waits.
local function list_tasks(put)
  for _, each in ipairs(targets.waiting()) do
    put(("%d  %s waits for %s"):format(each.number, targets.describe(each), each.what:_describe()))
    for line in targets.where(each):gmatch "[^\n]+" do put("     " .. line:gsub("^%s+", "")) end
  end
end

local function list_locals(put, which)
  local each = find(which)
  if not each.thread then targets.refuse "the main program's variables cannot be read" end
  for _, frame in ipairs(targets.locals(each.thread)) do
    put(frame.where)
    for i = 1, math.min(#frame, MOST_VARIABLES) do
      put(("     %s = %s"):format(frame[i][1], values.short(frame[i][2])))
    end
    if #frame > MOST_VARIABLES then put(("     ... %d more"):format(#frame - MOST_VARIABLES)) end
  end
end

-- The value of a variable of what waits, by name: the innermost one.
local function variable(which, name)
  for _, frame in ipairs(targets.locals(find(which).thread)) do
    for i = #frame, 1, -1 do
      if frame[i][1] == name then return frame[i][2] end
    end
  end
end

--- Makes the environment of a line.
-- @param put takes each line that is printed
function M.of(put)
  local functions = {
    print = function(...)
      local list = {}
      for i = 1, select("#", ...) do list[i] = tostring((select(i, ...))) end
      put(table.concat(list, "\t"))
    end,
    tasks = function() list_tasks(put) end,
    locals = function(which, name)
      if name ~= nil then return variable(which, name) end
      list_locals(put, which)
    end,
    task = function(which)
      local task = find(which).task
      if task then M.looked_at[task] = true end
      return task
    end,
    stream = function(which) return targets.stream(tostring(which)) end,
  }
  return setmetatable({}, {
    __index = function(_, key)
      local own = functions[key]
      if own == nil or rawget(_G, key) ~= nil and key ~= "print" then own = rawget(_G, key) end
      if own == nil then own = M.shared[key] end
      return own
    end,
    __newindex = function(_, key, value) _G[key] = value end,
  })
end

--- The names that may be typed for what begins so: "string.for" gives "string.format".
function M.completions(text)
  local path, first = text:match "^(.-)([%a_]?[%w_]*)$"
  local object, found = _G, {}
  for name in path:gmatch "[%a_][%w_]*" do
    object = type(object) == "table" and rawget(object, name) or nil
  end
  local meta = type(object) == "string" and string or getmetatable(object)
  local index = type(meta) == "table" and rawget(meta, "__index")
  for _, fields in ipairs { object, type(index) == "table" and index or nil } do
    for key in next, type(fields) == "table" and fields or {} do
      local is_name = type(key) == "string" and key:match "^[%a_][%w_]*$"
      if is_name and key:sub(1, #first) == first and (key:sub(1, 1) ~= "_" or first ~= "") then
        found[#found + 1] = path .. key
      end
    end
  end
  if path == "" then
    for _, name in ipairs { "locals", "stream", "task", "tasks" } do
      if name:sub(1, #first) == first then found[#found + 1] = name end
    end
  end
  table.sort(found)
  return found
end

return M
