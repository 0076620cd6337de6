-- Reads the doc comments of the Lua modules: what classes there are, and what the functions take
-- and return. In comments of functions are these tags, of which the last four are those of
-- lua-language-server, with its types:
--   `-- @param NAME TEXT`, `-- @return TEXT`: what it is; NAME's type is one of `words`
--   `---@param NAME TYPE TEXT`, `---@return TYPE NAME`, `---@generic`, `---@overload`
-- `---@class NAME` stands above the table whose functions are the class's; `---@field` and
-- `---@alias` are taken as they are. A class of a small name is a module. `---@class (exact) NAME`
-- is a table of options, which has no others.

local M = {}

--- The types of parameters that are called the same everywhere.
M.words = {
  address = "string", at = "integer?", back = "eddy.Socket|-1?", capability = "string",
  capture = "eddy.Socket?", copy = "boolean?", data = "eddy.Part", domain = "string?",
  endpoint = "string", err = "any", events = "integer?", ["file"] = "string",
  flags = "integer?", flag = "integer?", folder = "string?", front = "eddy.Socket",
  group = "boolean?", kind = "integer", labels = "string[]?", limit = "integer?",
  linger = "number?", list = "eddy.Part[]", loop = "eddy.Loop?", max = "integer?",
  message = "any", metadata = "table<string, string>?", min = "integer?", ms = "number",
  name = "string", on = "boolean?", path = "string", property = "string", secret = "string",
  text = "string", time = "number", topic = "string", track = "boolean?",
  tries = "integer?", value = "any", ["..."] = "any",
}

--- Whether a class is a module, whose functions are called with a dot.
function M.is_module(class) return class.name:match "[^.]+$":find "^%l" ~= nil end

local function read(path)
  local file = assert(io.open(path))
  local text = file:read "*a"
  file:close()
  return text
end

