--- luv (libuv: files, DNS, a pool of threads) on a loop of eddy's: `local uv = eddy.luv()`.
local errors = require "eddy.base.errors"
local loops = require "eddy.loop"
local futures = require "eddy.tasks.future"

---@class eddy.luv
---@overload fun(loop?: eddy.Loop): table
local M = {}

local uv
local embedded = false -- what runs it

-- Calls a script's function for luv, which would end the process over an error in it.
local function call(fn, ...)
  if not embedded then return fn(...) end
  embedded._loop:_protect(embedded, fn, ...)
end

-- The same function of luv's, with those that it is given protected.
local function protecting(fn)
  return function(...)
    local count, given = select("#", ...), { ... }
    for i = 1, count do
      local callback = given[i]
      if type(callback) == "function" then
        given[i] = function(...) return call(callback, ...) end
      end
    end
    return fn(unpack(given, 1, count))
  end
end

-- Which functions call back; of those that are methods, too, by the method's name.
local CALLING = { "^fs_", "start$", "^start", "connect$", "send$", "^write", "^listen$",
  "^shutdown$", "^close$", "^walk$", "^getaddrinfo$", "^getnameinfo$", "^spawn$", "^random$",
  "^new_async$" }

local function protect_all(members)
  for name, fn in pairs(members) do
    for _, pattern in ipairs(CALLING) do
      if type(fn) == "function" and name:find(pattern) then members[name] = protecting(fn) end
    end
  end
end

-- A timer counts from the time that libuv has: when it last ran.
local function updating(start)
  return function(...)
    uv.update_time()
    return start(...)
  end
end

-- luv calls back in the coroutine that loaded it: in one of its own, which stays.
local loader

local function load()
  loader = coroutine.create(function() return require "luv" end)
  local ok, found = coroutine.resume(loader)
  if not ok then
    errors.misuse("eddy.luv needs luv; on Debian: apt-get install lua-luv")
  end
  uv = found
  protect_all(uv)
  local methods = {}
  for name, meta in pairs(debug.getregistry()) do
    local is_handle = type(name) == "string" and name:find "^uv_" and type(meta) == "table"
    if is_handle and type(meta.__index) == "table" then methods[meta.__index] = true end
  end
  for each in pairs(methods) do protect_all(each) end
  local timer = debug.getregistry().uv_timer.__index
  uv.timer_start, timer.start = updating(uv.timer_start), updating(timer.start)
end

local function timeout()
  if not uv.loop_alive() then return nil end -- libuv would say 0
  uv.update_time()
  local ms = uv.backend_timeout()
  if ms < 0 then return nil end
  return ms
end

local function step() uv.run("nowait") end

--- Runs luv's loop on one of eddy's, which it keeps running as long as it has active handles or
-- requests. An error in a callback of luv's is one in a callback of eddy's.
-- @param loop the current one unless given. luv has one loop: it runs on one of eddy's at a time
-- @return luv's module, as `require "luv"` has it
---@return table uv
function M.embed(loop)
  if not uv then load() end
  loop = loop or loops.current()
  if not loops.is(loop) then errors.misuse("eddy.luv: expected a loop, got " .. type(loop)) end
  loop:_core("eddy.luv")
  if embedded and embedded._loop == loop then return uv end
  if embedded then
    errors.misuse("eddy.luv: luv runs on another loop (" .. tostring(embedded._loop) ..
      "): close that one first")
  end
  embedded = loop:embed { fd = uv.backend_fd(), step = step, timeout = timeout,
    alive = uv.loop_alive, name = "luv" }
  embedded._closed = function() embedded = false end
  return uv
end

--- Calls begin(done) and waits until luv has called `done`.
-- @return what `done` was called with: mostly an error or nil, then the results
---@param begin fun(done: function)
---@return any ...
function M.await(begin)
  errors.check_function(begin, "eddy.luv.await")
  M.embed(embedded and embedded._loop or nil)
  local future = futures.new(embedded._loop)
  future._name = "luv.await (" .. errors.where(begin) .. ")"
  begin(function(...) future:set_result(...) end)
  return future:await()
end

return setmetatable(M, { __call = function(_, ...) return M.embed(...) end })
