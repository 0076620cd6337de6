-- Settings of a socket about who may come in, beside libzmq's options.
local errors = require "eddy.base.errors"

local M = {}

local function check_insecure(value)
  if type(value) ~= "boolean" then
    errors.misuse("set insecure: expected a boolean, got " .. type(value))
  end
  return value
end

-- Each has what checks a value and returns it as it is kept, what does it to a socket, and what
-- tells of it.
local settings = {
  insecure = {
    check = check_insecure,
    set = function(socket, value) rawset(socket, "_insecure", value) end,
    get = function(socket) return socket._insecure end,
  },
}

--- The setting of that name, in capitals or not: { check, set, get }; nil when there is none.
function M.find(name)
  return type(name) == "string" and settings[name:lower()] or nil
end

return M
