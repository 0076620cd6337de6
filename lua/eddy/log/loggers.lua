-- The loggers that a script has made.
local M = {}

local all = setmetatable({}, { __mode = "k" })
local count = 0

--- Adds one.
-- @return the logger
function M.add(logger)
  count = count + 1
  all[logger] = count
  return logger
end

--- All of them that are still held, in the order in which they were made.
function M.all()
  local list = {}
  for logger in pairs(all) do list[#list + 1] = logger end
  table.sort(list, function(a, b) return all[a] < all[b] end)
  return list
end

return M
