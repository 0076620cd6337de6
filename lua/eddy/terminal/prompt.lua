-- Lines that are typed: with lua-readline, if it is there, with a history and completion.
local M = {}

local HISTORY = ".eddy_history"
local MOST_LINES = 1000

local Prompt = {}
Prompt.__index = Prompt

-- The library, with a history in the user's folder; nil without it.
local function load(complete)
  local ok, readline = pcall(require, "readline")
  if not ok then return nil end
  local home = os.getenv "HOME"
  readline.set_options { auto_add = false, keeplines = MOST_LINES,
    histfile = home and home .. "/" .. HISTORY or "" }
  readline.set_readline_name "eddy"
  readline.set_completion_append_character ""
  readline.set_complete_function(function(line, from, to)
    local word = line:sub(1, to):match "[%w_.:]*$"
    local is_ok, names = pcall(complete, word)
    local found, skipped = {}, #word - (to - from + 1)
    for i, name in ipairs(is_ok and names or {}) do found[i] = name:sub(skipped + 1) end
    return found
  end)
  return readline
end

--- Makes one.
-- @param is_terminal whether somebody types
-- @param complete fn(text): the names that begin so
function M.new(is_terminal, complete)
  local readline = is_terminal and load(complete) or nil
  local hint = is_terminal and not readline and
    "(lua-readline gives a history and completion; on Debian: apt-get install lua-readline)" or nil
  return setmetatable({ readline = readline, is_terminal = is_terminal, hint = hint }, Prompt)
end

--- Reads a line; nil at the end of the input.
function Prompt:read(prompt)
  if self.readline then
    local line = self.readline.readline(prompt)
    if line and line:find "%S" and line ~= self.last then
      self.readline.add_history(line)
      self.last = line
    end
    return line
  end
  if self.is_terminal then
    io.stdout:write(prompt)
    io.stdout:flush()
  end
  return io.read "*l"
end

--- Keeps the history.
function Prompt:close()
  if self.readline then pcall(self.readline.save_history) end
end

return M
