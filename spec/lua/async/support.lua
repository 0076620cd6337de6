-- What the specs of async and green sockets share: a loop, a plain context, and one of their kind.
local support = require "spec.lua.support"

local M = { error_name = support.error_name }

local loop, plain, context

--- Opens before each test of the spec that calls this, and closes after it.
-- @param of eddy.async or eddy.green
-- @param set set(loop, plain context, own context)
function M.each(of, set)
  support.each(setfenv(function(...)
    loop, plain, context = ...
    set(...)
  end, getfenv(set)), of)
end

--- Runs fn in a task to its end.
function M.run(fn) return support.task(loop, fn) end

--- A socket of the kind, bound, and a plain one, or one of another context, joined to it.
function M.pair(type_a, type_b, other)
  return support.join(context, type_a, other or plain, type_b)
end

--- A socket of the kind, bound, without a peer.
function M.lonely(number)
  return context:socket(number, { linger = 0, bind = support.inproc() })
end

return M
