-- A child: a program that this process runs, beside its loop.
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"
local methods = require "eddy.base.methods"
local signal = require "eddy.loop.signal"
local inputs = require "eddy.process.input"
local outputs = require "eddy.process.output"
local plans = require "eddy.process.plan"
local futures = require "eddy.tasks.future"

local C = c.C
local TERM, KILL = signal.number_of "TERM", signal.number_of "KILL"
local STOP_MS = 5000

--- A child. Fields: `pid`; `exit`, a future of its exit code, or of nil and the name of the signal
-- that ended it; `stdout` and `stderr`, where it has pipes; `name`, for messages to people, which
-- may be set.
---@class eddy.Process
---@field pid integer
---@field exit eddy.Future<integer?> its exit code, or nil and the name of a signal
---@field stdout eddy.Output where it has a pipe
---@field stderr eddy.Output where it has a pipe
---@field name string for messages to people; may be set
local Child = { _kind = "process" }
Child.__index = function(self, key)
  -- A future of its own for each who asks: one that is cancelled is nobody else's.
  if key == "exit" then return self._ended:_map() end
  return Child[key]
end

local M = {}

-- What listens to the end for as long as there is none, so that no cancel gets at it.
local keeper = { _attended = function() return false end, _follow = function() end }

--- Starts one.
-- @param options, what, channel see eddy.process.plan
function M.start(loop, options, what, channel)
  local id, plan = plans.start(loop, options, what, channel)
  local self = setmetatable({ _loop = loop, _id = id, _ended = futures.new(loop), pid = plan.pid,
    name = options.name or tostring(options[1]), _stdin = false, _is_unreferenced = false,
    _is_detached = options.detach and true or false }, Child)
  self._ended._name = "the end of " .. self:_describe()
  self._ended:_listen(keeper)
  loop:_adopt(id, self)
  local function pipe(kind, place, of)
    local pipe_id = plan.pipes[place]
    return pipe_id ~= 0 and kind.new(loop, pipe_id, ("the %s of %s"):format(of, self:_describe()))
  end
  self._stdin = pipe(inputs, 0, "standard input")
  self.stdout = pipe(outputs, 1, "standard output") or nil
  self.stderr = pipe(outputs, 2, "standard error") or nil
  self._to, self._from = pipe(inputs, C.EDDY_CHANNEL, "channel"),
    pipe(outputs, C.EDDY_CHANNEL + 1, "channel")
  if type(options.stdout) == "function" then self.stdout:on_line(options.stdout) end
  if type(options.stderr) == "function" then self.stderr:on_line(options.stderr) end
  if options.detach then self:unref() end
  return self
end

-- It has ended. Its lines are told before those hear of it who wait for that.
function Child:_handle(event)
  local code, number = event.value, event.number
  self:ref()
  self._loop:_abandon(self._id)
  self._id = false
  if self._timer then self._timer:cancel() end
  if code >= 0 then
    self._ended:set_result(code)
  else
    self._ended:set_result(nil, number > 0 and signal.name_of(number) or "unknown")
  end
  for _, input in ipairs { self._stdin or nil, self._to or nil } do input:_end() end
  for _, name in ipairs { "stdout", "stderr", "_from" } do
    local output = rawget(self, name)
    if output then output:_child_ended() end
  end
end

-- The loop is being closed, and has asked it to end.
function Child:_closing_loop()
  self._id = false
  self._ended:cancel()
  if not self._ended:done() then self._ended:_cancel() end
end

local function pipe_of(self, name, what)
  local output = rawget(self, name)
  if not output then
    errors.misuse(('%s: %s has no pipe there: start it with %s = "pipe"'):format(what,
      self:_describe(), name))
  end
  return output
end

