--- Errors in the callbacks of a case's loop, until the test hears of them.
local expect_log = require "eddy.testing.expect_log"

local M = {}

--- The error as it was raised, with the stack of where it was. One with a message keeps its
-- fields and its kind.
function M.with_traceback(failure)
  local value = failure.value
  if type(value) == "table" and type(rawget(value, "message")) == "string" then
    local copy = {}
    for key, field in pairs(value) do copy[key] = field end
    local repeats = failure.text:sub(1, #value.message) == value.message
    copy.message = repeats and failure.text or value.message .. "\n" .. failure.text
    return setmetatable(copy, getmetatable(value))
  end
  return type(value) == "string" and failure.text or value
end

--- The first error in a callback of a case's loop is kept until somebody fetches it.
function M.keep(self)
  local loop = self.loop
  loop:on_error(function(err, traceback, source)
    local report = source .. ": " .. traceback
    if expect_log.take(report) then return end
    if self._failure then return loop:_log(report) end
    self._failure = { value = err, text = traceback .. "\nin " .. source, report = report }
    if self._waiting then loop:stop() end
  end)
end

--- Raises the error that is kept, which is fetched then.
function M.raise(self)
  local failure = self._failure
  self._failure = false
  if failure then error(M.with_traceback(failure), 0) end
end

return M
