-- Errors in scripts' finalizers. LuaJIT raises them in whatever code the collector interrupts,
-- and drops them when the state ends; in the host, they are told like all others.
local errors = require "eddy.base.errors"
local tracebacks = require "eddy.base.traceback"
local callback_errors = require "eddy.loop.callback_errors"
local ffi = require "ffi"

local M = {}

local function traceback(err) return tracebacks.of(nil, errors.text_of(err), 2) end

--- Protects the finalizers that scripts set from now on: __gc of proxies and ctypes, ffi.gc.
-- @param fail called after an error was told
function M.protect(fail)
  local function protect(fn)
    return function(...)
      local ok, err = xpcall(fn, traceback, ...)
      if ok then return end
      callback_errors.write(("finalizer (%s): %s"):format(errors.where(fn), tostring(err)))
      fail()
    end
  end

  -- Apart from the closure, which LuaJIT does not compile: each frame that is received has a
  -- finalizer, a C function, which needs none.
  local function protected(fn) return type(fn) == "function" and protect(fn) or fn end

  local function set(meta, key, value)
    rawset(meta, key, key == "__gc" and protected(value) or value)
  end
  local new_proxy, gc, metatype = newproxy, ffi.gc, ffi.metatype

  function _G.newproxy(meta)
    local proxy = new_proxy(meta)
    if meta == true then setmetatable(getmetatable(proxy), { __newindex = set }) end
    return proxy
  end
  function ffi.gc(cdata, fn) return gc(cdata, protected(fn)) end
  function ffi.metatype(ctype, meta)
    if type(meta) == "table" then meta.__gc = protected(meta.__gc) end
    return metatype(ctype, meta)
  end
end

return M
