-- Generations of a script: one runs, and the next one is loaded between two turns, and takes over
-- or is undone.
local C = require("eddy.base.libeddy").C
local page = require "eddy.counters.page"
local errors = require "eddy.base.errors"
local tracebacks = require "eddy.base.traceback"
local handover = require "eddy.reload.handover"
local inventory = require "eddy.reload.inventory"
local modules = require "eddy.reload.modules"
local program = require "eddy.reload.program"
local remains = require "eddy.reload.remains"
local surroundings = require "eddy.reload.surroundings"
local completions = require "eddy.stream.completions"
local loops = require "eddy.loop"
local watchdog = require "eddy.loop.watchdog"
local zmq = require "eddy.zmq"

local M = { grace = 5000 }

local function new() return { kept = {}, checks = {}, names = {} } end

local running, loading = new(), false

local current_main = false -- of the generation that runs, unless it is the first one

local function log(text) loops.current():_log(text) end

-- Calls visit(thing, kind) for what a kept value is, or has.
local function each_inside(value, open, visit, seen)
  if type(value) ~= "table" and type(value) ~= "userdata" or seen[value] then return end
  seen[value] = true
  if open[value] then return visit(value, open[value]) end
  if type(value) ~= "table" or loops.is(value) then return end
  for key, each in next, value do
    each_inside(key, open, visit, seen)
    each_inside(each, open, visit, seen)
  end
end

-- Whether it is a stream or socket that was closed.
local function is_gone(value)
  if zmq.is_socket(value) then return value.closed end
  return type(value) == "table" and rawget(value, "_id") == false and rawget(value, "loop") and
    rawget(value, "_on_recv") ~= nil
end

--- The object of a name: the one before's, or what `make` returns.
function M.keep(name, make)
  local own = loading or running
  local value = own.kept[name]
  if value ~= nil and not is_gone(value) then return value end
  value = nil
  if loading then value = running.kept[name] end
  if value ~= nil and not is_gone(value) then
    each_inside(value, loading.open, function(thing, kind) loading.handed:give(thing, kind) end,
      loading.seen)
    loading.names[name] = "kept"
  else
    value = make()
    if value == nil then errors.misuse(("keep: %q: its function returned nothing"):format(name)) end
    own.names[name] = "new"
  end
  own.kept[name] = value
  return value
end

--- Adds a function that is asked before the generation that is being loaded takes over.
function M.check(fn) if loading then table.insert(loading.checks, fn) end end

--- Whether a generation is being loaded.
function M.is_loading() return loading ~= false end

local function trace(err)
  return tracebacks.of(nil, errors.text_of(err), 2)
end

local HINT = "\n(generation %d has that address: bind in the function that is given to eddy.keep)"

-- Asks the checks. Returns what is wrong, if anything is.
local function refused()
  for _, fn in ipairs(loading.checks) do
    local ok, answer, reason = xpcall(fn, trace)
    if not ok then return answer end
    if answer == false or answer == nil and reason then
      return ("the check (%s) says no%s"):format(errors.where(fn),
        reason and ": " .. errors.text_of(reason) or "")
    end
  end
end

-- In place of os.exit while a generation is loaded: it may be kept for later.
local function guard_exit(exit)
  return function(...)
    if loading then errors.misuse "os.exit while it is reloaded" end
    return exit(...)
  end
end

-- The main program of a generation, in a coroutine: { thread, loop = the one that it has started,
-- and whose end it waits for, ok, err = what it came to }.
local function new_main(fn)
  local main = { loop = false }
  local function failed(err)
    main.code = type(err) == "table" and rawget(err, "code")
    return trace(err)
  end
  function main.start(loop)
    main.loop = loop
    return coroutine.yield()
  end
  main.thread = coroutine.create(function() main.ok, main.err = xpcall(fn, failed) end)
  return main
end

-- Runs the script's code, up to its end or to the start of its loop. Returns what is wrong, if
-- anything is.
local function run(main)
  local exit, thread = os.exit, main.thread
  loops._set_start(thread, main.start)
  os.exit = guard_exit(exit) -- luacheck: ignore 122
  local resumed, problem = coroutine.resume(thread)
  if watchdog.on then watchdog.beat() end -- what follows is not the script's
  os.exit = exit -- luacheck: ignore 122
  if not resumed then return tostring(problem) end
  if main.loop or main.ok then return nil end
  if coroutine.status(thread) ~= "dead" then
    return tracebacks.of(thread, "the script waits while it is reloaded: let a task wait, by " ..
      "eddy.spawn")
  end
  local is_taken = main.code == errors.numbers.EADDRINUSE
  return main.err .. (is_taken and HINT:format(program.number - 1) or "")
end

