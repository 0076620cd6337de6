-- Sums of what many count, that never fall: what has gone (a stream that was closed, a worker that
-- ended) stays in its sum. A sum of which nothing is left is forgotten after a while.
local M = {}

local FORGET_MS = 15 * 60 * 1000 -- Prometheus looks back for five minutes

local Totals = {}
Totals.__index = Totals

--- Makes one, which is empty.
function M.new() return setmetatable({ sums = {}, round = 0 }, Totals) end

--- A new look at everything.
function Totals:begin() self.round = self.round + 1 end

--- What somebody has counted until now.
-- @param key of the sum
-- @param source who counts: never another one's
-- @param values a list of numbers, always as many; those that fall count as they were
function Totals:add(key, source, values)
  local sum = self.sums[key]
  if not sum or sum.width ~= #values then
    sum = { width = #values, base = {}, sources = {}, rounds = {} }
    for i = 1, #values do sum.base[i] = 0 end
    self.sums[key] = sum
  end
  local before = sum.rounds[source] and sum.sources[source]
  if before then
    for i, value in ipairs(before) do values[i] = math.max(values[i], value) end
  end
  sum.sources[source], sum.rounds[source] = values, self.round
end

-- Keeps what those that are gone have counted. Returns whether any is there.
local function settle(sum, round)
  local is_alive = false
  for source, seen in pairs(sum.rounds) do
    if seen == round then
      is_alive = true
    else
      for i, value in ipairs(sum.sources[source]) do sum.base[i] = sum.base[i] + value end
      sum.sources[source], sum.rounds[source] = nil, nil
    end
  end
  return is_alive
end

--- Everything was added.
-- @param now in ms
-- @return the sums: lists of numbers by key
function Totals:finish(now)
  local found = {}
  for key, sum in pairs(self.sums) do
    sum.seen = settle(sum, self.round) and now or sum.seen or now
    if now - sum.seen > FORGET_MS then
      self.sums[key] = nil
    else
      local total = {}
      for i, value in ipairs(sum.base) do total[i] = value end
      for _, values in pairs(sum.sources) do
        for i, value in ipairs(values) do total[i] = total[i] + value end
      end
      found[key] = total
    end
  end
  return found
end

return M
