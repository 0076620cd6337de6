-- Where `require` looks for a script's modules: in its own folder first, and in the current one
-- only where the user says so.
local M = {}

-- The defaults of LuaJIT's in a path: what stands for each ";;" in the variable, or all of it.
-- @param text the variable's value, or nil
local function default_of(path, text)
  if not text then return path end
  local before = text:match "^(.-);;"
  if not before then return nil end
  local _, count = text:gsub(";;", "")
  local length = (#path - #text) / count
  return path:sub(#before + 2, #before + 1 + length)
end

-- Without the templates of the current folder.
local function elsewhere(default)
  local templates = {}
  for each in default:gmatch "[^;]+" do
    if each:sub(1, 2) ~= "./" then templates[#templates + 1] = each end
  end
  return table.concat(templates, ";")
end

-- A path in which the current folder is only where the variable names it.
local function without_current(path, variable)
  local text = os.getenv(variable)
  local default = default_of(path, text)
  if not default then return path end
  local rest = elsewhere(default)
  if not text then return rest end
  return (text:gsub(";;", function() return ";" .. rest .. ";" end))
end

local path, cpath = package.path, package.cpath

--- The current folder, which is among LuaJIT's defaults, is none of them from now on.
function M.leave_current()
  package.path = without_current(path, "LUA_PATH")
  package.cpath = without_current(cpath, "LUA_CPATH")
end

--- Takes `leave_current` back: for tests, which busted finds in the current folder.
function M.come_back() package.path, package.cpath = path, cpath end

--- Puts a script's folder before all others.
-- @return nil, or what is wrong with its name
function M.begin_with(folder)
  if folder:find "[;?]" then
    return ("require does not find modules in %s: a folder's name with ; or ? cannot be in a path")
      :format(folder)
  end
  folder = folder == "/" and "" or folder
  package.path = ("%s/?.lua;%s/?/init.lua;%s"):format(folder, folder, package.path)
  package.cpath = ("%s/?.so;%s"):format(folder, package.cpath)
end

return M
