-- Methods that say what is wrong when they are called with a dot, and so without their object.
local errors = require "eddy.base.errors"

local check_self = errors.check_self

local function checked(method, name, kind)
  return function(self, ...)
    check_self(self, name, kind)
    return method(self, ...)
  end
end

--- Makes the public methods of a class look for their object first. Not those that are called for
-- each message: a call more is too much there, and they call `errors.check_self`.
-- @param class a table of methods; called when it has them all
-- @param kind what an object of it is called: "stream"
-- @param own names of methods that look themselves, in one text
-- @return the class
return function(class, kind, own)
  local is_own = {}
  for name in (own or ""):gmatch "%S+" do is_own[name] = true end
  for name, method in pairs(class) do
    local is_public = type(method) == "function" and name:byte() ~= 95 -- "_"
    if is_public and not is_own[name] then class[name] = checked(method, name, kind) end
  end
  return class
end
