--- Threads: a Lua state of its own with a loop of its own, in a thread of this process. All share
-- one libzmq context, so that inproc endpoints join them.
local errors = require "eddy.base.errors"
local provided = require "eddy.base.host"
local c = require "eddy.base.libeddy"
local methods = require "eddy.base.methods"
local waits = require "eddy.base.waits"
local loops = require "eddy.loop"
local coroutines = require "eddy.tasks.coroutine"
local futures = require "eddy.tasks.future"
local values = require "eddy.thread.values"
local poller = require "eddy.zmq.poller"

local C = c.C
local numbers = errors.numbers

---@class eddy.thread
local M = {}

local PATIENCE_MS = 1000 -- for code that was told to stop

local count = 0

--- What `start` returns. `name` is the thread's. The thread goes on when nobody holds it any more,
-- until the program ends.
---@class eddy.Thread
---@field name string
local Thread = {}
Thread.__index = Thread
Thread._is_signalled = false -- it ran when a signal came for another one that was waited for

local all = setmetatable({}, { __mode = "k" })

-- For tests: the threads of this state.
function M._all() return all end

function Thread:__tostring()
  return ("thread %s (%s)"):format(self.name, self:done() and "ended" or "running")
end

-- Whether a file is in the bundle, where this executable has one.
local function is_bundled(name)
  local bundle = package.loaded["eddy.base.bundle"]
  return bundle and bundle.text(name) ~= nil
end

-- A file's name, looked for beside the script that calls, then where the command would find it.
local function find_script(name)
  if name:sub(1, 1) == "/" then return name end
  local level = 2
  local info
  repeat
    level = level + 1
    info = debug.getinfo(level, "S")
  until not info or info.what ~= "C" and not errors.is_ours(info.source)
  local folder = info and info.source:match "^@(.*/)"
  if folder and is_bundled(folder .. name) then return folder .. name end
  local file = folder and io.open(folder .. name, "r")
  if not file then return name end
  file:close()
  return folder .. name
end

local function check_alone(fn)
  local upvalue = debug.getupvalue(fn, 1)
  if debug.getinfo(fn, "S").what == "C" then
    errors.misuse "start: a C function cannot go to another thread; give one of Lua's"
  elseif upvalue then
    errors.misuse(("start: the function uses '%s' from outside itself, which stays here: " ..
      "require modules inside, and hand values over as arguments"):format(upvalue))
  end
end

-- What is to run: { file = } or { code =, where = }, and what names it.
local function code_of(run)
  if type(run) == "string" then
    local file = find_script(run)
    local readable, problem = io.open(file, "r")
    if readable then
      readable:close()
    elseif not is_bundled(file) then
      errors.misuse("start: cannot read the script " .. problem)
    end
    return { file = file }, run:match "[^/]+$" or run
  elseif type(run) == "function" then
    check_alone(run)
    local where = errors.where(run)
    return { code = string.dump(run), where = where }, where:match "[^/]+$" or where
  end
  errors.misuse("start: expected a script's name or a function, got " .. type(run))
end

-- The copies of what scripts read of a state's own.
local function surroundings()
  local arg = {}
  for i, word in pairs(type(_G.arg) == "table" and _G.arg or {}) do
    if type(word) == "string" then arg[i] = word end
  end
  return { path = package.path, cpath = package.cpath, arg = arg }
end

--- Starts a thread.
---@param run string|function|table
-- a script's name: a file beside the script that calls, or else as the command `eddy`
-- finds it; or a function that uses nothing from outside itself but globals; or a table
-- { run, name = "sink" }, which names the thread
-- @param ... what it is called with: nil, booleans, numbers, strings, tables of these
-- @return the thread. Raises what cannot go over, and an error when there can be no more threads
---@return eddy.Thread
function M.start(run, ...)
  local host = provided.threads
  if not host then
    errors.misuse "start: threads are the host's: run the script with the command eddy"
  end
  local name
  if type(run) == "table" then
    errors.check_fields(run, { true, name = true }, "start")
    run, name = run[1], run.name
    if name ~= nil and type(name) ~= "string" then
      errors.misuse("start: name: expected a string, got " .. type(name))
    end
  end
  local code, given = code_of(run)
  local arguments, problem = values.encode("argument", ...)
  if not arguments then errors.misuse("start: " .. problem) end
  count = count + 1
  name = name or ("%d (%s)"):format(count, given)
  local settings = { name = name, drain = provided.inherited.drain,
    insecure = provided.inherited.insecure }
  local job = values.encode("job", code, surroundings(), settings, arguments)
  local handle, code_of_error = host.thread_start(name, job)
  if not handle then error(errors.new(code_of_error, "start: thread " .. name), 0) end
  local self = setmetatable({ name = name, _handle = handle, _results = false }, Thread)
  all[self] = true
  return self
