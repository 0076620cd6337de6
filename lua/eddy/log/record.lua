-- Log records. What few formats have of them is found out when it is read: that the script's line
-- is known takes longer than all the rest.
local errors = require "eddy.base.errors"

local M = {}

-- The functions from `place` to the logger's method that a script called: at least so many. Asking
-- for a level is what takes the time.
local OURS = 6

-- Where the script called: the name of its file, and the line.
local function place()
  local level = OURS
  repeat
    level = level + 1
    local info = debug.getinfo(level, "Sl")
    if not info then return "?", 0 end
    if info.what ~= "C" and not errors.is_ours(info.source) then
      local file = info.source:match("^@(.*)$")
      return file and file:match("([^/]*)$") or info.short_src, info.currentline
    end
  until false
end

local Record = {}

function Record.__index(self, key)
  if key == "time" then
    self.time = os.time()
  elseif key == "file" or key == "line" then
    self.file, self.line = place()
  end
  return rawget(self, key)
end

--- Makes a record of a table of what is known. What is not is found out while the logger is still
-- being called.
function M.new(fields) return setmetatable(fields, Record) end

--- For code that is not ours, which may keep a record or walk through it: all of it, in a plain
-- table.
function M.complete(record)
  if getmetatable(record) ~= Record then return record end
  local _ = record.time
  _ = record.line
  return setmetatable(record, nil)
end

return M
