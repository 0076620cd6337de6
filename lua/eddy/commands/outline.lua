-- What commands take, as their own help tells it: for manual pages and completion.
local commands = require "eddy.commands.list"
local verbs = require "eddy.control.list"

local M = {}

-- What fn prints.
local function printed_by(fn, ...)
  local written, out, show = {}, io.stdout, print
  local function write(_, ...)
    written[#written + 1] = table.concat { ... }
    return true
  end
  io.stdout = { write = write } -- luacheck: ignore 122
  print = function(...) write(nil, table.concat({ ... }, "\t"), "\n") end -- luacheck: ignore 121
  local ok, problem = pcall(fn, ...)
  io.stdout, print = out, show -- luacheck: ignore 121 122
  if not ok then error(problem, 0) end
  return table.concat(written)
end

-- The names and the value of an option, as a help writes it: "-m, --metadata KEY=VALUE".
local function option_of(text, line)
  local option = { names = {}, text = line }
  for name in (" " .. text):gmatch "%s(%-%-?[%w-]+)" do option.names[#option.names + 1] = name end
  option.value = text:match "[%w%]]%s+(%[?%u[%w:=]*%]?)$"
  return option
end

--- The options that a help tells of: a list of { names, value or nil, text }.
function M.options_of(help)
  local options = {}
  for line in help:gmatch "[^\n]+" do
    local text, rest = line:match "^%s+(%-.-),?%s%s+(%S.*)$"
    local other = line:match "^%s+(%-%-?[%w-]+%s?[%[%w:=%]]*)$"
    local more = line:match "^%s%s%s%s%s%s+(%S.*)$"
    if text then
      options[#options + 1] = option_of(text, rest)
    elseif other and options[1] then -- another name of the last one
      local names = options[#options].names
      names[#names + 1] = option_of(other, "").names[1]
    elseif more and options[1] then
      options[#options].text = options[#options].text .. " " .. more
    end
  end
  return options
end

--- A command: { name, arguments = "[PID] VERB", line = what it does, text = the same in sentences,
-- options = as options_of has them }.
function M.command(row)
  local help = printed_by(commands.find(row[1]), { "--help" })
  local text = help:match "\n\n(.-)\n\n" or help:match "\n\n(.-)\n$" or row[3]
  return { name = row[1], arguments = row[2], line = row[3], text = text:gsub("\n", " ") .. "",
    options = M.options_of(help) }
end

--- All of them, in their order.
function M.commands()
  local list = {}
  for i, row in ipairs(commands.rows) do list[i] = M.command(row) end
  return list
end

-- Notes what a verb asks of lua-argparse.
local Element = {}
Element.__index = function(_, key)
  return Element[key] or function(self, value)
    rawset(self, "_" .. key, value)
    return self
  end
end

local function element(names)
  local list = {}
  for name in names:gmatch "%S+" do list[#list + 1] = name end
  return setmetatable({ names = list }, Element)
end

local function add_option(self, names, value)
  local made = element(names)
  made.value = value
  self.options[#self.options + 1] = made
  return made
end

function Element:flag(names) return add_option(self, names) end
function Element:option(names) return add_option(self, names, true) end
function Element:argument(name)
  local made = element(name)
  self.arguments[#self.arguments + 1] = made
  return made
end

local function option_with_text(each)
  return { names = each.names, text = rawget(each, "_description") or "",
    value = rawget(each, "value") and (rawget(each, "_argname") or "VALUE") or nil }
end

--- What `eddy ctl` can ask for: { name, line, arguments = a list of { name, text, is_optional },
-- options as above }.
function M.verbs()
  local list = {}
  for i, row in ipairs(verbs.rows) do
    local command = setmetatable({ options = {}, arguments = {} }, Element)
    local verb = verbs.get(row[1])
    if verb.arguments then verb.arguments(command) end
    local made = { name = row[1], line = row[2], arguments = {}, options = {} }
    for n, each in ipairs(command.arguments) do
      made.arguments[n] = { name = each.names[1], text = rawget(each, "_description") or "",
        is_optional = rawget(each, "_args") == "?" }
    end
    for n, each in ipairs(command.options) do made.options[n] = option_with_text(each) end
    list[i] = made
  end
  return list
end

return M
