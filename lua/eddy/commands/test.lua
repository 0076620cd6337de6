--- The command `eddy test`: busted inside the host.
local M = {}

local OK, FAILED, USAGE = 0, 1, 2

--- Runs busted.
-- @param args its options and the specs: files and folders, `spec` unless given
-- @return an exit code: 0, 1 when a test failed, 2 when busted is not installed
function M.run(args)
  local runner = package.preload["busted.runner"] or
    package.searchpath("busted.runner", package.path)
  if not runner then
    io.stderr:write("eddy: busted is not installed; on Debian: apt-get install lua-busted\n")
    return USAGE
  end
  _G.arg = args
  -- In Lua 5.1 busted leaves with an error that says nothing when specs failed.
  local ok, err = pcall(require "busted.runner", { standalone = false })
  if ok then return OK end
  if err then io.stderr:write("eddy: ", tostring(err), "\n") end
  return FAILED
end

return M
