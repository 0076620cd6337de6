-- Runs busted inside the host: eddy spec/busted.lua [BUSTED OPTION...] SPEC...
local root = arg[0]:match("^(.*)/spec/busted%.lua$") or "."
package.path = root .. "/?.lua;" .. package.path
_G.EDDY_ROOT, _G.EDDY_HOST = root, arg[-1]

-- LUA_JIT=off runs everything in the interpreter; the specs must not notice.
if os.getenv("EDDY_JIT") == "off" then require("jit").off() end

table.insert(arg, 1, "--output=plainTerminal")
table.insert(arg, 1, "--shuffle")
-- In Lua 5.1 busted leaves with an error that says nothing when specs failed.
local ok, err = pcall(require "busted.runner", { standalone = false })
if not ok and err then error(err, 0) end
os.exit(ok and 0 or 1, true)
