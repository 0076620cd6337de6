--- Counters of processes, which anybody of the same user can read without asking them.
local errors = require "eddy.base.errors"
local list = require "eddy.counters.list"
local page = require "eddy.counters.page"
local quantiles = require "eddy.counters.quantiles"

---@class eddy.counters
local M = { open = page.open }

--- The processes of eddy's whose counters can be read: those of the same user, root's of all.
-- @return a list by pid of { pid, page, process, status }. `page` has what it wrote: `command`,
-- `worker`, `generation`, lists of `loops`, `streams` and `metrics`; `process` what the system
-- knows: `state`, `cpu` in ms, `memory` in bytes, `descriptors`; nil when it is gone. `status` is
-- { word, text }: "running", "loading", "hangs", "stopped", "ended" or "died".
---@return table[]
function M.processes() return list.all() end

--- The same of one process, or nil when it has no counters.
---@param pid integer
---@return table?
function M.process(pid)
  if type(pid) ~= "number" then
    errors.misuse("process: expected the number of a process, got " .. type(pid))
  end
  return list.all(pid)[1]
end

--- Below which time a share of what was measured lies, in ms: quantile(stream.handling, 0.99).
---@param times table a loop's `lag`, or a stream's `handling`
---@param share number from 0 to 1
---@param before? table what it was at another time: only what came since counts; optional
-- @return ms, exact to the half of a bucket, which are powers of two; nil when nothing was measured
---@return number? ms
function M.quantile(times, share, before)
  if type(times) ~= "table" or type(times.buckets) ~= "table" then
    errors.misuse("quantile: expected times, got " .. type(times))
  end
  if type(share) ~= "number" or not (share >= 0 and share <= 1) then
    errors.misuse("quantile: expected a share from 0 to 1, got " .. tostring(share))
  end
  return quantiles.of(times, share, before)
end

return M
