-- What keeps a process's loop from answering, as its counters page tells.
local c = require "eddy.base.libeddy"
local pages = require "eddy.counters.list"
local system = require "eddy.counters.process"
local status = require "eddy.counters.status"
local watchdog = require "eddy.loop.watchdog"

local M = {}

-- The loop of the main thread that handles something; nil when none does.
local function busy_loop(page)
  for _, loop in ipairs(page.loops) do
    if loop.thread == page.pid and loop.state == "handles" then return loop end
  end
end

--- How long a handler of the main thread's loop has run that is not done yet, in ms.
function M.busy_for(pid)
  local entry = pages.all(pid)[1]
  local loop = entry and entry.page and busy_loop(entry.page)
  return loop and c.C.eddy_time() - loop.since or 0
end

--- Looks why a process's loop does not answer.
-- @param pid its id
-- @return { text = for people, what = the handler that runs, ms = for how long, how = "busy" or
-- "blocked" }, all but the text only where a handler runs
function M.reason(pid)
  local entry = pages.all(pid)[1]
  local page = entry and entry.page
  if not page then return { text = "its loop does not answer" } end
  local loop = busy_loop(page)
  if not loop then
    return { text = "its loop does not answer: none runs, or it is in code outside handlers" }
  end
  local ms = c.C.eddy_time() - loop.since
  local how = system.thread_state(pid, loop.thread) == "R" and "busy" or "blocked"
  local what = watchdog.running() or loop.what or "no handler"
  return { what = what, ms = ms, how = how,
    text = ("its loop does not answer: the handler of %s has run for %s (%s)"):format(what,
      status.duration(ms), how) }
end

return M
