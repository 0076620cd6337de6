-- Modules that few scripts need: loaded when something of theirs is asked for, so that not every
-- script pays for them.
local jit = require "jit"

local load, loaded = require, package.loaded -- a script may have another `require`,
local path = package.path -- and other places for its modules

local is_module = { table = true, ["function"] = true } -- in place of it: that it is being loaded

local M = {}

-- Loads a module. What was being loaded when that fails, as when a handler is interrupted, may be
-- loaded again. Nothing is compiled of what runs once.
local function module_of(name)
  local its_path, is_compiling = package.path, jit.status()
  package.path = path
  pcall(jit.off) -- not in a finalizer
  local ok, module = pcall(load, name)
  if is_compiling then pcall(jit.on) end
  package.path = its_path
  if ok then return module end
  for other, value in pairs(loaded) do
    if other:find "^eddy%." and not is_module[type(value)] then loaded[other] = nil end
  end
  error(module, 0)
end

--- A table that stands for a module, which must be a table and is loaded at the first access. Not
-- for what is to have an effect when it is loaded.
function M.require(name)
  local meta = {}
  function meta.__index(_, key)
    local module = module_of(name)
    meta.__index = module
    return module[key]
  end
  return setmetatable({}, meta)
end

--- The function that a module has by a name: loaded when it is first called.
-- @param module of `M.require`
function M.call(module, name)
  return function(...) return module[name](...) end
end

return M
