-- Log records in a file that others may move away, as logrotate does.
local c = require "eddy.base.libeddy"
local descriptor = require "eddy.base.descriptor"
local errors = require "eddy.base.errors"
local journal = require "eddy.base.journal"
local methods = require "eddy.base.methods"
local formats = require "eddy.log.format"
local handlers = require "eddy.log.handlers"
local loops = require "eddy.loop"
local hangup = require "eddy.loop.hangup"

local C = c.C
local ENOENT = errors.numbers.ENOENT

local CHECK_MS = 1000 -- how often the path is looked at, at most

local M = {}

local all = setmetatable({}, { __mode = "k" })

--- Writes lines to a file, each with one call at its end, so that several processes may write to
-- the same one. Never raises. Fields: `path`, `dropped` (how many records could not be written).
---@class eddy.FileHandler: eddy.LogHandler
---@field path string
---@field dropped integer
local File = handlers.class {}

local function say(self, text)
  io.stderr:write(journal.lines(("eddy: log file %s: %s\n"):format(self.path, text),
    journal.ERROR))
end

local function open(path)
  local file, problem = io.open(path, "ae") -- "e": not for children
  if file then file:setvbuf "no" end
  return file, problem
end

-- Takes what is at the path now. What it has stays where that cannot be opened.
local function reopen(self)
  local file, problem = open(self.path)
  if not file then
    if not self._is_told then say(self, "cannot be opened anew: " .. problem) end
    self._is_told = true
    return
  end
  self._file:close()
  self._file, self._is_told, self._is_missing = file, false, false
end

--- Opens the file at the path anew, and makes it if there is none.
function File:reopen()
  if self._file then reopen(self) end
end

-- Whether the file was moved away is seen at most a second later. Whoever did that may be about to
-- make another one: that has a second.
local function check(self)
  self._check_at = C.eddy_time() + CHECK_MS
  local is_same = C.eddy_file_is_at(descriptor.of(self._file, "log file"), self.path)
  if is_same == 1 then
    self._is_missing = false
  elseif is_same == 0 or self._is_missing then
    reopen(self)
  else
    self._is_missing = is_same == -ENOENT
  end
end

function File:_put(line)
  if not self._file then
    self.dropped = self.dropped + 1
    return
  end
  if C.eddy_time() >= self._check_at then check(self) end
  local ok, problem = self._file:write(line)
  if not ok then
    if self._lost == 0 then say(self, problem .. "; records are dropped") end
    self._lost, self.dropped = self._lost + 1, self.dropped + 1
  elseif self._lost > 0 then
    say(self, ("can be written again; %d records were dropped"):format(self._lost))
    self._lost = 0
  end
end

--- Closes the file. Records that come after are dropped.
function File:close()
  if not self._file then return end
  self:_tell()
  self._file:close()
  self._file, all[self] = false, nil
end

function File:__tostring() return "log handler of " .. self.path end

--- Has all files of this Lua state opened anew.
-- @return how many there are
---@return integer files
function M.reopen()
  local count = 0
  for handler in pairs(all) do
    handler:reopen()
    count = count + 1
  end
  return count
end

local function on_hangup() M.reopen() end

---@class (exact) eddy.HandlerSettings
---@field level? string|integer records below it are left out
---@field repeats? number how many lines that are like each other it writes in a minute
---@class (exact) eddy.FileSettings: eddy.HandlerSettings
---@field hangup? boolean false: SIGHUP is not to reopen the file

--- A handler that appends lines to a file.
-- @param path a relative one is one of the folder that is the current one now
---@param settings? eddy.FileSettings
---@return eddy.FileHandler
function M.handler(path, settings)
  if type(path) ~= "string" then
    errors.misuse("file_handler: expected a path, got " .. type(path))
  end
  settings = settings or {}
  local file, problem = open(path)
  if not file then errors.misuse("file_handler: " .. problem) end
  local self = handlers.new(File, settings, "file_handler", {
    path = path, dropped = 0, _file = file, _check_at = C.eddy_time() + CHECK_MS, _lost = 0,
    _is_told = false, _is_missing = false,
    _formats = formats.formats("{time} {level} {file}:{line} - {message}", {}),
  })
  all[self] = true
  local loop = settings.hangup ~= false and loops.current()
  if loop then hangup.add(loop, on_hangup) end
  return self
end

methods(File, "handler")

return M
