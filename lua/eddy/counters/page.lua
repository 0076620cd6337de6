-- The process's own counters page.
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"

local C = c.C

local M = {}

local function check_settings(settings)
  errors.check_fields(settings, { command = true, worker = true }, "open")
  if type(settings.command) ~= "string" then
    errors.misuse("open: command: expected a text, got " .. type(settings.command))
  end
  local worker = settings.worker
  if worker ~= nil and (type(worker) ~= "number" or worker < 0 or worker % 1 ~= 0) then
    errors.misuse("open: worker: expected a number from 0, got " .. tostring(worker))
  end
end

--- Lets others read the process's counters: `eddy ps`, `eddy top`. Its loops and streams are among
-- them if they are made after that. With EDDY_COUNTERS=off in the environment, or where no folder
-- for it can be made, nothing happens. The command `eddy` does it by itself.
---@param settings { command: string, worker?: integer }
-- { command = "what the process is known by", worker = which of several }
-- @return whether it has a page now
---@return boolean
function M.open(settings)
  check_settings(settings)
  if os.getenv "EDDY_COUNTERS" == "off" then return false end
  C.eddy_page_open(settings.command, settings.worker or -1)
  return C.eddy_page_get() ~= nil
end

--- The script has been loaded once more.
-- @param number how often it was
function M.set_generation(number)
  local page = C.eddy_page_get()
  if page ~= nil then page.generation = number end
end

return M
