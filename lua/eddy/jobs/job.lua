-- A job: what a pool keeps of it until its future is done.
local errors = require "eddy.base.errors"
local futures = require "eddy.tasks.future"

--- What a job's future stands for.
local Job = {
  _worker = false, -- who does it
  _over = false,   -- its answer came, or its worker is gone
}
Job.__index = Job

local M = {}

--- Makes one.
-- @param pool the pool
-- @param name its function's name
-- @param bytes its message
function M.new(pool, name, bytes)
  local self = setmetatable({ _pool = pool, _name = name, _bytes = bytes,
    _came = pool.loop:time(), _began = false }, Job)
  self.future = futures.new(pool.loop, self)
  self.future._name = self:_describe()
  return self
end

-- Its future is done: by an answer, or because somebody gave it up.
function Job:_release(cancelled)
  if not self._over then self._pool:_given_up(self, cancelled) end
end

function Job:_describe() return ("job %s.%s"):format(self._pool.module, self._name) end

-- The text of an error that a job's worker sent, or a table for it.
local function value_of(failure)
  if failure.is_ours then return errors.of_fields(failure.fields) end
  if not failure.fields then return failure.value end
  local text = failure.text
  return setmetatable(failure.fields, { __tostring = function() return text end })
end

--- Its worker's answer is here.
-- @return whether it is a result
function Job:answer(answer)
  self._over = true
  local future, failure = self.future, answer.failure
  if future:done() then return not failure end
  if not failure then
    future:set_result(unpack(answer, 1, answer.n))
    return true
  end
  future:_fail { value = value_of(failure),
    traceback = ("%s\n(in %s)"):format(failure.traceback, self:_describe()) }
  return false
end

--- The loop is being closed.
function Job:drop()
  self._over = true
  if not self.future:done() then self.future:_cancel() end
end

--- It fails, and nobody does it any more.
function Job:fail(err)
  self._over = true
  if not self.future:done() then self.future:_fail { value = err, traceback = err.message } end
end

return M
