-- Runs busted inside the host: eddy spec/busted.lua [BUSTED OPTION...] SPEC...
local root = arg[0]:match("^(.*)/spec/busted%.lua$") or "."
-- This file's folder, where `require` looks first, would have it for busted's own module.
local path = package.path:gsub("^[^;]*/spec/%?%.lua;[^;]*;", "")
package.path = root .. "/?.lua;" .. path
_G.EDDY_ROOT, _G.EDDY_HOST = root, arg[-1]

table.insert(arg, 1, "--output=plainTerminal")
table.insert(arg, 1, "--shuffle")
os.exit(require("eddy.commands.test").run(arg), true)
