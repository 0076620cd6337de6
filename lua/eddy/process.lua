--- Processes: programs that run beside the loop.
local errors = require "eddy.base.errors"
local loops = require "eddy.loop"
local children = require "eddy.process.child"
local run = require "eddy.process.run"

---@class eddy.process
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

---@class (exact) eddy.SpawnOptions
---@field [integer] string the command and its arguments
---@field stdin? "null"|"inherit"|"pipe"|integer|file* "null" unless given
---@field stdout? "null"|"inherit"|"pipe"|integer|file*|fun(line: string, is_cut: boolean)
---@field stderr? "null"|"inherit"|"pipe"|"stdout"|integer|file*|fun(line: string, is_cut: boolean)
---@field env? table<string, string|false> what is different in its environment; false: not there
---@field clear_env? boolean nothing else is there
---@field cwd? string its folder
---@field group? boolean whether it leads a process group of its own: unless it inherits stdin
---@field parent_death? string|integer|false the signal it gets when this process is killed
---@field detach? boolean it goes on when this process ends, and keeps no loop alive
---@field descriptors? table<integer, integer> { [3] = fd }: what else it has
---@field name? string for messages to people
---@field loop? eddy.Loop the current one unless given

--- Starts a program, without a shell.
-- @return the child. Raises when it cannot be started: ENOENT and EACCES name the command
---@param options eddy.SpawnOptions
---@return eddy.Process
function M.spawn(options)
  local loop, own = options_of(options, "spawn", {})
  return children.start(loop, own, "spawn")
end

---@class (exact) eddy.RunOptions: eddy.SpawnOptions
---@field input? string for its standard input
---@field timeout? number ms after which it is stopped
---@field max_output? integer bytes of stdout, and of stderr, above which it is stopped (16 MiB)

--- Runs a program to its end.
-- @return a future of its exit code, what it wrote, what it wrote to the standard error, and, when
-- that ended it, the name of a signal: then the code is nil. Of nil and an error, ETIMEDOUT or
-- EMSGSIZE, when it took too long or wrote too much. When it is cancelled, the program is stopped.
---@param options eddy.RunOptions as `spawn` has them, with pipes for stdout and stderr
---@return eddy.Future<integer?>
function M.run(options)
  local loop, own = options_of(options, "run", of_run)
  return run(loop, own, options)
end

return M
