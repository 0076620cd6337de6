-- A worker's process, as its supervisor sees it.
local c = require "eddy.base.libeddy"
local futures = require "eddy.tasks.future"
local children = require "eddy.process.child"

local C, ffi = c.C, c.ffi

local CHANNEL = 3 -- the descriptor by which a worker hears its supervisor; it tells by the next one
local UP_MS = 10000 -- after which one counts as up that runs no loop, as blocking programs do
local GRACE_MS = 2000 -- beyond the drain time, for a worker's end

-- Two futures: `up`, whether it came so far that its sockets are bound and it is at work; `gone`,
-- that it has ended.
local Worker = {
  is_up = false,       -- what `up` comes to
  is_ended = false,
  is_stopping = false, -- it is told to end
  was_signalled = false, -- it ends because of a signal, and not as its script has ended
}
Worker.__index = Worker

local M = {}

local PATH_BYTES = 4096

-- The file of this program: the one that is there now, when it was replaced; else this very one.
local function program()
  local buffer = ffi.new("char[?]", PATH_BYTES)
  local length = C.eddy_executable(buffer, PATH_BYTES)
  local path = length > 0 and ffi.string(buffer, length):gsub(" %(deleted%)$", "") or ""
  local file = io.open(path)
  if not file then return "/proc/self/exe" end
  file:close()
  return path
end

-- The program with our own arguments, but as a worker.
local function command_of(supervisor, index)
  local bundle = package.loaded["eddy.base.bundle"]
  local words = bundle and bundle.program(program()) or { program() }
  words[#words + 1] = ("--worker=%d/%d/%d"):format(index, supervisor.count, CHANNEL)
  for _, word in ipairs(supervisor.command) do words[#words + 1] = word end
  return words
end

--- Starts one.
-- @param supervisor is told: asked(worker, kind, endpoint), decided(worker, id, endpoint) and
-- ended(worker, code, signal)
function M.start(supervisor, index)
  local loop, options = supervisor.loop, command_of(supervisor, index)
  options.name, options.group, options.parent_death = "worker " .. index, true, "TERM"
  options.env = { EDDY_WORKER = index, EDDY_WORKERS = supervisor.count }
  local child = children.start(loop, options, "workers", CHANNEL)
  local self = setmetatable({ index = index, pid = child.pid, chosen = {},
    up = futures.new(loop), gone = futures.new(loop), _supervisor = supervisor, _child = child,
  }, Worker)
  child._from:on_line(function(line) self:_told(line) end)
  self._up_timer = loop:call_later(UP_MS, self._came_up, self, true)
  child.exit:add_done_callback(function(ended) self:_ended(ended:result()) end)
  return self
end

function Worker:_came_up(is_up)
  if self.up:done() then return end
  self._up_timer:cancel()
  self.is_up = is_up
  self.up:set_result(is_up)
end

function Worker:_told(line)
  local word, rest = line:match "^(%l+) ?(.*)$"
  local supervisor = self._supervisor
  if word == "up" then
    self:_came_up(true)
  elseif word == "signalled" then
    self.was_signalled = true
  elseif word == "bound" or word == "failed" then
    local id, endpoint = rest:match "^(%d+) ?(.*)$"
    supervisor:decided(self, tonumber(id), word == "bound" and endpoint or nil)
  else
    supervisor:asked(self, word, rest)
  end
end

function Worker:_ended(code, signal)
  self.is_ended = true
  if self._kill_timer then self._kill_timer:cancel() end
  self:_came_up(false)
  self._supervisor:ended(self, code, signal)
  self.gone:set_result(true)
end

--- Answers what it asked.
function Worker:answer(line)
  if not self.is_ended then self._child._to:write(line .. "\n") end
end

--- Has it end in order; when that takes longer than it may, kills it.
-- @param drain ms that its own end may take
-- @param late called when it is killed
function Worker:stop(drain, late)
  if self.is_stopping or self.is_ended then return end
  self.is_stopping = true
  self._child:kill "TERM"
  self._kill_timer = self._supervisor.loop:call_later(drain + GRACE_MS, function()
    late(self)
    self:kill()
  end)
end

--- Ends it at once, with what it started.
function Worker:kill()
  self.is_stopping = true
  self._child:kill("KILL", true)
end

function Worker:__tostring() return ("worker %d (pid %d)"):format(self.index, self.pid) end

return M
