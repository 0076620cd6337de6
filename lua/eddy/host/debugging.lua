-- `eddy --debug`: what debuggers need of a program that runs in coroutines. LuaJIT has one hook for
-- all of a state's coroutines, but compiled code calls none; and debuggers have to be there before
-- the first coroutine is made.
local M = {}

-- What the debuggers' front ends set for the programs that they start, and what then begins.
local LOCAL_LUA_DEBUGGER = "LOCAL_LUA_DEBUGGER_VSCODE"

--- From now on nothing is compiled, and LuaJIT's compiler stays off. Begins the debugger that has
-- started the process, if one did.
-- @param complain called with a text when that cannot be
function M.begin(complain)
  jit.off()
  jit.flush()
  jit.on = function() end -- luacheck: ignore 122
  if os.getenv(LOCAL_LUA_DEBUGGER) ~= "1" then return end
  local found, debugger = pcall(require, "lldebugger")
  if not found then
    return complain(("--debug: %s is set, and there is no module lldebugger: LUA_PATH is to " ..
      "name its folder"):format(LOCAL_LUA_DEBUGGER))
  end
  debugger.start()
end

return M
