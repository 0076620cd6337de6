-- What the cells of a notebook share: their globals; and what is asked about code.
local M = {}

local Session = {}
Session.__index = Session

--- A session, whose code has all of Lua, and eddy.
-- @param write called with "stdout" or "stderr" and a text
-- @param read returns a line that the user has typed
function M.new(write, read)
  local function file(name)
    local methods = { setvbuf = function() return true end, flush = function() return true end }
    function methods:write(...)
      local texts = { ... }
      for i = 1, select("#", ...) do texts[i] = tostring(texts[i]) end
      write(name, table.concat(texts))
      return self
    end
    return methods
  end
  local stdout, stderr = file "stdout", file "stderr"
  local env = {
    eddy = require "eddy", zmq = require "eddy.zmq",
    io = setmetatable({
      stdout = stdout, stderr = stderr, read = read,
      write = function(...) return stdout:write(...) end,
    }, { __index = io }),
    print = function(...)
      local texts = { ... }
      for i = 1, select("#", ...) do texts[i] = tostring(texts[i]) end
      write("stdout", table.concat(texts, "\t") .. "\n")
    end,
  }
  env._G = env
  setmetatable(env, { __index = _G })
  return setmetatable({ env = env }, Session)
end

--- A function of a cell's code, which may be an expression; or nil, and what is wrong.
function Session:compile(code, number)
  local name = ("=cell %d"):format(number)
  -- Not as a tail call, of which no traceback tells.
  local chunk = loadstring(("return (function(...) return ... end)(%s\n)"):format(code), name)
  if chunk then return setfenv(chunk, self.env) end
  local problem
  chunk, problem = loadstring(code, name)
  return chunk and setfenv(chunk, self.env), problem
end

--- "complete", "incomplete" or "invalid".
function Session:completeness(code)
  local chunk, problem = self:compile(code, 0)
  local ends_early = tostring(problem):find "near '<eof>'$"
  return chunk and "complete" or ends_early and "incomplete" or "invalid"
end

-- The bytes of the first `count` characters.
local function size_of(text, count)
  for at in text:gmatch "()[%z\1-\127\192-\255][\128-\191]*" do
    if count == 0 then return at - 1 end
    count = count - 1
  end
  return #text
end

-- The fields that a value has by itself, or by the __index of its metatable.
local function each_field(value, fn)
  for _ = 1, 10 do
    if type(value) == "table" then
      for key in next, value do fn(key) end
    end
    local meta = debug.getmetatable(value)
    value = type(meta) == "table" and rawget(meta, "__index") or nil
    if value == nil then return end
  end
end

-- What a.b.c stands for, without calling anything.
local function look_up(value, path)
  for name in path:gmatch "[%a_][%w_]*" do
    local found
    each_field(value, function(key) found = found or key == name end)
    if not found then return end
    local ok, field = pcall(function() return value[name] end)
    if not ok then return end
    value = field
  end
  return value
end

local KEYWORDS = { "and", "break", "do", "else", "elseif", "end", "false", "for", "function", "if",
  "in", "local", "nil", "not", "or", "repeat", "return", "then", "true", "until", "while" }

--- What may stand at a cursor.
-- @param code the text
-- @param cursor how many characters (not bytes) are before it
-- @return a list of names, and how many characters before the cursor they replace
function Session:complete(code, cursor)
  local before = code:sub(1, size_of(code, cursor))
  local path, start = before:match "([%a_][%w_%.]*[%.:])([%a_]?[%w_]*)$"
  start = start or before:match "[%a_][%w_]*$" or ""
  local names, seen = {}, {}
  local function add(name)
    if type(name) ~= "string" or seen[name] or name:sub(1, #start) ~= start then return end
    if not name:find "^[%a_][%w_]*$" then return end
    seen[name] = true
    names[#names + 1] = name
  end
  each_field(look_up(self.env, path or ""), add)
  if not path then
    for _, word in ipairs(KEYWORDS) do add(word) end
  end
  table.sort(names)
  return names, #start
end

--- What is known of the name at a cursor, as text; or nil.
function Session:inspect(code, cursor)
  local bytes = size_of(code, cursor)
  local name = code:sub(1, bytes):match "[%w_%.]*$" .. code:sub(bytes + 1):match "^[%w_]*"
  local value = name ~= "" and look_up(self.env, name)
  if not value then return end
  local text = ("%s: %s"):format(name, tostring(value))
  if type(value) ~= "function" then return text end
  local info = debug.getinfo(value, "S")
  return info.what == "C" and text or ("%s, %s:%d"):format(text, info.short_src, info.linedefined)
end

return M
