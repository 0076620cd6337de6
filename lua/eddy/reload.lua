--- Reloading a script while it runs: what it kept goes on, all else is the next generation's.
local errors = require "eddy.base.errors"
local journal = require "eddy.base.journal"
local c = require "eddy.base.libeddy"
local generation = require "eddy.reload.generation"
local modules = require "eddy.reload.modules"
local program = require "eddy.reload.program"
local watch_files = require "eddy.reload.watch_files"
local loops = require "eddy.loop"
local hangup = require "eddy.loop.hangup"
local futures = require "eddy.tasks.future"

local MOST_TURNS = 100 -- in which others' callbacks go first

---@class eddy.reload
local M = {}

local pending = false -- the future of the next reload
local declared = {}   -- texts of C declarations

local function log(text) loops.current():_log(text) end

local function on_hangup() M.request() end

-- SIGHUP reloads a script that keeps anything, and has no handler of its own.
local function listen()
  if program.hangup then hangup.add(loops.current(), on_hangup) end
end

--- The object of this name: what the generation before kept under it, or what make() returns. It
-- comes without the functions that the generation before had set. What a generation does not ask
-- for while it is loaded is closed when it takes over.
-- @param name a string
---@param make fun(): T called where there is none yet
---@generic T
---@return T
function M.keep(name, make)
  if type(name) ~= "string" then
    errors.misuse("keep: expected a name, a string, got " .. errors.typed(name))
  end
  errors.check_function(make, "keep")
  local value = generation.keep(name, make)
  listen()
  return value
end

--- The module that calls it is not loaded again when the script is reloaded.
function M.pin() modules.pin(debug.getinfo(2, "S").source) end

--- Declares C types and functions, as cdef of LuaJIT's ffi does, but once for each text: LuaJIT
-- cannot repeat what declares a type.
function M.cdef(text)
  if type(text) ~= "string" then errors.misuse("cdef: expected a string, got " .. type(text)) end
  if declared[text] then return end
  local ok, err = pcall(c.declare, text)
  if not ok then errors.misuse("cdef: " .. err) end
  declared[text] = true
end

--- Has fn() asked before the generation that is being loaded takes over: it does not when fn
-- raises, or returns false, or nil and a reason.
---@param fn fun(): any, any
function M.check(fn)
  errors.check_function(fn, "check")
  generation.check(fn)
end

--- The number of the generation that runs: 1, and one more with each reload.
---@return integer
function M.generation() return program.number end

--- Sets for how many ms handlers and tasks that wait may go on in the code of a generation that is
-- over; 5000 unless set.
function M.set_grace(ms)
  errors.check_ms(ms, "set_grace")
  generation.grace = math.max(0, ms)
end

local function refusal(loop)
  if not program.load then
    return "reload: this script is not one that can be loaded again: run a file with eddy"
  end
  return loop._ending and "reload: the loop is ending" or nil
end

local function tell(answer)
  local text = ("reload: generation %d of %s runs (%.0f ms)"):format(answer.generation,
    program.file, answer.took_ms)
  if answer.waiting > 0 then
    text = text .. ("; %d of the one before wait"):format(answer.waiting)
  end
  loops.current():_log(text, journal.INFO)
end

-- @param clears whether the generation before has ended
local function done(future, clears, answer, problem)
  pending = false
  if program.ends then program.ends() end
  if answer then
    if generation.keeps() then listen() end
    if program.tells then tell(answer) end
    return future:set_result(answer)
  end
  local state = clears and "nothing runs until a file changes" or
    ("generation %d goes on"):format(program.number)
  log(("reload: %s: %s"):format(state, problem))
  future:set_result(nil, problem)
end

local function reload(loop, future, turns)
  -- Callbacks that are queued are the running generation's: they come before its end.
  local others = loop._queued > 0 or loop._batch_next <= loop._batch_last
  if others and turns > 0 then return loop:add_callback(reload, loop, future, turns - 1) end
  local problem = refusal(loop)
  if problem then return done(future, false, nil, problem) end
  local clears = program.watches and not generation.keeps()
  if program.begins then program.begins() end
  done(future, clears, generation.load(clears))
end

---@class eddy.Reloaded
---@field generation integer
---@field took_ms number
---@field kept string[]
---@field closed string[]
---@field new string[]
---@field waiting integer handlers and tasks that go on in the code of the one before

--- Reloads the script between two turns of the loop. Returns a future of what `now` returns.
---@return eddy.Future<eddy.Reloaded?>
function M.request()
  if pending then return pending:_map() end
  local loop = loops.current()
  local future = futures.new(loop)
  future.name, pending = "reload", future
  loop:add_callback(reload, loop, future, MOST_TURNS)
  return future:_map()
end

--- Reloads the script, and waits for it.
-- @return what came of it; or nil and a text, when the next one was undone and the running one goes
-- on
---@return eddy.Reloaded? answer
---@return string? problem
function M.now() return M.request():await() end

-- Loads the first generation, or raises what is wrong with it.
local function load_first(file, arguments)
  program.begin { file = file, watches = false, drives = false, tells = false, hangup = false,
    begins = false, ends = false,
    load = function()
      local chunk, err = loadfile(file, "t")
      if not chunk then return nil, err end
      return function() return chunk(unpack(arguments)) end
    end }
  generation.begin()
  local answer, problem = generation.load()
  if not answer then error(problem, 0) end
end

--- Runs a script here, in a spec, so that it can be reloaded: on the current loop, which runs, or
-- is to run. It must not wait. Raises what is wrong with it.
-- @param ... its arguments
---@param file string
function M.run(file, ...)
  if type(file) ~= "string" then
    errors.misuse("run: expected a file's name, got " .. errors.typed(file))
  end
  load_first(file, { ... })
end

--- Ends the script that `run` runs: all that it has is closed, and its modules are forgotten.
function M.finish()
  if not program.load then return end
  generation.clear()
  for name in pairs(modules.files(program.loaded)) do package.loaded[name] = nil end
  program.load = false
end

-- For the host: reloads the script whenever one of its files changes.
-- @param text what was in the script before it was loaded
function M._watch(text)
  watch_files.start(generation.files, M.request, { [program.file] = text })
end

return M
