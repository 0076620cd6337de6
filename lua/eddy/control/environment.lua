-- What code of a console sees: the script's globals, and functions that look into tasks.
local errors = require "eddy.base.errors"
local codes = require "eddy.control.code"
local values = require "eddy.control.values"
local targets = require "eddy.control.targets"
local futures = require "eddy.tasks.future"

local M = {}

-- What consoles keep from one line to the next, beside the script's globals: `_`, the last value.
local shared = {}

-- Tasks that were asked for by number: to look at, not to wait for.
local looked_at = setmetatable({}, { __mode = "k" })

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
-- @param others what else it sees, by name, where the script has no global of that name; optional
function M.of(put, others)
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
      if task then looked_at[task] = true end
      return task
    end,
    stream = function(which) return targets.stream(tostring(which)) end,
  }
  for name, value in pairs(others or {}) do functions[name] = value end
  return setmetatable({}, {
    __index = function(_, key)
      local own = functions[key]
      if own == nil or rawget(_G, key) ~= nil and key ~= "print" then own = rawget(_G, key) end
      if own == nil then own = shared[key] end
      return own
    end,
    __newindex = function(_, key, value) _G[key] = value end,
  })
end

-- What came out, with what a future comes to.
local function settled(...)
  local first = ...
  local awaits = select("#", ...) == 1 and futures.is(first) and not looked_at[first]
  if awaits then return first:await() end
  return ...
end

local function keep(...)
  shared._ = (...)
  return ...
end

--- Runs a line of code. A future that it comes to is awaited; `_` is its first value, for the next.
-- @param chunk of `eddy.control.code`
-- @param put, others as of `of`
-- @return its values
function M.run(chunk, put, others)
  setfenv(chunk, M.of(put, others))
  return keep(settled(chunk(codes.values)))
end

-- Where a function that finds fields has them: those of modules that are loaded at first use, and
-- methods of what people hold.
local KEPT = { own = true, methods = true, Socket = true, modules = true, reloading = true }

-- The tables that have the fields of a value.
local function fields_of(object)
  local meta = getmetatable(object)
  if type(object) == "string" then meta = { __index = string } end
  local index = type(meta) == "table" and rawget(meta, "__index")
  local found = { object, index }
  local is_ours = type(index) == "function" and errors.is_ours(debug.getinfo(index, "S").source)
  for i = 1, is_ours and math.huge or 0 do
    local name, value = debug.getupvalue(index, i)
    if not name then break end
    if KEPT[name] then found[#found + 1] = value end
  end
  return found
end

-- A field, without what a script's own __index would do.
local function get(object, name)
  for _, fields in ipairs(fields_of(object)) do
    local value = type(fields) == "table" and rawget(fields, name)
    if value then return value == true and object[name] or value end
  end
end

--- The names that may be typed for what begins so: "string.for" gives "string.format".
-- @param others as of `of`
function M.completions(text, others)
  local path, first = text:match "^(.-)([%a_]?[%w_]*)$"
  local object, found, seen = _G, {}, {}
  for name in path:gmatch "[%a_][%w_]*" do
    local value = get(object, name)
    if value == nil and object == _G and others then value = others[name] end
    object = value
  end
  local tables = fields_of(object)
  if path == "" then
    tables[#tables + 1] = others
    tables[#tables + 1] = { locals = true, stream = true, task = true, tasks = true }
  end
  for _, fields in pairs(tables) do
    for key in next, type(fields) == "table" and fields or {} do
      local is_name = type(key) == "string" and key:match "^[%a_][%w_]*$" and not seen[key]
      if is_name and key:sub(1, #first) == first and (key:sub(1, 1) ~= "_" or first ~= "") then
        found[#found + 1], seen[key] = path .. key, true
      end
    end
  end
  table.sort(found)
  return found
end

return M
