-- Writes type annotations for lua-language-server, of what scripts can use: eddy types.lua LUA OUT
-- Their text is that of the modules' doc comments (annotations.lua); constants, options and errors
-- are those that the modules have when they are loaded.
local here = arg[0]:match "^.*/" or ""
local annotations = dofile(here .. "annotations.lua")

local M = {}

local function read_names(folder)
  local modules = {}
  local found = assert(io.popen(("find '%s/eddy' -name '*.lua' | sort"):format(folder)))
  for path in found:lines() do
    local name = path:sub(#folder + 2):gsub("%.lua$", ""):gsub("/", "."):gsub("%.init$", "")
    modules[name] = path
  end
  found:close()
  return modules
end

-- The public module in whose file a class is: that of the folder, else `eddy`.
local function home_of(module, is_public)
  local top = module:match "^eddy%.[%w_]+"
  return top and is_public[top] and top or "eddy"
end

local function add_constants(class, values)
  local names = {}
  for name, value in pairs(values) do
    if type(value) == "number" then names[#names + 1] = name end
  end
  table.sort(names)
  for _, name in ipairs(names) do
    class.fields[#class.fields + 1] = ("---@field %s integer"):format(name)
  end
end

local option_kinds = { int = "integer|boolean", int64 = "integer", bytes = "string",
  string = "string" }

-- Socket options, as fields of sockets, as settings of new ones, and as a context's defaults.
local function add_options(classes)
  local kinds = require("eddy.zmq.option_types").kinds
  local names, defaults = require("eddy.zmq").option_names(), classes["eddy.Context"].fields
  names[#names + 1] = "hwm"
  for _, name in ipairs(names) do
    local kind = option_kinds[kinds[name:upper()]] or "integer"
    local is_topic = name:find "subscribe$"
    local fields = classes["eddy.Socket"].fields
    if not is_topic then
      fields[#fields + 1] = ("---@field %s %s"):format(name, kind)
      defaults[#defaults + 1] = fields[#fields]
    end
    fields = classes["eddy.SocketSettings"].fields
    fields[#fields + 1] = ("---@field %s? %s"):format(name, is_topic and "string|string[]" or kind)
  end
end

-- What modules take over from others, which their code does not show line by line.
local function hand_on(classes)
  local eddy, zmq = require "eddy", classes["eddy.zmq"]
  for _, name in ipairs { "async", "green" } do
    local class, module = classes["eddy." .. name], require("eddy." .. name)
    for _, of_zmq in ipairs(zmq.order) do
      if module[of_zmq] and not class.functions[of_zmq] then
        annotations.add(class, of_zmq, zmq.functions[of_zmq])
      end
    end
    local own = table.concat(class.fields, "\n")
    for _, field in ipairs(zmq.fields) do
      local has = field:match "^%-%-%-@field ([%w_]+)"
      if not own:find("@field " .. has .. " ", 1, true) then
        class.fields[#class.fields + 1] = field
      end
    end
  end
  local main, reload = classes.eddy, classes["eddy.reload"]
  for _, name in ipairs(reload.order) do
    if eddy[name] == require("eddy.reload")[name] then
      annotations.add(main, name, reload.functions[name])
    end
  end
  for _, class in ipairs(classes) do
    local name = class.name and annotations.is_module(class) and class.name:match "^eddy%.(.*)$"
    -- One whose library is missing raises.
    local ok, module = pcall(function() return name and eddy[name] end)
    if name and not main.has[name] and (not ok or module) then
      main.fields[#main.fields + 1] = ("---@field %s %s"):format(name, class.name)
    end
  end
end

local function type_of(name, block)
  local given = block.types[name]
  if given then return given end
  local word = annotations.words[name]
  if not word then return nil end
  local described = block.described[name]
  local optional = word:find "%?$" and name ~= "..."
  return ("%s%s %s%s"):format(name, optional and "?" or "", optional and word:sub(1, -2) or word,
    described and " " .. described or "")
end

local function write_function(out, class, fn, problems)
  local block, parameters = fn.block, annotations.parameters(class, fn)
  out[#out + 1] = ""
  for _, text in ipairs(block.text) do out[#out + 1] = "--- " .. text end
  for _, raw in ipairs(block.raw) do out[#out + 1] = raw end
  for _, name in ipairs(parameters) do
    local given = type_of(name, block)
    if given then
      out[#out + 1] = "---@param " .. given
    else
      problems[#problems + 1] = ("%s: %s.%s: no type for its argument `%s`: say ---@param %s TYPE")
        :format(fn.file, class.name, fn.name, name, name)
    end
  end
  for _, text in ipairs(block.returns) do out[#out + 1] = "---@return " .. text end
  out[#out + 1] = ("function %s%s%s(%s) end"):format(class.variable,
    annotations.is_module(class) and "." or ":", fn.name, table.concat(parameters, ", "))
end

local function write_class(out, class, problems)
  out[#out + 1] = ""
  for _, text in ipairs(class.text) do out[#out + 1] = "--- " .. text end
  if class.alias then
    out[#out + 1] = "---@alias " .. class.alias
    return
  end
  out[#out + 1] = "---@class " .. class.head
  for _, field in ipairs(class.fields) do out[#out + 1] = field end
  -- A name that it has not is of a type that no value has: so an editor warns.
  if class.head:find "%(exact%)" then
    out[#out + 1] = "---@field [string] eddy.NoSuchOption"
  end
  if #class.order == 0 and not annotations.is_module(class) then return end
  class.variable = class.name:gsub("%.", "_")
  out[#out + 1] = ("local %s = {}"):format(class.variable)
  for i, name in ipairs(class.order) do
    local fn = class.functions[name]
    -- A word of Lua's is no name of a function's; later ones of a name take the place of others.
    local is_last = true
    for k = i + 1, #class.order do is_last = is_last and class.order[k] ~= name end
    if is_last then write_function(out, class, fn, problems) end
  end
end

local function write(path, lines)
  local file = assert(io.open(path, "w"))
  file:write(table.concat(lines, "\n"), "\n")
  file:close()
end

--- Writes them: a file for each public module.
-- @param folder where the modules are; @param out where they go, a folder
function M.write(folder, out)
  local classes = annotations.read(read_names(folder))
  local zmq = require "eddy.zmq"
  for _, name in ipairs { "eddy.zmq", "eddy.async", "eddy.green" } do
    add_constants(classes[name], zmq)
  end
  add_options(classes)
  hand_on(classes)
  local is_public, texts, problems = {}, {}, {}
  for _, class in ipairs(classes) do
    if class.name and annotations.is_module(class) then
      is_public[class.name] = true
      texts[class.name] = { "---@meta " .. class.name }
    end
  end
  for _, class in ipairs(classes) do
    local home = home_of(class.module, is_public)
    if not is_public[class.name] then write_class(texts[home], class, problems) end
  end
  os.execute(("mkdir -p '%s/eddy'"):format(out))
  for name in pairs(is_public) do
    local text, class = texts[name], classes[name]
    write_class(text, class, problems)
    text[#text + 1] = ("\nreturn %s"):format(class.variable)
    write(("%s/%s.lua"):format(out, name:gsub("%.", "/")), text)
  end
  -- No reason not to build: spec/project/types_spec.lua fails of them.
  if #problems > 0 then io.stderr:write(table.concat(problems, "\n"), "\n") end
end

M.write(arg[1], arg[2])
