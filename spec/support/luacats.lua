-- Reads annotations of the form that lua-language-server documents (LuaCATS), as far as eddy's have
-- it: what classes there are, and what their functions take. What it cannot read is a problem.
local M = {}

local function of_type(name)
  return function(value) return type(value) == name end
end

-- Whether a value is of one of the basic types.
local basic = {
  any = function() return true end,
  self = function() return true end,
  integer = function(value) return type(value) == "number" and value % 1 == 0 end,
  ["true"] = function(value) return value == true end,
  ["false"] = function(value) return value == false end,
  ["file*"] = function(value) return io.type(value) ~= nil end,
  ["ffi.cdata*"] = of_type "cdata",
  ["function"] = function(value)
    return type(value) == "function" or type(value) == "table" and getmetatable(value) ~= nil
  end,
}
for name in ("nil boolean string number table thread userdata"):gmatch "%S+" do
  basic[name] = of_type(name)
end

-- Whether a value is of a class: an object with its methods, or a table of options that are its
-- fields. Of an alias, what that stands for.
local function is_of(all, name, value)
  local class = all.classes[name]
  if not class then return false end
  if class.alias then return class.alias(value) end
  if type(value) ~= "table" and type(value) ~= "cdata" then return false end
  local fields, parent = {}, class
  while parent do
    for member, its in pairs(parent.members) do
      if not its.matches then return (pcall(function() return assert(value[member]) end)) end
      fields[member] = its.matches
    end
    parent = all.classes[parent.parents[1]]
  end
  for key, each in pairs(value) do
    local matches = fields[type(key) == "number" and "[integer]" or key]
    if not matches or not matches(each) then return false end
  end
  for member, matches in pairs(fields) do
    if not member:find "^%[" and not matches(value[member]) then return false end
  end
  return true
end

-- A reader of one text: `at` is where it is. Its functions raise what is wrong.
-- @param state its `generics` are types, too
-- @param named gets the names of others
local function reader(all, text, state, named)
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
    return basic["function"], names
  end

  local function table_type()
    local fields = {}
    repeat
      local name = need("[%a_][%w_]*", "a field")
      local is_optional = self.take "%?"
      need(":", ":")
      local matches = self.type()
      fields[name] = function(value)
        return value == nil and is_optional ~= nil or matches(value)
      end
    until not self.take ","
    need("}", "}")
    return function(value)
      if type(value) ~= "table" then return false end
      for name, matches in pairs(fields) do
        if not matches(value[name]) then return false end
      end
      return true
    end
  end

  local function single()
    local literal = self.take '"[^"]*"'
    if literal then return function(value) return value == literal:sub(2, -2) end end
    literal = tonumber(self.take "%-?%d+")
    if literal then return function(value) return value == literal end end
    if self.take "{" then return table_type() end
    if self.take "%(" then
      local matches = self.type()
      need("%)", ")")
      return matches
    end
    if self.take "fun%f[(]" then return function_type() end
    local name = need("[%a_][%w_.]*%*?", "a type")
    local arguments = {}
    if self.take "<" then
      repeat arguments[#arguments + 1] = (self.type()) until not self.take ","
      need(">", ">")
    end
    if state.generics[name] then return basic.any end
    if name == "table" and arguments[2] then
      return function(value)
        if type(value) ~= "table" then return false end
        for key, each in pairs(value) do
          if not arguments[1](key) or not arguments[2](each) then return false end
        end
        return true
      end
    end
    if basic[name] then return basic[name] end
    named[name] = true
    return function(value) return is_of(all, name, value) end
  end

  -- Reads a type; returns what tells whether a value is of it, and its text.
  function self.type()
    local list, from, last_names = {}, self.at
    repeat
      local matches, names = single()
      while self.take "%[%]" do
        local each = matches
        names = nil
        function matches(value)
          if type(value) ~= "table" then return false end
          for _, element in ipairs(value) do
            if not each(element) then return false end
          end
          return true
        end
      end
      list[#list + 1] = matches
      if self.take "%?" then list[#list + 1] = basic["nil"] end
      last_names = names
    until not self.take "|"
    self.names = #list == 1 and last_names or nil
    return function(value)
      for _, matches in ipairs(list) do
        if matches(value) then return true end
      end
      return false
    end, text:sub(from, self.at - 1)
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
  local its = reader(all, rest, state, named)
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
      if its.take ":" then class.parents[1] = select(2, its.type()):match "[%w_.]+" end
    elseif rest:sub(its.at):find "%S" then
      class.alias = its.type()
    else
      state.alias = class
    end
  elseif tag == "field" then
    local name
    if its.take "%[" then
      name = "[" .. select(2, its.type()) .. its.need("%]", "]")
    else
      name = its.need("[%a_][%w_]*", "a field")
    end
    local is_optional, from = its.take "%?", its.at
    local is = its.type()
    local names = its.names
    local function matches(value) return value == nil and is_optional ~= nil or is(value) end
    local has_self = names and names[1] == "self" and table.remove(names, 1)
    state.class.members[name] = { arguments = names, has_self = has_self and true or false,
      is_field = true, returns = {}, matches = not has_self and matches or nil,
      type = rest:sub(from):match "[%w_.]+" }
  elseif tag == "param" then
    local name = its.take "%.%.%." or its.need("[%a_][%w_]*", "an argument")
    local is_optional, is = its.take "%?", its.type()
    state.parameters[#state.parameters + 1] = name
    state.matches[#state.matches + 1] = function(value)
      return value == nil and is_optional ~= nil or is(value)
    end
  elseif tag == "return" then
    local text
    state.returns[#state.returns + 1], text = its.type()
    state.returns.fails = text:find "eddy%.Error$" ~= nil -- nil and an error
    if its.take "%.%.%." then state.returns.more = true end
  elseif tag == "generic" then
    state.generics = { [its.need("%a", "a letter")] = true }
  elseif tag == "overload" then
    its.type()
    state.has_others = true
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
  class.members[name] = { arguments = names, has_self = separator == ":",
    returns = state.returns, takes = not state.has_others and state.matches or nil,
    has_others = state.has_others }
  state.parameters, state.matches, state.returns, state.has_others = {}, {}, {}, false
  state.generics = state.class_generics
  return all
end

local function read_line(all, state, line)
  local tag, rest = line:match "^%-%-%-@(%l+)%s*(.*)$"
  if tag then return read_tag(all, state, tag, rest) end
  if line:find "^%-%-%-|" then
    local its = reader(all, line:sub(5), state, {})
    state.alias.alias = its.type()
    state.alias.names = its.names
    return
  end
  if line == "" or line:find "^%-%-%- " or line:find "^return [%w_]+$" then return end
  local variable = line:match "^local ([%w_]+) = {}$"
  if variable then
    state.variables[variable] = state.class
    state.class.is_callable, state.has_others = state.has_others or false, false
    return
  end
  local owner, separator, name, arguments = line:match(
    "^function ([%w_]+)([.:])([%w_]+)%((.-)%) end$")
  if not owner then error("not a line of annotations: " .. line, 0) end
  finish_function(all, state, owner, separator, name, arguments)
end

--- Reads all files of a folder.
-- @return { classes = { members = by name, parents, is_callable }, by name; named = where types are
-- named, by name; problems = a list of texts }
function M.read(folder)
  local all = { classes = {}, named = {}, problems = {} }
  local found = assert(io.popen(("find '%s' -name '*.lua' | sort"):format(folder)))
  for path in found:lines() do
    local state, number = { variables = {}, parameters = {}, matches = {}, returns = {},
      generics = {} }, 0
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
