-- A script and what it needs: modules in its folder, files that it names.
local requires = require "eddy.bundle.requires"

local M = {}

local function read(path)
  local file, problem = io.open(path, "rb")
  if not file then return nil, problem end
  local text, why = file:read("*a")
  file:close()
  return text, text == nil and path .. ": " .. why or nil
end

local function exists(path)
  local file = io.open(path, "rb")
  local is_file = file and file:read(0) ~= nil
  if file then file:close() end
  return is_file
end

-- LuaJIT's own, and eddy's: they are in the executable.
local function is_inside(name)
  return name == "eddy" or name:find "^eddy%." or name == "jit" or name:find "^jit%." or
    package.preload[name] ~= nil or type(rawget(_G, name)) == "table"
end

local Collection = {}
Collection.__index = Collection

local function fail(text, ...) error({ problem = text:format(...) }, 0) end

-- The file of a module in the script's folder, as it is called in the bundle.
function Collection:_own(name)
  local path = name:gsub("%.", "/")
  for _, file in ipairs { path .. ".lua", path .. "/init.lua" } do
    if exists(self.folder .. file) then return file end
  end
end

-- Adds a file, and what it needs.
-- @param file its name in the bundle, and in tracebacks
-- @param is_given the user wants it, and what it requires, wherever that is
function Collection:_add_file(file, path, is_given)
  if self.files[file] then return end
  local text, problem = read(path)
  if not text then fail("cannot read %s", problem) end
  local chunk, err = load(text, "@" .. path, "t")
  if not chunk then
    fail("%s", err:find("wrong mode", 1, true) and path .. ": it is bytecode, not a script" or err)
  end
  self.files[file] = text
  local found = requires.of(chunk)
  for _, call in ipairs(found.required) do
    self:_require(call.name, is_given, not call.is_optional and ("%s:%d"):format(file, call.line))
  end
  for _, name in ipairs(found.modules) do
    if self:_own(name) then self:_require(name) end
  end
  for _, text_of in ipairs(found.strings) do self:_name(text_of, file:match "^.*/" or "") end
end

-- Adds a module, if it is to be in the bundle.
-- @param where who cannot do without it; nil when it may be missing
function Collection:_require(name, is_given, where)
  if self.modules[name] or is_inside(name) then return end
  local own = self:_own(name)
  if own then
    self.modules[name] = own
    return self:_add_file(own, self.folder .. own, is_given)
  end
  local path = package.searchpath(name, package.path)
  if path and is_given then
    local file = name:gsub("%.", "/") .. (path:find "/init%.lua$" and "/init.lua" or ".lua")
    self.modules[name] = file
    return self:_add_file(file, path, true)
  end
  if path or package.searchpath(name, package.cpath) or not where then
    self.outside[name] = true
  else
    fail("%s requires '%s', which is not in the folder of the script, and not installed here",
      where, name)
  end
end

-- A string that may be a file's name: other scripts are taken along, as threads run them.
function Collection:_name(text, folder)
  if not text:find "^[%w_./-]+%.%w+$" or text:sub(1, 1) == "/" then return end
  for _, file in ipairs { folder .. text, text } do
    if exists(self.folder .. file) then
      if not file:find "%.lua$" then
        self.beside[file] = true
      else
        self:_add_file(file, self.folder .. file)
      end
      return
    end
  end
end

-- What the user adds: a module, or a script's file.
function Collection:_with(name)
  if name:find "%.lua$" then
    if name:sub(1, 1) == "/" then fail("--with %s: name it as the script does", name) end
    return self:_add_file(name, self.folder .. name, true)
  end
  if is_inside(name) then fail("--with %s: it is in every eddy", name) end
  self:_require(name, true)
  if self.modules[name] then return end
  local library = package.searchpath(name, package.cpath)
  if library then
    fail("--with %s: %s is written in C, and cannot be in a bundle: install it where that runs",
      name, library)
  end
  fail("--with %s: there is no such module in the script's folder, and none is installed", name)
end

--- Collects what a script needs.
-- @param path the script's
-- @param with names of modules, and of files beside it, that it does not name as such
-- @return a table: `script`, `files`, `modules`, as eddy.base.bundle has them; `outside`, a set of
-- modules that are required and not there; `beside`, a set of files that are named and not there.
-- Or nil and what is wrong
function M.collect(path, with)
  local folder, script = path:match "^(.*/)([^/]+)$"
  local self = setmetatable({ folder = folder or "", script = script or path, files = {},
    modules = {}, outside = {}, beside = {} }, Collection)
  local ok, err = pcall(function()
    self:_add_file(self.script, path)
    for _, name in ipairs(with) do self:_with(name) end
  end)
  if ok then return self end
  if type(err) ~= "table" then error(err, 0) end
  return nil, err.problem
end

return M
