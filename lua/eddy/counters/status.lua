-- What a process is doing, of what its page and the system tell.
local system = require "eddy.counters.process"

local M = {}

--- After so many ms a handler is said to hang.
M.HANG_MS = 1000

--- A time in ms, for people: "350 ms", "2.5 s", "3 min", "5 h", "12 d".
function M.duration(ms)
  if ms < 1000 then return ("%.0f ms"):format(ms) end
  local s = ms / 1000
  if s < 120 then return (s < 10 and "%.1f s" or "%.0f s"):format(s) end
  if s < 7200 then return ("%.0f min"):format(s / 60) end
  if s < 172800 then return ("%.0f h"):format(s / 3600) end
  return ("%.0f d"):format(s / 86400)
end

-- When a process wrote its page last, in seconds since 1970.
local function last_sign(page)
  local last = page.began_clock
  for _, loop in ipairs(page.loops) do last = math.max(last, loop.since, loop.looked) end
  return page.began + (last - page.began_clock) / 1000
end

local function of_ended(page)
  local at = page.ended > 0 and page.ended or last_sign(page)
  local ago = M.duration(math.max(0, os.time() - at) * 1000)
  if page.ended > 0 then
    return { word = "ended", at = at,
      text = ("ended %s ago, code %d"):format(ago, page.exit_code) }
  end
  return { word = "died", at = at, text = ("died, last seen %s ago"):format(ago) }
end

-- The loop whose handlers have run for the longest time.
local function busiest(page)
  local found
  for _, loop in ipairs(page.loops) do
    if loop.state == "handles" and not (found and found.since <= loop.since) then found = loop end
  end
  return found
end

-- "in jobs", with what keeps it: it computes, or is in a call that does not return.
local function of_hanging(page, loop, ms)
  local state = system.thread_state(page.pid, loop.thread)
  local how = state == "R" and "busy" or "blocked"
  return { word = "hangs", what = loop.what, ms = ms, how = how,
    text = ("hangs for %s in %s (%s)"):format(M.duration(ms), loop.what or "no handler", how) }
end

--- What it is doing.
-- @param page what the reader returned
-- @param process what the system knows of it, or nil
-- @param now the clock: C.eddy_time()
-- @return { word, text }: "running", "loading" (its script runs, and no loop yet), "hangs" (with
-- `what`, the name of the handler, its `ms`, and `how`: "busy" or "blocked"), "stopped", "ended"
-- or "died" (both with `at`: when, or when it was last seen, in seconds since 1970); the text is
-- for people
function M.of(page, process, now)
  if not process then return of_ended(page) end
  if process.state == "T" or process.state == "t" then
    return { word = "stopped", text = "stopped by a signal" }
  end
  local loop, turns = busiest(page), 0
  if loop and now - loop.since >= M.HANG_MS then return of_hanging(page, loop, now - loop.since) end
  for _, each in ipairs(page.loops) do turns = turns + each.turns end
  if not loop and turns == 0 then return { word = "loading", text = "runs its script" } end
  return { word = "running", text = "running" }
end

return M
