-- `require` as Lua has it, but written in Lua: a coroutine cannot be suspended inside a C function
-- that calls back, and so a module could not wait at its top level when a task loads it.
local errors = require "eddy.base.errors"
local given = require "eddy.base.host"
local loops = require "eddy.loop"
local callback_errors = require "eddy.loop.callback_errors"
local futures = require "eddy.tasks.future"
local origin = require "eddy.tasks.origin"

local M = {}

local LOADING = newproxy() -- in package.loaded while a module is being loaded, and when that failed

-- What is being loaded, by name: who does it, and what those wait for who want it, too.
local loading = {}
-- What libraries in C have returned at first. They are never unloaded, and may use what their
-- module had, such as luv's loop, when they are loaded again: busted forgets modules.
local kept = {}
-- The name for which each coroutine waits.
local wants = {}
local sources = {}
given.sources = sources

local function running() return coroutine.running() or "the main program" end

-- Whether one that loads waits, through others, for what the running coroutine loads.
local function is_circle(name)
  local own, one = running(), loading[name]
  while one and one.who ~= own do one = loading[wants[one.who]] end
  return one ~= nil
end

-- Raises an error at the line that called `require`.
local function raise(text, ...)
  local info = debug.getinfo(3, "S")
  text = text:format(...)
  if info and errors.is_ours(info.source) then errors.misuse(text) end -- it was a tail call
  error(text, 3)
end

-- What loads a module; or nil, and where it was looked for.
local function loader_of(name, loaders)
  local texts = {}
  for i = 1, math.huge do
    local loader = loaders[i]
    if loader == nil then return nil, table.concat(texts) end
    local found = loader(name)
    if type(found) == "function" then return found end
    if type(found) == "string" then texts[#texts + 1] = found end
  end
end

-- In a coroutine others may want the module meanwhile, and hear when loading it failed. What fails
-- in the main program ends that: nothing is between its error and the traceback.
local function call(loader, name, one)
  if not coroutine.running() then return (loader(name)) end
  local ok, result = xpcall(loader, callback_errors.methods._trace, name)
  if ok then return result end
  loading[name] = nil
  if one.done then one.done:set_result() end
  origin.raise(callback_errors.methods._failure(nil, result))
end

local function load_module(name, loader)
  local one, loaded = { who = running(), done = false }, package.loaded
  loaded[name], loading[name] = LOADING, one
  local result = call(loader, name, one)
  loading[name] = nil
  if one.done then one.done:set_result() end
  local info = debug.getinfo(loader, "S")
  sources[name] = info.source
  if kept[name] == nil and info.what == "C" then kept[name] = result end
  if result ~= nil then loaded[name] = result end
  if loaded[name] == LOADING then loaded[name] = true end
end

-- Waits until another coroutine has loaded it. Returns nil, or the error that ended the wait.
local function wait_for(name)
  local own, one = running(), loading[name]
  one.done = one.done or futures.new(loops.current())
  one.done.name = ("module '%s'"):format(name)
  wants[own] = name
  local _, err = one.done:await()
  wants[own] = nil
  return err
end

--- In place of Lua's `require`.
function M.require(...)
  local name, loaded = ..., package.loaded
  if type(name) == "number" then name = tostring(name) end
  if type(name) ~= "string" then
    raise("bad argument #1 to 'require' (string expected, got %s)",
      select("#", ...) == 0 and "no value" or type(name))
  end
  while loaded[name] == LOADING and loading[name] and not is_circle(name) do
    local err = wait_for(name)
    if err then error(err, 2) end
  end
  if loaded[name] == LOADING then raise("loop or previous error loading module '%s'", name) end
  if not loaded[name] then
    local loaders = package.loaders
    if type(loaders) ~= "table" then raise("'package.loaders' must be a table") end
    local loader, text = loader_of(name, loaders)
    if not loader then raise("module '%s' not found:%s", name, text) end
    load_module(name, loader)
  end
  return loaded[name]
end

return M
