-- A pool's workers: processes, each of which does one job at a time.
local errors = require "eddy.base.errors"
local host = require "eddy.base.host"
local c = require "eddy.base.libeddy"
local message = require "eddy.jobs.message"
local children = require "eddy.process.child"

local C, ffi = c.C, c.ffi

local CHANNEL = 3 -- the descriptor that a worker has its jobs from
local PROGRAM = ('require("eddy.jobs.worker").main(%d)'):format(CHANNEL)
local PATH_BYTES = 4096

local Worker = { _job = false, _timer = false, _is_killed = false }
Worker.__index = Worker

local M = {}

-- What runs Lua as this process does: the host, or luajit; else the host that is installed. As the
-- first words of a command line.
local function program()
  local buffer = ffi.new("char[?]", PATH_BYTES)
  local length = C.eddy_executable(buffer, PATH_BYTES)
  local path = length > 0 and ffi.string(buffer, length) or ""
  local is_deleted = path:find(" %(deleted%)$")
  if is_deleted then path = "/proc/self/exe" end
  local bundle = package.loaded["eddy.base.bundle"]
  if bundle then return bundle.program(path) end
  if host.threads or path:find "luajit[^/]*$" then return { path } end
  return { "eddy" }
end

-- Its child has ended, and what it wrote was read.
local function ended(worker, code, signal)
  local pool, job = worker._pool, worker._job
  worker:_rest()
  if job and not job._over then
    local how = signal and "was ended by " .. signal or ("ended with exit code %d"):format(code)
    local err = errors.new(errors.numbers.EOWNERDEAD, ("%s: its worker %s"):format(job:_describe(),
      how))
    err.exit_code, err.signal = code, signal
    job:fail(err)
  end
  pool:_worker_ended(worker, job)
end

-- Hears of the end, also when that is the loop's.
local End = {}
End.__index = End
function End:_attended() return false end -- luacheck: no self
function End:_follow(future)
  local worker = self.worker
  if not future:cancelled() then
    return worker._pool.loop:add_callback(ended, worker, future:result())
  end
  worker._pool:_drop()
end

--- Starts one.
function M.start(pool)
  local worker = setmetatable({ _pool = pool, _reader = message.reader() }, Worker)
  local function tell(line) pool.loop:_log(("%s: %s"):format(worker:_describe(), line)) end
  local options = program()
  options[#options + 1], options[#options + 2] = "-e", PROGRAM
  options.stdout, options.stderr, options.name = tell, tell, pool.name
  options.env, options.cwd = pool._env, pool._cwd
  local child = children.start(pool.loop, options, "jobs", CHANNEL)
  worker._child = child
  child:unref()
  child._ended:_listen(setmetatable({ worker = worker }, End))
  child._to._limit = math.huge -- it is one job at a time
  child._to:write(assert(message.encode { path = package.path, cpath = package.cpath,
    module = pool.module }))
  child._from:on_data(function(bytes)
    worker._reader:add(bytes)
    local answer = worker._reader:next()
    if answer then worker:_answered(answer) end
  end)
  return worker
end

--- Gives it a job.
function Worker:begin(job)
  self._job, job._worker = job, self
  job._began = self._pool.loop:time()
  self._child:ref()
  self._child._to:write(job._bytes)
  job._bytes = false
  local ms = self._pool._timeout
  self._timer = ms and self._pool.loop:call_later(ms, self._late, self) or false
end

-- It has no job.
function Worker:_rest()
  if self._timer then self._timer:cancel() end
  self._job, self._timer = false, false
  self._child:unref()
end

function Worker:_answered(answer)
  local job, child = self._job, self._child
  child.stdout:_drain() -- what it printed is told as the job's
  child.stderr:_drain()
  self:_rest()
  self._pool:_done(self, job, job:answer(answer))
end

function Worker:_late()
  self._timer = false
  local pool, job = self._pool, self._job
  pool._counts.timeouts = pool._counts.timeouts + 1
  self:kill()
  job:fail(errors.new(errors.numbers.ETIMEDOUT, job:_describe()))
end

--- Nobody wants its job's answer: it has some time to come to its end all the same.
function Worker:give_up(ms)
  if self._timer then self._timer:cancel() end
  self._timer = self._pool.loop:call_later(ms, self.kill, self)
end

--- Ends it, with all that its job started.
function Worker:kill()
  if self._timer then self._timer:cancel() end
  self._timer = false
  self._is_killed = true
  self._child:kill("KILL", true)
end

--- Lets it end by itself: nothing comes any more. Who waits for the pool's end waits for that.
function Worker:dismiss()
  self._child:ref()
  self._child._to:close()
end

function Worker:_describe()
  local job = self._job
  return ("%s (%d)"):format(job and job:_describe() or "worker of " .. self._pool.name,
    self._child.pid)
end

return M
