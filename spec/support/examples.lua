-- Finds examples by their names, as examples/run does, and runs them.
local assert = require "luassert"
local process = require "spec.support.process"

local M = {}

--- The file of an example, which may be in any folder of the examples.
function M.path(name)
  local _, found = process.shell(("ls '%s'/examples/*/'%s.lua'"):format(EDDY_ROOT, name))
  return found:match "[^\n]+" or error("there is no example " .. name, 2)
end

--- Runs an example with arguments; fails unless it ends well, and in silence.
-- @return what it printed
function M.run(name, ...)
  local code, out, err = process.eddy(M.path(name), ...)
  assert.message(out .. err).equal(0, code)
  assert.equal("", err)
  return out
end

return M
