-- Programs with `--workers` beside a spec, and what they print.
local process = require "eddy.process"
local programs = require "spec.support.process"
local support = require "spec.lua.support"

local M = {}

--- What a script begins with, so that it says who it is.
M.BEGIN = [[
  local eddy = require "eddy"
  local zmq, context, loop = eddy.zmq, eddy.zmq.instance(), eddy.loop.instance()
  local index, pid = eddy.worker.index, io.open("/proc/self/stat"):read("*n")
  local function tell(...)
    local words = { ... }
    for i, word in ipairs(words) do words[i] = tostring(word) end
    io.stdout:write(table.concat(words, " ") .. "\n")
  end
  tell("worker", index, pid)
]]

local Program = {}
Program.__index = Program

local started = {}

local MOST_MS = 30000

--- Runs a loop until `done()`; fails when that takes too long.
function M.await(loop, done)
  local timer = loop:call_every(1, function()
    if done() then loop:stop() end
  end)
  local ok, err = pcall(support.run, loop, MOST_MS)
  timer:cancel()
  if not ok then error(err, 2) end
end

--- Starts a script with workers.
-- @param text its code, behind BEGIN
-- @param options { "--workers", "2", ... }; two workers unless given
function M.start(loop, text, options, ...)
  local name = programs.script(M.BEGIN .. text)
  local self = setmetatable({ loop = loop, name = name, out = {}, err = {} }, Program)
  local command = { EDDY_HOST, unpack(options or { "--workers", "2" }) }
  command[#command + 1] = name
  for i = 1, select("#", ...) do command[#command + 1] = (select(i, ...)) end
  command.loop = loop
  command.stdout = function(line) table.insert(self.out, line) end
  command.stderr = function(line) table.insert(self.err, line) end
  self.child = process.spawn(command)
  self.ended = self.child.exit
  table.insert(started, self)
  return self
end

--- What it complained of, as one text.
function Program:complaints() return table.concat(self.err, "\n") end

-- The lines that match.
local function matching(lines, pattern)
  local found = {}
  for _, line in ipairs(lines) do found[#found + 1] = line:match(pattern) and line or nil end
  return found
end

local function wait(self, lines, pattern, count)
  local found
  local ok = pcall(M.await, self.loop, function()
    found = matching(lines, pattern)
    return #found >= (count or 1) or self.ended:done()
  end)
  if not ok or #found < (count or 1) then
    error(("no '%s' (%d): %s\n%s"):format(pattern, count or 1, table.concat(self.out, "\n"),
      self:complaints()), 3)
  end
  return found
end

--- Waits until it has printed so many lines that match; those.
function Program:wait(pattern, count) return wait(self, self.out, pattern, count) end

--- The same of its complaints.
function Program:wait_for_complaint(pattern, count) return wait(self, self.err, pattern, count) end

--- The process ids of the first `count` workers that there were, by their order; waits for them.
function Program:pids(count)
  local pids = {}
  for i, line in ipairs(self:wait("^worker", count)) do pids[i] = tonumber(line:match "(%d+)$") end
  return pids
end

--- Sends the supervisor a signal.
function Program:signal(name) self.child:kill(name) end

--- Waits for its end. Its exit code, or nil and the name of a signal.
function Program:finish()
  M.await(self.loop, function() return self.ended:done() end)
  return self.ended:result()
end

--- Ends it in order. Its exit code.
function Program:stop()
  self:signal "TERM"
  return self:finish()
end

function M.is_alive(pid)
  local file = io.open("/proc/" .. pid .. "/stat")
  local state = file and file:read("*a"):match "%) (%a)"
  if file then file:close() end
  return state ~= nil and state ~= "Z"
end

--- Fails unless no worker of what was started is left.
function M.close()
  for _, program in ipairs(started) do
    if not program.ended:done() then program.child:kill "KILL" end
    program:finish()
    os.remove(program.name)
    for _, pid in ipairs(program:pids(#matching(program.out, "^worker"))) do
      M.await(program.loop, function() return not M.is_alive(pid) end)
    end
  end
  started = {}
end

return M
