-- What `eddy bundle` has put into this executable: a script, its modules, options of the command.
-- It is in package.loaded only where there is a bundle; no other program pays for it.
local M = {}

local ITSELF = "--eddy" -- the first argument of a bundle that is to be the command

local packed

local function load_module(name)
  local file = packed.modules[name]
  if file then return assert(load(packed.files[file], "@" .. file, "t")) end
  return ("\n\tno module '%s' in the bundle: eddy bundle --with %s"):format(name, name)
end

--- For the host: what there is.
-- @param text Lua code that returns a table: `script`, the script's name; `files`, their texts by
-- their names; `modules`, their files' names by their names; `options`, words
function M.begin(text)
  packed = assert(loadstring(text, "=bundle"))()
  table.insert(package.loaders, 2, load_module)
end

--- The text of one of its files; nil when it is none of them.
function M.text(name) return packed.files[name] end

--- Whether a file is the script.
function M.is_script(name) return name == packed.script end

--- The command line of the command that runs the script.
-- @param args the bundle's, from 0
function M.command_line(args)
  local words = { [0] = args[0] }
  local function add(list, first)
    for i = first, #list do words[#words + 1] = list[i] end
  end
  if args[1] == ITSELF then
    add(args, 2)
    return words
  end
  add(packed.options, 1)
  add({ "--", packed.script }, 1)
  add(args, 1)
  return words
end

--- What comes first in the command line of a program that is started from this executable as the
-- command: with a bundle, a word more.
-- @param path the executable
function M.program(path) return { path, ITSELF } end

return M
