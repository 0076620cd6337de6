-- Futures: results that are to come. `eddy.future` is the module for scripts.
local errors = require "eddy.base.errors"
local chain = require "eddy.tasks.chain"
local coroutines = require "eddy.tasks.coroutine"
local listeners = require "eddy.tasks.listeners"
local origin = require "eddy.tasks.origin"

local PENDING, DONE, FAILED, CANCELLED = "pending", "done", "failed", "cancelled"

--- A future: a result, an error or a cancellation that is to come. `future.name` may be set, for
-- messages to people.
---@class eddy.Future<T>
---@field name string for messages to people; may be set
local Future = {
  _state = PENDING,
  _heard = false,     -- whether anyone has read or awaits the result: else an error is logged
  _first = nil,       -- the result, if it is one
  _all = false,       -- the list of them, if not, and
  _count = 0,         -- their number
  _failure = false,   -- { value =, traceback = }
  _listeners = false, -- a coroutine, a function, or what has a _follow; a list of several
  _private = false,   -- whether nobody but the one that waits has it
  _source = false,    -- the operation behind it: its _release(cancelled) is called once it is done
  _ending = false,    -- it is to be cancelled, and has a result on its way first
  _late = false,      -- the error that it fails with when it would be cancelled
  _decoding = false,  -- the function that makes its result is running
}
Future.__index = Future

local M = { class = Future }

--- A pending future.
-- @param source what it stands for, if anything: its _release(cancelled) is called when the
-- future is done
function M.new(loop, source)
  return setmetatable({ _loop = loop, _source = source }, Future)
end

--- A future that has a result.
function M.resolved(loop, result)
  return setmetatable({ _loop = loop, _state = DONE, _first = result }, Future)
end

--- Whether a value is a future.
---@return boolean
function M.is(value)
  local class = type(value) == "table" and getmetatable(value)
  return type(class) == "table" and rawget(class, "_listeners") == false
end

-- What cancels a task that waits on for what does not come any more.
local ender = {}
function ender._follow(_, task)
  if task._state == PENDING then task:_cancel() end
end

local function tell_one(self, listener)
  local loop = self._loop
  if type(listener) == "table" and listener._follow then
    chain.pass(self, listener)
  elseif type(listener) == "thread" then
    local task = self._state == CANCELLED and coroutines.tasks[listener]
    if task and task._ending then -- it was to get this before it is cancelled
      chain.pass(task, ender)
    elseif not coroutines.wake(listener, self) then
      self._heard = false
    end
  elseif loop._closed then -- nothing runs there any more
    self._heard = false
  else
    loop:add_callback(listener, self)
  end
end

-- It is done: what it stood for is let go, and those that wait are told. No function and no
-- coroutine among them runs before the next turn.
local function tell(self)
  local source, own = self._source, self._listeners
  if source then
    self._source = false
    source:_release(self._state == CANCELLED)
  end
  if not own then return end
  self._listeners = false
  -- Mostly it is one, and what has no loop LuaJIT compiles together with what is around.
  if not listeners.is(own) then return tell_one(self, own) end
  for i = 1, own.last do
    if own[i] then tell_one(self, own[i]) end
  end
end

-- An error that nobody asked for until the next turn is an error in a callback.
local function tell_unheard(self)
  self._loop._unheard[self] = nil
  if not self._heard then self._loop:_failed(self._failure, self) end
end

--- Tells of a loop's errors that nobody asked for, and nobody will.
function M.tell_unheard(loop)
  for future in pairs(loop._unheard) do tell_unheard(future) end
end

local function fail(self, failure)
  self._state, self._failure = FAILED, failure
  tell(self)
  if not self._heard and not errors.is_expected(failure.value) then
    if self._loop._closed then return tell_unheard(self) end
    self._loop._unheard[self] = true
    self._loop:add_callback(tell_unheard, self)
  end
end

-- Whether it may be set now: not after it was cancelled, which its maker need not know.
local function may_set(self, what)
  if self._state == PENDING then return true end
  if self._state ~= CANCELLED then errors.misuse(what .. ": the future is done already") end
  return false
end

--- Sets the results. Whoever waits goes on in the next turn.
-- @return true; false when it was cancelled
---@return boolean
function Future:set_result(...)
  errors.check_self(self, "set_result", "future")
  if not may_set(self, "set_result") then return false end
  local count = select("#", ...)
  self._state, self._first = DONE, (...)
  if count ~= 1 then self._count, self._all = count, { ... } end
  tell(self)
  return true
end

-- The same for one result that is not nil, of a future that is pending.
function Future:_resolve(result)
  self._state, self._first = DONE, result
  tell(self)
end

--- Makes it fail.
-- @param err an error of any type but nil
-- @return true; false when it was cancelled
---@return boolean
function Future:set_error(err)
  errors.check_self(self, "set_error", "future")
  if err == nil then errors.misuse("set_error: expected an error, got nil") end
  if not may_set(self, "set_error") then return false end
  local expected = errors.is_expected(err)
  fail(self, expected and { value = err, traceback = err.message } or self._loop._trace(err))
  return true
end

Future._fail = fail

--- Whether it has a result or an error, or was cancelled.
---@return boolean
function Future:done()
  errors.check_self(self, "done", "future")
  return self._state ~= PENDING
end

--- Whether it was cancelled.
---@return boolean
function Future:cancelled()
  errors.check_self(self, "cancelled", "future")
  return self._state == CANCELLED
end

--- Ends it without a result; what it stood for is given up. Awaiting it gives nil and an
-- ECANCELED error.
-- @return true; false when it was done already, or has a result on its way: what it waits for
-- is done. It gets that in the next turns; a task that waits once more is cancelled then.
---@return boolean
function Future:cancel()
  errors.check_self(self, "cancel", "future")
  if self._state ~= PENDING then return false end
  chain.pass(self, false)
  return self._state == CANCELLED
