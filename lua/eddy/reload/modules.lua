-- The files of a script: its own, and those of the modules that it loaded.
local host = require "eddy.base.host"

local pinned = {} -- sources, "@FILE"

local M = {}

--- A module is not to be loaded again.
-- @param source of one of its functions
function M.pin(source) pinned[source] = true end

-- LuaJIT's own places, where what was installed is found: it does not change with a script.
local function is_installed(file)
  return file:find("^/usr/") ~= nil or file:find("^/opt/[^/]*/share/lua/") ~= nil
end

-- The file that a module is loaded from now, or was, when that is there no more.
local function file_of(name)
  local file = package.searchpath(name, package.path)
  return file or host.sources and (host.sources[name] or ""):match "^@(.*)"
end

--- The files of modules that are the script's and are loaded anew: by their names. Not those that
-- are in C, that are installed, that come from package.preload, or that are pinned.
-- @param before what was in package.loaded before the script ran
function M.files(before)
  local files = {}
  for name in pairs(package.loaded) do
    local is_eddy = name == "eddy" or name:find "^eddy%."
    if before[name] == nil and not is_eddy and not package.preload[name] then
      local file = file_of(name)
      if file and not is_installed(file) and not pinned["@" .. file] then files[name] = file end
    end
  end
  return files
end

--- Compiles files.
-- @param files names, by the modules' names
-- @return their functions, by the modules' names; or nil and what is wrong with one
function M.compile(files)
  local chunks = {}
  for name, file in pairs(files) do
    local chunk, err = loadfile(file, "t")
    -- A file that is not there any more is missed when the script asks for it.
    if not chunk and io.open(file) then return nil, err end
    chunks[name] = chunk
  end
  return chunks
end

--- Forgets the modules, so that `require` loads them again, from what was compiled.
-- @return a function that ends it
function M.replace(chunks, files)
  for name in pairs(files) do package.loaded[name] = nil end
  local function loader(name) return chunks[name] or ("\n\tno changed module '%s'"):format(name) end
  table.insert(package.loaders, 1, loader)
  return function()
    for i = #package.loaders, 1, -1 do
      if package.loaders[i] == loader then table.remove(package.loaders, i) end
    end
  end
end

return M
