-- Runs busted inside the host: eddy spec/busted.lua [BUSTED OPTION...] SPEC...
local root = arg[0]:match("^(.*)/spec/busted%.lua$") or "."
package.path = root .. "/?.lua;" .. package.path
_G.EDDY_ROOT = root

-- LUA_JIT=off runs everything in the interpreter; the specs must not notice.
if os.getenv("EDDY_JIT") == "off" then require("jit").off() end

local helper = { "--output=" .. (os.getenv("EDDY_BUSTED_OUTPUT") or "plainTerminal"), "--no-auto-insulate" }
for i = #helper, 1, -1 do table.insert(arg, 1, helper[i]) end
require "busted.runner" ({ standalone = false })
