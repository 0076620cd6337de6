-- Reads annotations of the form that lua-language-server documents (LuaCATS), as far as eddy's have
-- it: what classes there are, and what their functions take. What it cannot read is a problem.
local M = {}

local basic = {}
for name in ([[any nil boolean string number integer function table thread userdata lightuserdata
    true false self file* ffi.cdata*]]):gmatch "%S+" do
  basic[name] = true
end

-- A reader of one text: `at` is where it is. Its functions raise what is wrong.
-- @param state its `generics` are types, too; @param named gets the names of others
local function reader(text, state, named)
  local self = { at = 1 }

  function self.take(pattern)
    local from, to, found = text:find("^%s*(" .. pattern .. ")", self.at)
    if not from then return nil end
    self.at = to + 1
    return found
  end

  local function need(pattern, what)
    return self.take(pattern) or error(("expected %s at '%s'"):format(what, text:sub(self.at)), 0)
  end

  local function results()
    repeat
      if not self.take "%.%.%." then self.type() end
    until not self.take ","
  end

  local function function_type()
    local names = {}
    need("%(", "(")
    if not self.take "%)" then
      repeat
        names[#names + 1] = self.take "%.%.%." or need("[%a_][%w_]*", "an argument")
        self.take "%?"
        if self.take ":" then self.type() end
      until not self.take ","
      need("%)", ")")
    end
    if self.take ":" then results() end
    return names
  end

  local function table_type()
    repeat
      if self.take "%[" then
        self.type()
        need("%]", "]")
      else
        need("[%a_][%w_]*", "a field")
        self.take "%?"
      end
      need(":", ":")
      self.type()
    until not self.take ","
    need("}", "}")
  end

  local function single()
    if self.take '"[^"]*"' or self.take "%-?%d+" then return end
    if self.take "{" then return table_type() end
    if self.take "%(" then
      self.type()
      return need("%)", ")")
    end
    if self.take "fun%f[(]" then return function_type() end
    local name = need("[%a_][%w_.]*%*?", "a type")
    if not basic[name] and not state.generics[name] then named[name] = true end
    if self.take "<" then
      repeat self.type() until not self.take ","
      need(">", ">")
    end
  end

  function self.type()
    local from = self.at
    repeat
      local names = single()
      while self.take "%[%]" do names = nil end
      self.take "%?"
      self.names = names
    until not self.take "|"
    return text:sub(from, self.at - 1)
  end

  self.need = need
  return self
end

local function new_class(all, name)
  all.classes[name] = all.classes[name] or { members = {}, parents = {} }
  return all.classes[name]
end

-- Reads one line's tag.
local function read_tag(all, state, tag, rest)
  local named = {}
  local its = reader(rest, state, named)
  if tag == "meta" then
    its.need("[%w_.]+", "a name")
  elseif tag == "class" or tag == "alias" then
    its.take "%(exact%)"
    local name = its.need("[%w_.]+", "a name")
    state.generics = {}
    if its.take "<" then
      state.generics[its.need("%a", "a letter")] = true
      its.need(">", ">")
    end
    local class = new_class(all, name)
    if tag == "class" then
      state.class, state.class_generics = class, state.generics
      if its.take ":" then class.parents[1] = its.type():match "[%w_.]+" end
    elseif rest:sub(its.at):find "%S" then
      its.type()
    else
      state.alias = class
    end
  elseif tag == "field" then
    local name
    if its.take "%[" then
      name = its.type()
      its.need("%]", "]")
    else
      name = its.need("[%a_][%w_]*", "a field")
    end
    its.take "%?"
    local from = its.at
    its.type()
    local names = its.names
    local has_self = names and names[1] == "self" and table.remove(names, 1)
    state.class.members[name] = { arguments = names, has_self = has_self and true or false,
      is_field = true, returns = 0, type = rest:sub(from):match "[%w_.]+" }
  elseif tag == "param" then
    local name = its.take "%.%.%." or its.need("[%a_][%w_]*", "an argument")
    its.take "%?"
    its.type()
    state.parameters[#state.parameters + 1] = name
  elseif tag == "return" then
    its.type()
    state.returns = state.returns + 1
  elseif tag == "generic" then
    state.generics = { [its.need("%a", "a letter")] = true }
  elseif tag == "overload" then
    its.type()
  elseif tag == "operator" then
    its.need("%l+:", "an operator")
    its.type()
  else
    error("no such tag: " .. tag, 0)
  end
  for name in pairs(named) do all.named[name] = all.named[name] or state.where end
end

local function finish_function(all, state, variable, separator, name, arguments)
  local class = state.variables[variable] or error("whose class is " .. variable .. "?", 0)
  local names = {}
  for argument in arguments:gmatch "[^, ]+" do names[#names + 1] = argument end
  if table.concat(names, ",") ~= table.concat(state.parameters, ",") then
    error(("%s: its tags are of other arguments: %s"):format(name,
      table.concat(state.parameters, ", ")), 0)
  end
  class.members[name] = { arguments = names, has_self = separator == ":", returns = state.returns }
  state.parameters, state.returns, state.generics = {}, 0, state.class_generics
  return all
end

local function read_line(all, state, line)
  local tag, rest = line:match "^%-%-%-@(%l+)%s*(.*)$"
  if tag then return read_tag(all, state, tag, rest) end
  if line:find "^%-%-%-|" then
    local its = reader(line:sub(5), state, {})
    its.type()
    state.alias.names = its.names
    return
  end
  if line == "" or line:find "^%-%-%- " or line:find "^return [%w_]+$" then return end
  local variable = line:match "^local ([%w_]+) = {}$"
  if variable then
    state.variables[variable] = state.class
    return
  end
  local owner, separator, name, arguments = line:match(
    "^function ([%w_]+)([.:])([%w_]+)%((.-)%) end$")
  if not owner then error("not a line of annotations: " .. line, 0) end
  finish_function(all, state, owner, separator, name, arguments)
end

--- Reads all files of a folder.
-- @return { classes = { members = by name, parents }, by name; named = where types are named, by
-- name; problems = a list of texts }
function M.read(folder)
  local all = { classes = {}, named = {}, problems = {} }
  local found = assert(io.popen(("find '%s' -name '*.lua' | sort"):format(folder)))
  for path in found:lines() do
    local state, number = { variables = {}, parameters = {}, returns = 0, generics = {} }, 0
    for line in io.lines(path) do
      number = number + 1
      state.where = path:sub(#folder + 2) .. ":" .. number
      local ok, err = pcall(read_line, all, state, line)
      if not ok then all.problems[#all.problems + 1] = state.where .. ": " .. tostring(err) end
    end
  end
  found:close()
  return all
end

--- A member of a class, or of what it inherits from; nil when there is none.
function M.member(all, class, name)
  local its = all.classes[class]
  if not its then return nil end
  local found = its.members[name] or its.parents[1] and M.member(all, its.parents[1], name)
  local alias = found and found.type and all.classes[found.type]
  if alias and alias.names and not found.arguments then
    found.arguments, found.has_self = { unpack(alias.names, 2) }, true
  end
  return found or nil
end

return M
