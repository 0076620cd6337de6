-- How large the tests of what may happen are: as large as `./spec/run` has time for, or, with
-- EDDY_FULL, as large as the promise asks for. `./spec/soak rows` runs them so.
local M = {}

local path = os.getenv "EDDY_FULL" -- where the figures go

--- One of two sizes.
-- @param short for every run of the specs
-- @param full for `./spec/soak rows`
function M.size(short, full)
  if path then return full end
  return short
end

--- Notes what was measured; nothing in a short run.
-- @param name what may happen, as the README calls it
-- @param text a format, and its values
function M.figure(name, text, ...)
  if not path then return end
  local file = assert(io.open(path, "a"))
  file:write(name, ": ", text:format(...), "\n")
  file:close()
end

--- The value of a list that this share of it does not exceed: of 1, the largest.
function M.quantile(list, share)
  local sorted = {}
  for i, value in ipairs(list) do sorted[i] = value end
  table.sort(sorted)
  return sorted[math.max(1, math.ceil(#sorted * share))]
end

return M
