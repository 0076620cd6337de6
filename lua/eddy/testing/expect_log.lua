--- Log lines that a test expects.
local errors = require "eddy.base.errors"
local loops = require "eddy.loop"

local M = {}

local active = {} -- expectations, the innermost last

--- Whether somebody expects this text, who then has it.
function M.take(text)
  for i = #active, 1, -1 do
    local expectation = active[i]
    if text:find(expectation.pattern) then
      expectation.matched = expectation.matched or text
      return true
    end
    expectation.others[#expectation.others + 1] = text
  end
  return false
end

--- Calls fn() and asserts that a loop logged a text that matches meanwhile. Texts that match
-- are not printed. An error in a callback is a text, too: its traceback, as a loop logs it.
---@param pattern string a Lua pattern
-- @return the first text that matched
---@param fn fun(): ...
---@return string text
function M.expect_log(pattern, fn)
  if type(pattern) ~= "string" then
    errors.misuse("expect_log: expected a pattern, got " .. type(pattern))
  end
  errors.check_function(fn, "expect_log")
  local expectation = { pattern = pattern, others = {}, matched = false }
  local depth, Loop = #active, loops._class
  local before = Loop._log
  if depth == 0 then
    function Loop._log(loop, text, priority)
      if not M.take(text) then before(loop, text, priority) end
    end
  end
  active[depth + 1] = expectation
  local ok, err = pcall(fn)
  active[depth + 1] = nil
  Loop._log = before
  if not ok then error(err, 0) end
  if expectation.matched then return expectation.matched end
  local others = #expectation.others > 0 and table.concat(expectation.others, "\n") or "nothing"
  errors.misuse(("expect_log: nothing was logged that matches %q; logged: %s"):format(pattern,
    others))
end

return M