-- Takes a comment apart: its text, its tags, and what they say of parameters and results.
local function parse_block(lines)
  local block = { text = {}, described = {}, types = {}, returns = {}, raw = {}, classes = {} }
  local say -- what the next line of text goes on with
  local function describe(names, text)
    for name in (names):gmatch "[^, ]+" do block.described[name] = text end
    say = function(more)
      text = text .. " " .. more
      for name in names:gmatch "[^, ]+" do block.described[name] = text end
    end
  end
  local function list(name, text)
    local its = block[name]
    its[#its + 1] = text
    local at = #its
    say = function(more) its[at] = its[at] .. " " .. more end
  end
  for _, line in ipairs(lines) do
    local tag, rest = line:match "^%-%-%-@(%l+)%s*(.*)$"
    if line:find "^%-%-%-|" then
      tag, rest = "more", line
    elseif not tag then
      tag, rest = line:match "^%-%- @(%l+)%s*(.*)$"
      if tag then tag = "-" .. tag end
    end
    if tag == "param" then
      local name, its = rest:match "^(%S-%??) (.*)$"
      block.types[name:gsub("%?$", "")] = rest
      local at = name:gsub("%?$", "")
      say = function(more) block.types[at] = block.types[at] .. " " .. more end
      assert(its, line)
    elseif tag == "-param" then
      local names, text = rest:match "^(%S+) (.*)$"
      while names:find ",$" do
        local more, left = text:match "^(%S+) (.*)$"
        names, text = names .. " " .. more, left
      end
      describe(names, text)
    elseif tag == "return" then
      list("returns", rest)
    elseif tag == "-return" then
      if #block.text > 0 then block.text[#block.text + 1] = "" end
      list("text", "Returns " .. rest)
    elseif tag == "class" or tag == "alias" then
      block.classes[#block.classes + 1] = { kind = tag, head = rest, lines = {} }
      say = nil
    elseif tag == "field" then
      local its = block.classes[#block.classes].lines
      its[#its + 1] = "---@field " .. rest
      local at = #its
      say = function(more) its[at] = its[at] .. " " .. more end
    elseif tag == "more" then
      local its = block.classes[#block.classes]
      its.head = its.head .. "\n" .. rest
    elseif tag then
      block.raw[#block.raw + 1] = ("---@%s %s"):format(tag, rest)
      say = nil
    else
      local text = line:gsub("^%-%-%-?%s?", "")
      if say then say(text) else block.text[#block.text + 1] = text end
    end
  end
  return block
end

-- A module's file: its functions by name, whatever table they are in; whose class the tables are;
-- and what its variables were required from.
local function new_file(module)
  return { module = module, functions = {}, owners = {}, required = {}, taken = {},
    aliases = {} }
end

local function add_function(file, owner, name, parameters, block, separator)
  local fn = { name = name, parameters = {}, block = block or parse_block {}, file = file.module,
    has_self = separator == ":" }
  for parameter in parameters:gmatch "[%w_.]+" do
    fn.parameters[#fn.parameters + 1] = parameter
  end
  file.functions[name] = fn
  local class = owner and (file.owners[owner] or owner == "" and file.last)
  -- What an object's class has beside its methods is for other modules.
  local is_inner = separator == "." and class and not M.is_module(class)
  if class and not is_inner and not name:find "^_" then
    class.functions[name] = fn
    class.order[#class.order + 1] = name
  end
end

-- Remembers that a class has, by a name, what another file or line has.
local function add_alias(file, class, name, source, block)
  if name:find "^_" then return end
  file.aliases[#file.aliases + 1] = { class = class, name = name, source = source, block = block }
end

-- What a line of code tells, with the comment above it. Where the line does not show what a
-- function takes, as it is made by another one, the comment begins with that: "name(a, b): ...".
local function read_line(file, line, block)
  line = line:gsub("later%.require", "require"):gsub('later%.call%(([%w_]+), "([%w_]+)"%)', "%1.%2")
  local head = block and block.text[1] or ""
  local said, takes, does = head:match "^([%w_]+)%(([%w_, .]*)%):?%s*(.*)$"
  if said and (line:find("^%s*" .. said .. " = ") or line:find("%." .. said .. " = ")) then
    block.text[1] = does
    return add_function(file, line:match "^([%w_]+)%." or "", said, takes, block, ":")
  end
  local owner, separator, name, parameters = line:match(
    "^%s*function ([%w_.]-)([.:])([%w_]+)%((.-)%)")
  if owner then return add_function(file, owner, name, parameters, block, separator) end
  name, parameters = line:match "^%s*local function ([%w_]+)%((.-)%)"
  if name then return add_function(file, nil, name, parameters, block) end
  owner, name, parameters = line:match "^%s*([%w_]+)%.([%w_]+) = function%((.-)%)"
  if owner then return add_function(file, owner, name, parameters, block) end
  parameters = line:match "^%s*return function%((.-)%)"
  if parameters then return add_function(file, nil, "return", parameters, block) end
  local variable, module = line:match '^local ([%w_]+) = require%s*%(?%s*"(eddy[%w_.]*)"%)?$'
  if variable then file.required[variable] = module end
  variable, module, name = line:match '^local ([%w_]+) = require%("(eddy[%w_.]*)"%)%.([%w_]+)$'
  if variable then file.taken[variable] = { module, name } end
  local left, right = line:match "^%s*([%w_., ]+) = ([%w_., ]+)$"
  if line:find '^%s*[%w_]+%.[%w_]+ = require "eddy' then
    left, right = line:match '^%s*([%w_.]+) = require "(.+)"'
    right = "require " .. right
  end
  if not left then return end
  local local_name = left:match "^local ([%w_]+)$"
  if local_name then
    if not block then file.owners[local_name] = file.owners[right] end
    return
  end
  local sources = (right .. ", "):gmatch "(.-), "
  for target in left:gmatch "[%w_.]+" do
    owner, name = target:match "^([%w_]+)%.([%w_]+)$"
    local source = sources()
    if owner and file.owners[owner] then
      add_alias(file, file.owners[owner], name, source, block)
    end
  end
end

local function class_of(classes, head, module)
  local name = head:match "^[%w_.]+" or head:match "%) ([%w_.]+)"
  local class = classes[name]
  if not class then
    class = { name = name, head = head, module = module, fields = {}, functions = {}, order = {},
      has = {}, text = {} }
    classes[name] = class
    classes[#classes + 1] = class
  end
  if #head > #class.head then class.head = head end
  return class
end

-- Enters the classes of a comment; the last one is that of the table below it.
local function enter_classes(classes, file, block, line)
  local last
  for _, each in ipairs(block.classes) do
    if each.kind == "alias" then
      classes[#classes + 1] = { alias = each.head, module = file.module, text = block.text }
    else
      last = class_of(classes, each.head, file.module)
      for _, field in ipairs(each.lines) do last.fields[#last.fields + 1] = field end
      if #block.classes == 1 and #last.text == 0 then last.text = block.text end
      for _, raw in ipairs(block.raw) do last.fields[#last.fields + 1] = raw end
    end
  end
  local variable = line:match "^%s*local ([%w_]+)[%w_, ]* = " or line:match "^([%w_.]+) = "
  if not last or not variable then return end
  if line:find "{.*methods = {" then variable = variable .. ".methods" end
  file.owners[variable], file.last = last, last
  return last
end

local function read_file(classes, path, module)
  local file = new_file(module)
  local comment, inside -- the comment above; the class whose table's fields follow
  for line in (read(path) .. "\n"):gmatch "(.-)\n" do
    local stripped = line:gsub("^%s+", "")
    if stripped:find "^%-%-%-" or comment and stripped:find "^%-%-" then
      comment = comment or {}
      comment[#comment + 1] = stripped
    else
      local block = comment and parse_block(comment)
      comment = nil
      local code = line:gsub("%s+%-%- .*$", "")
      if block and #block.classes > 0 then inside = enter_classes(classes, file, block, code) end
      if inside then
        local table_text = block and code:match "{(.*)" or not block and code or ""
        for name, source in table_text:gmatch "([%w_]+) = ([%w_.]+[ \"%w_.]*)" do
          source = source:gsub('"', ""):gsub("%s+$", "")
          if name:find "^%l" then add_alias(file, inside, name, source, nil) end
        end
        if code:find "^%s*}" or not code:find "[{,]%s*$" and block then inside = nil end
      end
      read_line(file, code, block)
    end
  end
  return file
end

-- The function that an alias stands for; nil when it is none.
local function resolve(classes, files, file, source)
  local module = source:match "^require (.*)$"
  if module then
    local its = files[module]
    return its and its.functions["return"], module
  end
  local owner, name = source:gsub("%.methods%.", "."):match "^([%w_]+)%.([%w_]+)$"
  local taken = file.taken[source]
  if taken then return files[taken[1]].functions[taken[2]] end
  if not owner then return file.functions[source] end
  local required = file.required[owner]
  local its = required and files[required] or not required and file
  local class = required and classes[required] or not required and file.owners[owner]
  return class and class.functions[name] or its and its.functions[name]
end

-- Gives a class what an alias stands for.
local function take_alias(classes, files, file, alias)
  local fn, module = resolve(classes, files, file, alias.source)
  local class = alias.class
  if class.functions[alias.name] or class.has[alias.name] then return end
  if classes[module or ""] then
    class.has[alias.name] = true
    class.fields[#class.fields + 1] = ("---@field %s %s"):format(alias.name, module)
  elseif fn then
    local is_said = alias.block and #alias.block.text > 0 and #fn.block.text == 0
    M.add(class, alias.name, fn, is_said and alias.block or nil)
  end
end

--- Gives a class a function that another one has.
-- @param block the comment of its own that it has; optional
function M.add(class, name, fn, block)
  class.functions[name] = setmetatable({ name = name, block = block }, { __index = fn })
  class.order[#class.order + 1] = name
end

--- Reads modules.
-- @param modules their paths, by name
-- @return their classes, in their order and by name
function M.read(modules)
  local classes, files, names = {}, {}, {}
  for name in pairs(modules) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do files[name] = read_file(classes, modules[name], name) end
  -- Modules hand on what others hand on.
  for _ = 1, 2 do
    for _, name in ipairs(names) do
      for _, alias in ipairs(files[name].aliases) do
        take_alias(classes, files, files[name], alias)
      end
    end
  end
  return classes
end

--- What a function of a class takes, without the object that it is called on.
function M.parameters(class, fn)
  local list = { unpack(fn.parameters) }
  if not fn.has_self and not M.is_module(class) then table.remove(list, 1) end
  return list
end

return M
