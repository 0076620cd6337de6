-- What a loop writes about itself on the counters page: what it runs, before that can hang, and
-- what only Lua knows. Without a page the same is written where nobody reads it.
local c = require "eddy.base.libeddy"
local label_of = require "eddy.loop.label"

local C, ffi = c.C, c.ffi

local NAMED, UNNAMED = C.EDDY_PAGE_NAMED, C.EDDY_PAGE_UNNAMED
local STILL, HANDLES = C.EDDY_PAGE_STILL, C.EDDY_PAGE_HANDLES

local M = {}

-- What loops have that are closed.
local nowhere = ffi.new "eddy_page_loop"

--- A loop's place.
-- @param core the core's loop; nil for one that is closed
function M.of(core) return core and C.eddy_loop_page(core) or nowhere end

local function name(page, label)
  page.may_name = 0
  ffi.copy(page.what, label)
  page.running = NAMED
end

--- The loop is going to call what is called once. To find out its name takes longer than most of
-- that: it is done some times a second.
function M.enter_once(page, target)
  if page.may_name ~= 0 then return name(page, label_of(target)) end
  page.running = UNNAMED
end

--- The loop is going to call a target that has no place of its own on the page.
function M.enter(page, target)
  local label = target._label
  if label then return name(page, label) end
  if target._period == 0 then return M.enter_once(page, target) end -- a timer
  if page.record.kind ~= 0 then return name(page, label_of(target)) end
end

-- How much memory Lua has.
local function look(page)
  page.may_look = 0
  page.lua_bytes, page.looked = collectgarbage "count" * 1024, C.eddy_time()
end

--- The loop begins to run.
function M.begin(page) page.state, page.since = HANDLES, C.eddy_time() end

--- The loop is going to ask for a turn.
function M.leave(page, loop)
  page.waiting, page.callbacks, page.errors = loop._waiters, loop._queued, loop._errors
  if page.may_look ~= 0 then look(page) end
end

--- Nobody runs the loop any more.
function M.rest(page)
  local began = page.turn_began
  if began > 0 then C.eddy_page_note(page.lag, C.eddy_time() - began) end
  page.state, page.running, page.turn_began = STILL, 0, 0
  if page.may_look ~= 0 then look(page) end
end

return M
