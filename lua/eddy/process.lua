--- Processes: programs that run beside the loop.
local errors = require "eddy.base.errors"
local loops = require "eddy.loop"
local children = require "eddy.process.child"
local run = require "eddy.process.run"

local M = {}

local of_spawn = {
  stdin = true, stdout = true, stderr = true, env = true, clear_env = true, cwd = true,
  group = true, detach = true, parent_death = true, descriptors = true, loop = true, name = true,
}
local of_run = { input = true, timeout = true, max_output = true }

-- The options that `spawn` has, of a table that is the script's; raises for what is none.
local function options_of(options, what, more)
  if type(options) ~= "table" then
    errors.misuse(what .. ": expected a table, got " .. type(options))
  end
  local own = {}
  for key, value in pairs(options) do
    if type(key) == "number" or of_spawn[key] then
      own[key] = value
    elseif not more[key] then
      errors.unknown(what, "option", key, of_spawn, more)
    end
  end
  local loop = options.loop or loops.current()
  if not loops.is(loop) then errors.misuse(what .. ": expected a loop, got " .. type(loop)) end
  loop:_core(what)
  return loop, own
end

--- Starts a program, without a shell.
-- @param options { "command", "argument", ..., and, each of which may be left out:
-- stdin: "null" (the default), "inherit", "pipe", a descriptor or a file;
-- stdout, stderr: "inherit" (the default), "null", "pipe", a descriptor, a file, or a function,
-- which is told each line; of stderr "stdout", too;
-- env: a table of what is different in its environment, false for what is not there; clear_env:
-- true: nothing else is there;
-- cwd: its folder;
-- group: whether it leads a process group of its own: unless it inherits the standard input;
-- parent_death: the signal it gets when this process is killed ("KILL"), or false;
-- detach: true: it goes on when this process ends, and keeps no loop alive;
-- descriptors: { [3] = fd }: what else it has;
-- name: for messages to people; loop: the current one unless given }
-- @return the child. Raises when it cannot be started: ENOENT and EACCES name the command
function M.spawn(options)
  local loop, own = options_of(options, "spawn", {})
  return children.start(loop, own, "spawn")
end

--- Runs a program to its end.
-- @param options as `spawn` has them, with pipes for stdout and stderr, and
-- input: a string for its standard input;
-- timeout: ms after which it is stopped;
-- max_output: bytes of stdout, and of stderr, above which it is stopped (16 MiB)
-- @return a future of its exit code, what it wrote, what it wrote to the standard error, and, when
-- that ended it, the name of a signal: then the code is nil. Of nil and an error, ETIMEDOUT or
-- EMSGSIZE, when it took too long or wrote too much. When it is cancelled, the program is stopped.
function M.run(options)
  local loop, own = options_of(options, "run", of_run)
  return run(loop, own, options)
end

return M
