-- A terminal, in which programs run that are typed at: tmux's.
local process = require "spec.support.process"

local PATIENCE_S = 20
local AGAIN_S = 1 -- before a key is pressed again

local Terminal = {}
Terminal.__index = Terminal

local M = {}

--- Whether there is one.
function M.is_there() return process.shell "command -v tmux" == 0 end

--- Opens one, with a shell whose prompt is "ready> ".
-- @param folder for its socket
function M.open(folder)
  local self = setmetatable({ tmux = "tmux -f /dev/null -S " .. folder .. "/tmux " }, Terminal)
  process.check(0, process.shell(self.tmux .. "new-session -d -s spec -x 100 -y 40 " ..
    process.quote "env PS1='ready> ' sh"))
  self:wait "ready>"
  return self
end

--- What it shows.
function Terminal:screen()
  return (select(2, process.shell(self.tmux .. "capture-pane -p -t spec")))
end

-- What it shows, as soon as that matches a pattern; nil, and what it shows, when it is too late.
function Terminal:shows(pattern, latest)
  local screen
  repeat
    screen = self:screen()
    if screen:find(pattern) then return screen end
  until os.time() > latest
  return nil, screen
end

--- Waits until it shows what matches a pattern; returns all of it.
function Terminal:wait(pattern)
  local found, screen = self:shows(pattern, os.time() + PATIENCE_S)
  return found or error("the screen has no " .. pattern .. ":\n" .. screen, 2)
end

--- Presses a key, by tmux's name: "C-c".
function Terminal:press(key)
  process.check(0, process.shell(self.tmux .. "send-keys -t spec " .. key))
end

--- Presses a key until it shows what matches: one may come before it is heard.
function Terminal:insist(key, pattern)
  local latest = os.time() + PATIENCE_S
  repeat
    self:press(key)
    if self:shows(pattern, os.time() + AGAIN_S) then return end
  until os.time() > latest
  self:wait(pattern)
end

--- Types a text.
function Terminal:type(text) self:press("-l " .. process.quote(text)) end

--- Types a line.
function Terminal:enter(text)
  self:type(text)
  self:press "Enter"
end

--- Ends it, and what runs in it.
function Terminal:close() process.shell(self.tmux .. "kill-server") end

return M
