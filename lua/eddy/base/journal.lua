-- Lines on the standard error. Where journald reads it, each begins with its priority, so that
-- `journalctl -p err` finds it.
local C = require("eddy.base.libeddy").C

local STDERR = 2

local M = { CRITICAL = 2, ERROR = 3, WARNING = 4, INFO = 6, DEBUG = 7 }

local is_journal

--- Lines as the standard error is to have them.
-- @param text lines, with a newline at the end of the last one
-- @param priority one of these
function M.lines(text, priority)
  if is_journal == nil then is_journal = C.eddy_is_journal(STDERR) == 1 end
  if not is_journal then return text end
  local mark = "<" .. priority .. ">"
  return mark .. text:gsub("\n(.)", "\n" .. mark .. "%1")
end

return M