end

--- Whether the thread has ended: its code, its loop, and the end of its sockets.
---@return boolean
function Thread:done() return provided.threads.thread_ended(self._handle) end

--- Tells the thread to stop, and returns at once. Its loop stops after the handler that runs, plain
-- waits in it end with EINTR, and code that goes on all the same is interrupted with an error.
---@param ms? number how long it may go on, 1000 unless given
function Thread:stop(ms)
  errors.check_ms(ms or 0, "stop")
  provided.threads.thread_stop(self._handle, math.max(0, ms or PATIENCE_MS))
end

-- A new descriptor that is ready once the thread has ended.
local function descriptor(self)
  local fd, code = provided.threads.thread_wait(self._handle)
  if not fd then error(errors.new(code, "join: thread " .. self.name), 0) end
  return fd
end

-- What the future of a thread's end stands for.
local Wait = {}
Wait.__index = Wait

-- Who waits for it has nothing in hand: at its end the program stops the thread.
function Wait:_is_input() return not self.is_over end

function Wait:_release()
  self.is_over = true
  self.loop:remove_handler(self.fd)
  C.eddy_descriptor_close(self.fd)
  if self.timer then self.timer:cancel() end
end

-- Suspends the coroutine. Returns whether the thread has ended, or nil and an ECANCELED error.
local function await_end(self, ms)
  local loop = loops.current()
  local wait = setmetatable({ loop = loop, fd = descriptor(self) }, Wait)
  local future = futures.new(loop, wait)
  future._name = "join thread " .. self.name
  loop:add_handler(wait.fd, function() future:set_result(true) end)
  wait.timer = ms and loop:call_later(ms, future.set_result, future, false)
  return future:_await_private()
end

-- Blocks. A signal that comes to the main thread meanwhile stops the thread, and the others as they
-- are waited for. Returns whether it has ended.
local function block(self, ms)
  if self._is_signalled then self:stop() end
  local host, ends, fd = provided.threads, poller.new(), descriptor(self)
  local deadline = waits.deadline(ms)
  ends:register(fd, C.EDDY_READ)
  local ok, result
  repeat
    host.guard_waits(true)
    ok, result = pcall(ends.poll, ends, ms and waits.left(deadline) or nil)
    host.guard_waits(false)
    local is_signal = host.is_main and not ok and result.code == numbers.EINTR
    if is_signal then
      for each in pairs(all) do each._is_signalled = true end
      self:stop()
    end
  until not is_signal
  C.eddy_descriptor_close(fd)
  if not ok then error(result, 0) end
  return next(result) ~= nil
end

local function results_of(self)
  if not self._results then
    local bytes, failed = provided.threads.thread_result(self._handle)
    self._results = { bytes = bytes, failed = failed }
  end
  return self._results
end

local function failure_of(self)
  local results = results_of(self)
  if not results.failed then return nil end
  if results.bytes == "" then return "thread " .. self.name .. " failed: its log tells why" end
  local text, code = values.decode(results.bytes)
  if not code then return text end
  local err = errors.new(code)
  err.message = text
  return err
end

--- Waits until the thread has ended: in a coroutine of a loop that coroutine does, else the thread
-- that calls. SIGINT and SIGTERM stop the thread that the main program waits for.
---@param ms? number how long; nil, negative or infinite: for ever
-- @return true, and what the function or script returned, unless it was stopped first; or nil and
-- an error: the one that ended the thread, ETIMEDOUT, or ECANCELED
---@return true? ok
---@return any ...
function Thread:join(ms)
  ms = errors.limit_of(ms, "join")
  if not self:done() then
    local waits_on_loop = coroutine.running() and coroutines.running()
    local ended, err = (waits_on_loop and await_end or block)(self, ms)
    if err then return nil, err end
    if not ended then
      return nil, errors.new(numbers.ETIMEDOUT, "join: thread " .. self.name)
    end
  end
  local failure = failure_of(self)
  if failure ~= nil then return nil, failure end
  return true, values.decode(results_of(self).bytes)
end

--- The error that ended the thread; nil while it runs, and when it ended in order.
---@return any
function Thread:error()
  if self:done() then return failure_of(self) end
  return nil
end

methods(Thread, "thread")

return M
