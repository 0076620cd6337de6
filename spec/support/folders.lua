-- A folder for each test, which is removed after it.
local process = require "spec.support.process"

local M = {}

--- Gives each test a new folder; is called after the `after_each` of what runs in it, which comes
-- first then.
-- @param set called with its path
function M.each(set)
  local spec, dir = getfenv(set), nil -- busted's functions belong to the file that is run
  spec.before_each(function()
    dir = select(2, process.shell "mktemp -d"):match "%S+"
    set(dir)
  end)
  spec.after_each(function() process.shell("rm -rf " .. dir) end)
end

--- The same, with a function that runs hosts whose pages and control sockets are in the folder.
-- @param set called with its path, and eddy(arguments), which returns as process.shell
function M.each_runtime(set)
  local function each(dir)
    set(dir, function(arguments)
      return process.shell(("XDG_RUNTIME_DIR=%s %s %s"):format(dir, process.quote(EDDY_HOST),
        arguments))
    end)
  end
  M.each(setfenv(each, getfenv(set)))
end

--- Writes files: their texts, by their names in the folder.
function M.write(dir, files)
  for name, text in pairs(files) do
    local file = assert(io.open(dir .. "/" .. name, "w"))
    file:write(text)
    file:close()
  end
end

return M