end

-- Cancels it now, whatever is on its way.
function Future:_cancel()
  self._state = CANCELLED
  self._failure = { value = errors.cancelled, traceback = errors.cancelled.message }
  tell(self)
end

-- The future that it waits for: of several, the one of that number. nil when there is none.
function Future:_part(number)
  local source = self._source
  return source and source._part and source:_part(number) or nil
end

-- Whether a script's function is making its result.
function Future:_runs() return self._decoding end

--- Ends it with an error, unless a result is on its way to it: then, if it does not come.
function Future:_expire(err)
  if chain.lets_finish(self) then self._late = err else self:set_error(err) end
end

--- The results. nil and an error, when that is one that a caller must expect: EAGAIN,
-- ETIMEDOUT, ECANCELED. Raises any other error, and while it is pending.
---@return T first
---@return any ...
function Future:result()
  errors.check_self(self, "result", "future")
  if self._state == DONE then
    if self._all then return unpack(self._all, 1, self._count) end
    return self._first
  end
  if self._state == PENDING then errors.misuse("result: " .. self:_describe() .. " is not done") end
  self._heard = true
  local err = self._failure.value
  if errors.is_expected(err) then return nil, err end
  origin.raise(self._failure)
end

--- The error, or nil.
---@return any
function Future:error()
  errors.check_self(self, "error", "future")
  self._heard = true
  if self._failure then return self._failure.value end
  return nil
end

-- Waits until it is done. Returns nil, or the error with which the wait was ended.
local function wait_for(self)
  self._heard = true
  repeat
    local err = coroutines.suspend(self._loop, self)
    if err then return err end
  until self._state ~= PENDING
end

--- Suspends the running coroutine until it is done; in the main program, runs the loop until
-- then. Then as `result`.
---@return T first
---@return any ...
function Future:await()
  errors.check_self(self, "await", "future")
  if self._state == PENDING then
    local err = wait_for(self)
    if err then return nil, err end
  end
  return self:result()
end

-- As `await`, of a future that nobody else has: when the wait is ended, it is given up.
function Future:_await_private()
  self._private = true
  return self:await()
end

--- Calls fn(future) from the loop, in the turn after it is done.
---@param fn fun(future: eddy.Future<T>): ...
function Future:add_done_callback(fn)
  errors.check_self(self, "add_done_callback", "future")
  errors.check_function(fn, "add_done_callback")
  if self._state == PENDING then
    self:_listen(fn)
  else
    self._loop:add_callback(fn, self)
  end
end

-- Tells a coroutine, a function or another future when it is done.
function Future:_listen(listener)
  local own = self._listeners
  if not own then
    self._listeners = listener
  elseif listeners.is(own) then
    own:add(listener)
  else
    self._listeners = listeners.new(own, listener)
  end
end

-- The same, at once when it is done already: for what has a _follow.
function Future:_tell(listener)
  if self._state ~= PENDING then return chain.pass(self, listener) end
  self:_listen(listener)
end

-- Whether anybody will hear when it is done: not, when only futures listen that are kept for
-- nobody.
function Future:_attended()
  local own = self._listeners
  -- Mostly it is a coroutine: without a loop.
  if own and type(own) ~= "table" then return not coroutines.is_unref(own) end
  while own and not listeners.is(own) do
    if type(own) ~= "table" then return not coroutines.is_unref(own) end
    own = own.all or own -- of several, their future
    if not own._attended then return true end
    own = own._listeners
  end
  for i = 1, own and own.last or 0 do
    local each = own[i]
    if type(each) == "table" then
      each = each.all or each
      each = not each._attended or each:_attended()
    elseif each then
      each = not coroutines.is_unref(each)
    end
    if each then return true end
  end
  return false
end

-- A listener is not interested any more.
function Future:_forget(listener)
  local own = self._listeners
  if own == listener then
    self._listeners = false
  elseif listeners.is(own) then
    own:remove(listener)
    if own.count == 0 then self._listeners = false end
  end
end

-- The same; when it was the last one, nobody is interested in the result.
function Future:_unlisten(listener)
  if self._state ~= PENDING then return end
  self:_forget(listener)
  if not self._listeners then chain.pass(self, false) end
end

local function settle(self, ok, ...)
  if ok then return self:set_result(...) end
  fail(self, self._loop:_failure(...))
end

-- Takes over what became of another future, through `_decode` if it has one.
function Future:_follow(other)
  if self._state ~= PENDING then return end
  other._heard = true
  local failure = other._failure
  if failure and failure.value == errors.cancelled and self._late then
    return self:set_error(self._late)
  end
  if other._state == CANCELLED then return self:_cancel() end
  if failure then return fail(self, failure) end
  if not self._decode then return self:set_result(other:result()) end
  self._decoding = true
  settle(self, chain.call_out(xpcall, self._decode, self._loop._trace, other:result()))
end

-- What a future that is made of another one stands for: its part in that one.
local Leader = {}
Leader.__index = Leader
function Leader:_release() self.future:_unlisten(self.follower) end
function Leader:_part(number) return number == 1 and self.future end
function Leader:_describe() return self.future:_describe() end

--- A future of what fn makes of this one's results; without fn, of the results.
function Future:_map(fn)
  local leader = setmetatable({ future = self }, Leader)
  local made = M.new(self._loop, leader)
  made._decode, leader.follower = fn, made
  self:_tell(made)
  return made
end

-- For messages to people: its name, or that of what it stands for.
function Future:_describe()
  local source = self._source
  if source and source._describe then return source:_describe() end
  return errors.named(self._name or "future", self)
end

function Future.__tostring(self) return self:_describe() .. " (" .. self._state .. ")" end

return M