--- Calls fn(line, is_cut) for each line of its standard output, or of its standard error: of a
-- child that has a pipe there.
---@param which? "stdout"|"stderr" "stdout", which is the default, or "stderr"
---@param fn? fun(line: string, is_cut: boolean): ...
function Child:on_line(fn, which)
  if which ~= nil and which ~= "stdout" and which ~= "stderr" then
    errors.misuse('on_line: expected "stdout" or "stderr", got ' .. tostring(which))
  end
  pipe_of(self, which or "stdout", "on_line"):on_line(fn)
end

local function input_of(self, what)
  return self._stdin or errors.misuse(('%s: %s has no pipe there: start it with stdin = "pipe"')
    :format(what, self:_describe()))
end

--- Writes a string to its standard input: at once as much as the pipe takes, the rest as it reads.
-- @return true; or nil and an error: EPIPE when it reads no more, or has ended; ENOBUFS when 64 MiB
-- wait already (a coroutine of the script's, as a task has, waits for room instead); EMSGSIZE when
-- it is more than that
---@param data string
---@return true? ok
---@return eddy.Error err
function Child:write(data) return input_of(self, "write"):write(data) end

--- Closes its standard input, when all that waits is written.
function Child:close_stdin() input_of(self, "close_stdin"):close() end

--- Sends it a signal.
---@param name? string|integer "TERM", which is the default, another name, or a number
-- @param group true: to its whole process group, if it leads one
-- @return true; false when it has ended
---@return boolean
function Child:kill(name, group)
  local number = signal.number_of(name == nil and TERM or name)
  if not number then signal.unknown("kill", name) end
  if not self._id then return false end
  local result = C.eddy_child_kill(self._loop._c, self._id, number, group and 1 or 0)
  if result == -errors.numbers.ESRCH then return false end
  errors.check(result, "kill", self:_describe())
  return true
end

--- Ends it: SIGTERM, and SIGKILL when it has not ended after `ms` (5000 unless given); both to its
-- whole process group, if it leads one.
-- @return its `exit`
---@param ms? number
---@return eddy.Future<integer?>
function Child:stop(ms)
  ms = ms or STOP_MS
  errors.check_ms(ms, "stop")
  local ended = self.exit
  if not self:kill(TERM, true) then return ended end
  if self._timer then self._timer:cancel() end
  self._timer = ms < math.huge and self._loop:call_later(ms, function()
    self._timer = false
    self:kill(KILL, true)
  end)
  return ended
end

--- Whether it has not ended.
---@return boolean
function Child:running() return self._id ~= false end

--- Keeps the loop alive no longer, but for those who wait for its end. Returns the child.
---@return eddy.Process
function Child:unref()
  local loop = self._loop
  if self._is_unreferenced or not self._id then return self end
  self._is_unreferenced = true
  loop._expected, loop._expecting[self] = loop._expected + 1, true
  return self
end

--- Takes `unref` back. Returns the child.
---@return eddy.Process
function Child:ref()
  local loop = self._loop
  if not self._is_unreferenced then return self end
  self._is_unreferenced = false
  loop._expected, loop._expecting[self] = loop._expected - 1, nil
  return self
end

-- At the end of all: whether it has not ended, and is to.
function Child:_goes_on()
  return not self._is_detached and self._id and
    C.eddy_child_kill(self._loop._c, self._id, 0, 0) == 0
end

function Child:_attended() return self._ended:_attended() end

--- Counters of its standard input, in bytes: `written`, which the pipe has taken; `queued`, which
-- wait; `unwritten`, which are lost, as nobody read them.
---@return { written: integer, queued: integer, unwritten: integer }
function Child:stats()
  local input = self._stdin or { _written = 0, _queued = 0, _unwritten = 0 }
  return { written = input._written, queued = input._queued, unwritten = input._unwritten }
end

function Child:_describe()
  return ('process "%s" (%d)'):format(errors.text_of(self.name), self.pid)
end

function Child:__tostring() return self:_describe() .. (self._id and "" or " (ended)") end

methods(Child, "process")

M._class = Child -- for tests

return M
