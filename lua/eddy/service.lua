--- What a script has to say to the service manager that runs its process, such as systemd. Where
-- there is none, and in threads, nothing is done.
local errors = require "eddy.base.errors"

---@class eddy.service
local M = {}

local manager = false -- the host's functions, where somebody listens

-- For the host.
function M._set_manager(functions) manager = functions end

--- The process does its work. The host says so when the loop has turned once: a main program that
-- waits by itself and runs no loop says it here.
function M.ready()
  if manager then manager.ready() end
end

--- What the process does, for `systemctl status`, before what the host tells of its streams.
---@param text? string a line, or nil for none
function M.status(text)
  if text ~= nil and type(text) ~= "string" then
    errors.misuse("status: expected a text, got " .. type(text))
  end
  if manager then manager.tell((text or ""):gsub("%c", " ") .. "") end
end

return M
