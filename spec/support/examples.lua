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

--- Runs shell commands beside an example that serves: "$at" is the last word of the first line that
-- it prints, "$EDDY" the host, "$dir" a folder. Then it is ended by SIGTERM, unless the commands
-- did so and made a file "$dir/ended"; it must end well.
-- @param words the example's name and its arguments, for the shell
-- @return what the commands printed, and the standard error of both
function M.beside(words, commands)
  local name, arguments = words:match "^(%S+)(.*)$"
  local code, out, err = process.shell(([[
    EDDY='%s'; dir=$(mktemp -d); mkfifo $dir/said
    "$EDDY" '%s' %s >$dir/said & example=$!
    exec 3<$dir/said; read -r line <&3; at=${line##* }
    (
    %s
    ); code=$?
    [ -e $dir/ended ] || kill -TERM $example
    wait $example; ended=$?
    rm -r $dir; [ $code = 0 ] || exit $code; exit $ended]]):format(
    EDDY_HOST, M.path(name), arguments, commands))
  assert.message(out .. err).equal(0, code)
  return out, err
end

--- A Python that has these modules; or nil, and a text that says what to install.
function M.python(modules, package)
  local python = process.quote(os.getenv "EDDY_PYTHON" or "/usr/bin/python3")
  if process.shell(python .. " -c 'import " .. modules .. "'") == 0 then return python end
  return nil, "needs Python's " .. modules .. "; on Debian: apt-get install " .. package
end

return M
