-- How commands read their arguments: lua-argparse, loaded at first use, with our words.
local M = {}

local OK, USAGE = 0, 2

--- Makes the parser of `eddy NAME`, to which options and arguments are added as lua-argparse
-- has it.
-- @param name of the command
-- @param description what it does, in whole sentences
-- @return the parser; nil if lua-argparse is not installed
function M.parser(name, description)
  local ok, argparse = pcall(require, "argparse")
  if not ok then return nil end
  local parser = argparse("eddy " .. name, description):add_help(false)
  parser:flag "-h --help":description "Print this and exit."
  return parser
end

-- Whether help is asked for: it counts even when something else is missing.
local function wants_help(args)
  for _, word in ipairs(args) do
    if word == "--" then return false end
    if word == "-h" or word == "--help" then return true end
  end
  return false
end

--- Reads a command's arguments; prints the help or what is wrong with them.
-- @param name of the command
-- @param parser what parser() returned
-- @param args the arguments after the command's name
-- @return their values by name; or nil and the exit code
function M.read(name, parser, args)
  if not parser then
    io.stderr:write(("eddy: %s needs lua-argparse; on Debian: apt-get install lua-argparse\n")
      :format(name))
    return nil, USAGE
  end
  if wants_help(args) then
    print(parser:get_help())
    return nil, OK
  end
  local ok, values = parser:pparse(args)
  if ok then return values end
  io.stderr:write(("eddy: %s: %s (eddy %s --help tells more)\n"):format(name, values, name))
  return nil, USAGE
end

return M
