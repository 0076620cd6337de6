-- A future of the one of several futures that is done first.
local errors = require "eddy.base.errors"
local coroutines = require "eddy.tasks.coroutine"
local futures = require "eddy.tasks.future"

local M = {}

-- What such a future stands for: them.
local First = {
  _needs_one = true, -- a result on its way to one of them is one to it
}
First.__index = First

function First:_part(number) return self.futures[number] end

function First:_release(cancelled)
  for _, each in ipairs(self.futures) do
    if cancelled or self.cancels then each:_unlisten(self) else each:_forget(self) end
  end
end

local function index_of(self, future)
  for i, each in ipairs(self.futures) do
    if each == future then return i end
  end
end

function First:_follow(future)
  local all = self.all
  if all:done() then return end
  future._heard = true
  if all._ending and future:cancelled() then return all:_cancel() end
  local failure = future._failure
  if failure and not errors.is_expected(failure.value) then return all:_fail(failure) end
  all:set_result(index_of(self, future), future:result())
end

--- A future of the first one of a list that is done: its index, then its results.
-- @param list one future at least
-- @param cancels whether the others are cancelled then, unless somebody else waits for them
function M.of(list, cancels)
  local first = setmetatable({ futures = list, cancels = cancels }, First)
  local all = futures.new(list[1]._loop or coroutines.current(), first)
  all._name, first.all = "first", all
  local listens = {}
  for _, each in ipairs(list) do
    if not all:done() and not listens[each] then
      listens[each] = true
      each:_tell(first)
    end
  end
  return all
end

return M
