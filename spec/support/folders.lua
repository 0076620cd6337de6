-- New folders, such as one for each test, which is removed after it.
local ffi = require "ffi"
local files = require "spec.support.files"
local process = require "spec.support.process"

ffi.cdef "char *mkdtemp(char *template);"

local M = {}

--- Makes a folder, and returns its path.
function M.new()
  return ffi.string(ffi.C.mkdtemp(ffi.new("char[32]", "/tmp/eddy-spec-XXXXXX")))
end

--- Removes a folder with all that is in it.
function M.remove(dir) process.shell("rm -rf " .. dir) end

--- Gives each test a new folder; is called after the `after_each` of what runs in it, which comes
-- first then.
-- @param set called with its path
function M.each(set)
  local spec, dir = getfenv(set), nil -- busted's functions belong to the file that is run
  spec.before_each(function()
    dir = M.new()
    set(dir)
  end)
  spec.after_each(function() M.remove(dir) end)
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
function M.write(dir, texts)
  for name, text in pairs(texts) do files.write(dir .. "/" .. name, text) end
end

return M
