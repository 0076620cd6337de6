-- Lines that are typed: with lua-readline, if it is there, with a history and completion. Read one
-- by one, or while other things go on.
local c = require "eddy.base.libeddy"
local folders = require "eddy.base.folders"

local M = {}

local MOST_LINES = 1000

local Prompt = {}
Prompt.__index = Prompt

-- What lua-readline has no names for.
local DECLARATIONS = [[
int rl_clear_visible_line(void);
int rl_on_new_line(void);
int rl_forced_update_display(void);
void rl_resize_terminal(void);
void rl_callback_handler_remove(void);
int fflush(void *file);
]]

-- The file of the history, which nobody else can read; "" when there is none.
local function history()
  local state, home = os.getenv "XDG_STATE_HOME", os.getenv "HOME"
  local folder = state and state:sub(1, 1) == "/" and state or home and home .. "/.local/state"
  if not folder or not folders.make(folder .. "/eddy", 448) then return "" end -- 0700
  local file = folder .. "/eddy/history"
  return folders.private_file(file) and file or ""
end

-- The library; nil without it.
local function load(complete)
  local ok, readline = pcall(require, "readline")
  if not ok then return nil end
  readline.set_options { auto_add = false, keeplines = MOST_LINES, histfile = history() }
  readline.set_readline_name "eddy"
  readline.set_complete_function(function(line, from, to)
    readline.set_completion_append_character "" -- each time: it is set anew
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
  return setmetatable({ readline = readline, is_terminal = is_terminal, hint = hint,
    display = readline and c.loaded("readline", DECLARATIONS) }, Prompt)
end

-- Adds a line to the history.
function Prompt:keep(line)
  if self.readline and line and line:find "%S" and line ~= self.last then
    self.readline.add_history(line)
    self.last = line
  end
  return line
end

local function put(text)
  io.stdout:write(text)
  io.stdout:flush()
end

--- Reads a line; nil at the end of the input.
function Prompt:read(prompt)
  if self.readline then return self:keep(self.readline.readline(prompt)) end
  if self.is_terminal then put(prompt) end
  return io.read "*l"
end

--- Asks for a line, for which nobody waits: `take` reads what is typed.
-- @param on_line fn(line), called by `take`; with nil at the end of the input
function Prompt:ask(prompt, on_line)
  self.prompt, self.on_line, self.is_hidden, self.has_line = prompt, on_line, false, false
  if self.display then
    self.readline.handler_install(prompt, function(line)
      self.readline.handler_remove()
      self.has_line, self.line = true, line
    end)
  elseif self.is_terminal then
    put(prompt)
  end
end

--- Reads what was typed: the standard input has something.
function Prompt:take()
  if self.is_hidden then self:show() end
  if self.display then
    self.readline.read_char()
    if not self.has_line then return end
  else
    io.stdin:setvbuf "no" -- what is left of a pipe is still seen by who waits for it
    self.line = io.read "*l"
  end
  local on_line, line = self.on_line, self.line
  self.on_line, self.line = nil, nil
  on_line(self:keep(line))
end

--- Gives up what was typed so far, if a line is asked for.
-- @param mark what stands in its place
function Prompt:drop(mark)
  if not self.on_line then return end
  if self.is_hidden then self:show() end
  self.on_line = nil
  if self.is_terminal then put(mark) end
  if self.display then
    -- lua-readline closes the terminal first, which then stays as it is.
    self.display.rl_callback_handler_remove()
    self.readline.handler_remove()
  end
end

--- Takes the line that is being typed off the screen, for something else to be printed.
function Prompt:hide()
  if not self.on_line or self.is_hidden then return end
  self.is_hidden = true
  if self.display then
    self.display.rl_clear_visible_line()
    self.display.fflush(nil)
  elseif self.is_terminal then
    put "\r\27[K"
  end
end

--- Puts it back.
function Prompt:show()
  if not self.on_line or not self.is_hidden then return end
  self.is_hidden = false
  if self.display then
    self.display.rl_on_new_line()
    self.display.rl_forced_update_display()
  elseif self.is_terminal then
    put(self.prompt)
  end
end

--- The terminal has another size.
function Prompt:resize()
  if self.display and self.on_line then self.display.rl_resize_terminal() end
end

--- Keeps the history.
function Prompt:close()
  self:drop "\n"
  if self.readline then pcall(self.readline.save_history) end
end


return M
