-- What is to be started, as the core takes it.
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"
local descriptor = require "eddy.base.descriptor"
local signal = require "eddy.loop.signal"

local C, ffi = c.C, c.ffi

local M = {}

local words = { null = C.EDDY_NULL, inherit = C.EDDY_INHERIT, pipe = C.EDDY_PIPE }

local function check_text(value, what)
  if type(value) ~= "string" and type(value) ~= "number" then
    errors.misuse(("%s: expected a string, got %s"):format(what, type(value)))
  end
  value = tostring(value)
  if value:find("%z") then errors.misuse(what .. ": it has a zero byte") end
  return value
end

-- The command's words, of the list part of a table.
local function words_of(options, what)
  local list, last = {}, 0
  for key in pairs(options) do
    if type(key) == "number" then last = math.max(last, key) end
  end
  if last == 0 then
    errors.misuse(what .. [[: expected a command and its arguments: { "ls", "-l" }]])
  end
  for i = 1, last do list[i] = check_text(options[i], ("%s: word %d"):format(what, i)) end
  return list
end

-- The descriptor of what may have one; nil when it has none.
local function descriptor_of(value)
  if io.type(value) == "file" then value:flush() end -- what is in it comes before the child's
  local ok, fd = pcall(descriptor.of, value, "spawn")
  return ok and fd or nil
end

local function stream_of(value, name, what)
  if words[value] then return words[value] end
  if type(value) == "function" and name ~= "stdin" then return C.EDDY_PIPE end
  if name == "stderr" and value == "stdout" then return C.EDDY_JOINED end
  local fd = descriptor_of(value)
  if fd then return fd end
  errors.misuse(('%s: %s: expected "null", "inherit", "pipe"%s, a descriptor or a file, got %s')
    :format(what, name, name == "stderr" and ', "stdout", a function' or
      name == "stdout" and ", a function" or "",
      type(value) == "string" and '"' .. value .. '"' or io.type(value) or type(value)))
end

-- A C array of texts with NULL at its end. The texts must be kept as long as it is used.
local function array_of(list)
  local array = ffi.new("const char *[?]", #list + 1)
  for i, text in ipairs(list) do array[i - 1] = text end
  array[#list] = nil
  return array
end

-- The environment with a table of changes: "NAME=value", each.
local function environment_of(changes, is_cleared, what)
  if changes ~= nil and type(changes) ~= "table" then
    errors.misuse(what .. ": env: expected a table, got " .. type(changes))
  end
  local list, own = {}, changes or {}
  for name, value in pairs(own) do
    name = check_text(name, what .. ": env")
    if name == "" or name:find("=", 1, true) then
      errors.misuse(('%s: env: no name of a variable: "%s"'):format(what, name))
    end
    if value ~= false then
      list[#list + 1] = name .. "=" .. check_text(value, ("%s: env: %s"):format(what, name))
    end
  end
  local ours, i = C.eddy_environment(), 0
  while not is_cleared and ours ~= nil and ours[i] ~= nil do
    local text = ffi.string(ours[i])
    if own[text:match("^[^=]*")] == nil then list[#list + 1] = text end
    i = i + 1
  end
  return list
end

local function pairs_of(descriptors, what)
  if type(descriptors) ~= "table" then
    errors.misuse(what .. ": descriptors: expected a table, got " .. type(descriptors))
  end
  local list = {}
  for there, here in pairs(descriptors) do
    local fd = descriptor_of(here)
    if type(there) ~= "number" or there < 3 or there % 1 ~= 0 or not fd then
      errors.misuse(what ..
        ": descriptors: expected descriptors by the number, from 3 on, that each is to be there")
    end
    list[#list + 1], list[#list + 2] = there, fd
  end
  if #list > 2 * C.EDDY_SPAWN_DESCRIPTORS then
    errors.misuse(("%s: descriptors: at most %d"):format(what, C.EDDY_SPAWN_DESCRIPTORS))
  end
  return list
end

local function parent_death_of(options, what)
  local given = options.parent_death
  if options.detach or given == false then return 0 end
  local number = signal.number_of(given == nil and "KILL" or given)
  if not number then
    signal.unknown(what .. ": parent_death", given)
  end
  return number
end

-- What of it failed, and what it was: for an error.
local function failure_of(plan, list, options)
  if plan.failed == C.EDDY_SPAWN_DIRECTORY then return 'directory "' .. options.cwd .. '"' end
  if plan.failed == C.EDDY_SPAWN_DESCRIPTOR then return "descriptors of " .. list[1] end
  return ('"%s"'):format(list[1])
end

-- A hint at what the mistake may be.
local function hint_of(code, plan, list)
  if plan.failed ~= C.EDDY_SPAWN_PROGRAM or code ~= errors.numbers.ENOENT then return "" end
  if #list == 1 and list[1]:find("%s") then
    return "; no shell takes it apart: each argument is a string of its own"
  end
  local file = list[1]:find("/", 1, true) and io.open(list[1])
  if not file then return "" end
  file:close()
  return "; it is there: what its first line names is not"
end

--- Starts what a table says.
-- @param options as `spawn` has them, checked for names that are none
-- @param what who wants it, for errors
-- @param channel the descriptor that is to be the child's end of a channel; nil for none
-- @return the child's id, and its eddy_spawn. Raises when it cannot be started
function M.start(loop, options, what, channel)
  local list = words_of(options, what)
  local environment = environment_of(options.env, options.clear_env, what)
  local descriptors = options.descriptors and pairs_of(options.descriptors, what) or {}
  local directory = options.cwd ~= nil and check_text(options.cwd, what .. ": cwd") or nil
  local plan = ffi.new "eddy_spawn"
  for i, name in ipairs { "stdin", "stdout", "stderr" } do
    local value = options[name]
    if value == nil then value = name == "stdin" and "null" or "inherit" end
    plan.streams[i - 1] = stream_of(value, name, what)
  end
  local group = options.group
  if group == nil then group = plan.streams[0] ~= C.EDDY_INHERIT end
  plan.flags = (group and C.EDDY_CHILD_GROUP or 0) + (options.detach and C.EDDY_CHILD_DETACHED or 0)
  plan.parent_death = parent_death_of(options, what)
  local arguments, variables = array_of(list), array_of(environment)
  local numbers = ffi.new("int32_t[?]", #descriptors + 1, descriptors)
  plan.program, plan.arguments, plan.environment = list[1], arguments, variables
  plan.directory, plan.channel = directory, channel or 0
  plan.descriptors, plan.descriptor_count = numbers, #descriptors / 2
  local id = C.eddy_child_spawn(loop:_core(what), plan)
  if id > 0 then return id, plan end
  local err = errors.new(-id, ("%s %s"):format(what, failure_of(plan, list, options)))
  err.message = err.message .. hint_of(-id, plan, list)
  error(err, 0)
end

return M
