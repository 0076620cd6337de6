-- What the system knows of a process: whether it lives, what it does, what it has.
local c = require "eddy.base.libeddy"

local C = c.C

local M = {}

local TICK_MS = 10 -- of /proc's times, on all that Linux runs on

local function contents(path)
  local file = io.open(path)
  local text = file and file:read "*a"
  if file then file:close() end
  return text
end

-- The fields of a stat file, from the third on, which is the state: the name before it may have
-- anything in it.
local function stat(path)
  local text = contents(path)
  local after = text and text:match "^.*%) (.*)$"
  local fields, at = {}, 3
  for field in (after or ""):gmatch "%S+" do
    fields[at], at = field, at + 1
  end
  return after and fields
end

--- Looks at a process.
-- @param pid its id
-- @param started when it started, as its page has it: a later one of the same id is another
-- @return { state = "R", cpu = ms, memory = bytes, descriptors = n,
-- most_descriptors = n }, or nil when it is gone
function M.look(pid, started)
  local fields = stat(("/proc/%d/stat"):format(pid))
  if not fields or tonumber(fields[22]) ~= started then return nil end
  if fields[3] == "Z" or fields[3] == "X" then return nil end -- nobody has asked how it ended
  local status = contents(("/proc/%d/status"):format(pid)) or ""
  local limits = contents(("/proc/%d/limits"):format(pid)) or ""
  local descriptors = C.eddy_page_descriptors(pid)
  return {
    state = fields[3],
    cpu = ((tonumber(fields[14]) or 0) + (tonumber(fields[15]) or 0)) * TICK_MS,
    memory = (tonumber(status:match "VmRSS:%s*(%d+)") or 0) * 1024,
    descriptors = descriptors >= 0 and descriptors or nil,
    most_descriptors = tonumber(limits:match "Max open files%s+(%d+)"),
  }
end

--- The state of one of its threads, as its process's; nil when it is gone.
function M.thread_state(pid, thread)
  local fields = stat(("/proc/%d/task/%d/stat"):format(pid, thread))
  return fields and fields[3]
end

return M