-- What was not open before.
local function new_things(before)
  local list = {}
  inventory.each(function(thing, kind)
    if not before[thing] then list[#list + 1] = { thing, kind } end
  end)
  return list
end

local function undo(state)
  local own = loading
  loading, program.number = false, program.number - 1
  loops._set_start(current_main and current_main.thread, current_main and current_main.start)
  own.handed:end_loading()
  for _ = 1, 2 do -- then the sockets whose handlers were there
    local list = new_things(own.open)
    for _, each in ipairs(list) do
      if each[2] == "stream" then each[1]._on_close = nil end
    end
    inventory.close(list, 0, log)
  end
  own.handed:give_back(log)
  surroundings.give_back(state)
end

local function sorted(list)
  table.sort(list)
  return list
end

local function names_of(own, how)
  local list = {}
  for name, each in pairs(own.names) do
    if each == how then list[#list + 1] = name end
  end
  return sorted(list)
end

-- What the generation before had, and nobody has asked for: closed at once, or when its last
-- coroutine has ended, and the names of what there was.
local function leavings(before, own, states)
  local list, names, seen = {}, {}, {}
  for name, value in pairs(before.kept) do
    if own.kept[name] == nil then
      names[#names + 1] = name
      each_inside(value, own.open, function(thing) seen[thing] = true end, {})
    end
  end
  for thing, kind in pairs(own.open) do
    local stays = own.handed.has[thing] or remains.has(thing) or program.others[thing] or
      inventory.is_internal(thing, kind)
    local is_loop = kind == "loop" and (thing:running() or not states[thing])
    if kind == "timer" and not thing:active() or kind == "stream" and not thing._id then
      stays = true
    end
    if not stays and not is_loop then
      list[#list + 1] = { thing, kind }
      if not seen[thing] and kind ~= "timer" and kind ~= "handler" then
        names[#names + 1] = inventory.describe(thing, kind)
      end
    end
  end
  return list, sorted(names)
end

-- They take nothing more, from now on.
local function silence(list)
  local later = {}
  for _, each in ipairs(list) do
    local thing, kind = each[1], each[2]
    if kind == "timer" or kind == "handler" or kind == "waker" then
      inventory.close({ each }, nil, log)
    else
      if kind == "stream" and thing._id then
        thing:on_recv(nil)
        completions.listen(thing, nil)
        thing._on_err, thing._on_close = nil, nil
        thing._on_full, thing._on_drain = nil, nil
      end
      later[#later + 1] = each
    end
  end
  return later
end

-- The host goes on with the main program that took over, where another one's is in the way.
local function switch(main)
  current_main = main
  if not program.drives or program.drives == "idle" and not main.loop then return end
  program.begun = main.loop and main or false
  program.switched = true
  loops.current():stop()
end

local function take_over(state, main)
  local before, own = running, loading
  own.handed:end_loading()
  local list, closed = leavings(before, own, state.loops)
  running, loading = own, false
  own.handed:settle(log)
  surroundings.settle(state)
  local has = own.handed.has
  local function is_kept(thing) return has[thing] end
  local waiting = remains.begin(program.number - 1, silence(list), state.loops, M.grace, is_kept)
  page.set_generation(program.number)
  switch(main)
  own.open, own.handed, own.seen = nil, nil, nil
  return { generation = program.number, kept = names_of(own, "kept"), new = names_of(own, "new"),
    closed = closed, waiting = waiting }
end

--- Ends the generation that runs, before another one is loaded, which then needs nothing of it.
function M.clear()
  local state = surroundings.take()
  local own = { open = inventory.take(), handed = handover.new(), kept = {} }
  loading = own
  local list = leavings(running, own, state.loops)
  running, loading = new(), false
  surroundings.settle(state)
  remains.finish_now(program.number, silence(list), state.loops)
end

--- Whether the generation that runs keeps anything.
function M.keeps() return next(running.kept) ~= nil end

local function load_held(fn, chunks, files)
  local own, state = new(), surroundings.take()
  own.open, own.handed, own.seen = inventory.take(), handover.new(), {}
  loading, program.number = own, program.number + 1
  local end_replacing = modules.replace(chunks, files)
  local main = new_main(fn)
  local problem = run(main)
  end_replacing()
  problem = problem or refused()
  if problem then
    undo(state)
    return nil, problem
  end
  return take_over(state, main)
end

local function load_next(...)
  local let_go = inventory.hold()
  local ok, answer, problem = xpcall(load_held, trace, ...)
  let_go()
  if ok then return answer, problem end
  if loading then loading, program.number = false, program.number - 1 end
  return nil, answer -- between two generations: some of each may be gone
end

--- Loads the next generation, which takes over, or is undone.
-- @param clears whether the one that runs is ended first
-- @return { generation =, took_ms =, kept =, closed =, new =, waiting = }; or nil and what is wrong
function M.load(clears)
  local began, files = C.eddy_time(), modules.files(program.loaded)
  local fn, problem = program.load()
  if not fn then return nil, problem end
  local chunks
  chunks, problem = modules.compile(files)
  if not chunks then return nil, problem end
  if clears then M.clear() end
  local answer
  answer, problem = load_next(fn, chunks, files)
  if answer then answer.took_ms = C.eddy_time() - began end
  return answer, problem
end

--- The files that the script was loaded from.
function M.files()
  local list = {}
  for _, file in pairs(modules.files(program.loaded)) do list[#list + 1] = file end
  list[#list + 1] = program.file
  return list
end

--- A script is to run here from now on, of which nothing runs yet. For those that are no host.
function M.begin()
  running, current_main, program.number = new(), false, 0
  program.others = inventory.take()
end

return M
