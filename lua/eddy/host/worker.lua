-- A worker's side of `eddy --workers N`: it tells its supervisor when it is up, and why it ends.
local errors = require "eddy.base.errors"
local later = require "eddy.base.later"
local C = require("eddy.base.libeddy").C
local loops = require "eddy.loop"
local sharing = later.require "eddy.zmq.sharing"

local M = {}

local is_worker, is_up = false, false
local has_run = false -- the script, to its end

--- This process is one.
-- @param text "INDEX/COUNT/DESCRIPTOR"
-- @return what is wrong with that, if anything is
function M.begin(text)
  local index, count, channel = text:match "^(%d+)/(%d+)/(%d+)$"
  if not index then return "is for --workers, which starts programs with it" end
  local rc = C.eddy_worker_begin(tonumber(index), tonumber(count), tonumber(channel))
  if rc < 0 then return "does not work: " .. errors.new(-rc, "its channel").message end
  is_worker = true
end

--- The script has ended: when its loop runs, the worker is up.
function M.script_ended() has_run = true end

--- A loop runs, or something else waits, and ends in order at a signal: the worker is up, unless
-- it waits for something before it binds.
function M.waits()
  local loop = not is_up and loops.current(false)
  if not loop or not (has_run or loop._started or sharing.binds > 0) then return end
  is_up = true
  C.eddy_worker_tell "up"
end

--- It ends because of a signal.
function M.signalled()
  if is_worker then C.eddy_worker_tell "signalled" end
end

return M
