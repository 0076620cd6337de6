-- Code that is typed into a program while its loop runs: `eddy -i`, and `eddy` on a terminal.
local errors = require "eddy.base.errors"
local tracebacks = require "eddy.base.traceback"
local codes = require "eddy.control.code"
local environment = require "eddy.control.environment"
local values = require "eddy.control.values"
local loops = require "eddy.loop"
local callback_errors = require "eddy.loop.callback_errors"
local watchdog = require "eddy.loop.watchdog"
local coroutines = require "eddy.tasks.coroutine"
local origin = require "eddy.tasks.origin"
local above = require "eddy.terminal.above"
local prompts = require "eddy.terminal.prompt"
local screen = require "eddy.terminal.screen"

local M = {}

local INPUT = 0
local LONG_MS = 86400e3
local WELCOME = [[
Lua code runs while its loop does, and what waits is awaited. eddy, zmq (which
is eddy.green), await and sleep are there; ^C gives a line up, ^D ends.]]

local prompt
local attached     -- the loop that runs
local signals = {} -- its handlers of signals, for the prompt
local task         -- what a line runs in
local unbegun      -- its code, as long as that has not begun
local hold         -- keeps the loop running meanwhile
local typed        -- lines that are no whole yet
local is_over = false
local names        -- what code sees beside the script's globals

local function trace(err)
  if type(err) == "table" and err.is_refusal then return err end
  return origin.trace(err, tracebacks.of(nil, errors.text_of(err), 2))
end

local function print_values(...)
  for i = 1, select("#", ...) do print(values.text((select(i, ...)))) end
end

local function evaluate(code)
  local chunk, problem = codes.compile(code, "typed")
  if not chunk then error({ is_refusal = true, text = problem }, 0) end
  print_values(environment.run(chunk, print, names))
end

local function run(code)
  unbegun = nil
  local ok, failure = xpcall(evaluate, trace, code)
  if not ok then
    failure = failure.is_refusal and failure or callback_errors.methods:_failure(failure)
    io.stderr:write(failure.text or failure.traceback, "\n")
  end
end

local ask, begin

local function finish()
  is_over = true
  if prompt.is_terminal then print() end
  attached:stop()
end

local function take_line(line)
  if not line then return finish() end
  typed = typed and typed .. "\n" .. line or line
  if codes.is_incomplete(typed) then return ask() end
  local code = typed
  typed = nil
  if not code:find "%S" then return ask() end
  attached:remove_handler(INPUT)
  begin(code)
end

-- Runs code in a task, and asks for more when that has ended.
function begin(code)
  unbegun = code
  hold = attached:call_every(LONG_MS, function() end)
  task = attached:spawn(run, code)
  task:unref().name = "what was typed" -- an end in order does not wait for it
  task:add_done_callback(function(done)
    if task ~= done then return end -- its loop was left
    task, unbegun = nil, nil
    hold:cancel()
    if not is_over then ask() end
  end)
end

local function read() prompt:take() end

function ask()
  if not attached._handlers[INPUT] then attached:add_handler(INPUT, read) end
  prompt:ask(typed and ">> " or "> ", take_line)
end

-- ^C: gives up what is typed, or what a line waits for.
local function give_up()
  if task then return task:interrupt "interrupted" end
  prompt:drop "^C\n"
  typed = nil
  ask()
end

local function detach()
  if not attached then return end
  watchdog._take_requests(false)
  for _, handle in ipairs(signals) do handle:cancel() end
  if task then hold:cancel() end
  if unbegun then task:cancel() end
  task = nil
  if not attached._closed then attached:remove_handler(INPUT) end
end

-- This loop runs now: what is typed is read on it.
local function attach(loop)
  if is_over or not loop or loop == attached then return end
  detach()
  attached = loop
  signals = { loop:on_signal("SIGINT", give_up), loop:on_signal("SIGWINCH", function()
    prompt:resize()
  end) }
  watchdog._take_requests "SIGINT" -- code that computes is interrupted by it
  if unbegun then return begin(unbegun) end
  if prompt.on_line then loop:add_handler(INPUT, read) else ask() end
end

-- What handlers print stands above the line that is typed.
local function keep_line_whole()
  local is_ended
  is_ended = above.take(function()
    if not prompt.on_line or prompt.is_hidden then return end
    prompt:hide()
    attached:add_callback(function()
      if prompt.is_hidden and not is_ended() then print() end
      prompt:show()
    end)
  end)
end

--- Begins: from now on code is read on whatever loop runs.
-- @param host its functions
-- @param version what the welcome begins with
-- @param dispatch_loop gives the loop that runs
function M.begin(host, version, dispatch_loop)
  local eddy = require "eddy" -- luacheck: ignore
  names = { eddy = eddy, zmq = eddy.green, await = eddy.await, sleep = eddy.sleep }
  local is_terminal = screen.is_there()
  prompt = prompts.new(is_terminal, function(text) return environment.completions(text, names) end)
  if is_terminal then
    print(version)
    print(WELCOME)
    if prompt.hint then print(prompt.hint) end
    keep_line_whole()
  end
  local guard = host.guard
  function host.guard(core)
    guard(core)
    attach(dispatch_loop())
  end
end

local function is_interrupted()
  for loop in pairs(loops._all()) do
    if loop._interrupted then return true end
  end
end

--- Goes on when the script has ended, and has stopped its loop, until ^D, or a signal, ends that.
-- @param call call(fn, ...), a protected call
-- @param tell fn(err), told of its errors
function M.go_on(call, tell)
  while not is_over and not is_interrupted() do
    local loop = loops.instance()
    if not loop._c then
      loops.clear_instance()
      loop = loops.instance()
    end
    local ok, err = call(loop._run_until_idle, loop)
    if not ok and err ~= coroutines.stopped then tell(err) end
  end
end

--- Gives the terminal back.
function M.finish()
  is_over = true
  prompt:close()
end

return M
