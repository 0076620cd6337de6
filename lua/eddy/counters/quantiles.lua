-- Quantiles of times that were counted in buckets, each twice as wide as the one before.
local M = {}

-- Below how many ms are the times in bucket i, from 1? As core/counters/page.h has it.
local function limit(i) return 2 ^ (i - 5) / 1e3 end

--- The limits of the buckets in ms; the last one's is none.
function M.limit(i) return limit(i) end

--- The quantile of `times`, or of what came since `before`; nil when there is nothing.
function M.of(times, share, before)
  local buckets, count = {}, 0
  for i, value in ipairs(times.buckets) do
    buckets[i] = math.max(0, value - (before and before.buckets[i] or 0))
    count = count + buckets[i]
  end
  if count == 0 then return nil end
  local wanted, seen = share * count, 0
  for i, value in ipairs(buckets) do
    if value > 0 and seen + value >= wanted then
      local low = i > 1 and limit(i - 1) or 0
      local high = i < #buckets and limit(i) or math.max(times.longest, low)
      if not before then high = math.min(high, math.max(times.longest, low)) end
      return low + (high - low) * math.max(0, wanted - seen) / value
    end
    seen = seen + value
  end
  return times.longest
end

return M
