-- A worker's side of `eddy --workers N`: it tells its supervisor when it is up, and why it ends.
local errors = require "eddy.base.errors"
local C = require("eddy.base.libeddy").C
local loops = require "eddy.loop"
local sharing = require "eddy.zmq.sharing"

local M = {}

local is_worker, is_up = false, false

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

--- Its sockets are bound, and it is at work.
function M.up()
  if is_up or not is_worker then return end
  is_up = true
  C.eddy_worker_tell "up"
end

--- A loop begins to run, or something else begins to wait.
function M.waits()
  local loop = not is_up and loops.current(false)
  if loop and (loop._started or sharing.binds > 0) then M.up() end
end

--- It ends because of a signal.
function M.signalled()
  if is_worker then C.eddy_worker_tell "signalled" end
end

return M
