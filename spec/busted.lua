-- Runs busted inside the host: eddy spec/busted.lua [BUSTED OPTION...] SPEC...
local root = arg[0]:match("^(.*)/spec/busted%.lua$") or "."
package.path = root .. "/?.lua;" .. package.path
_G.EDDY_ROOT, _G.EDDY_HOST = root, arg[-1]

table.insert(arg, 1, "--output=plainTerminal")
table.insert(arg, 1, "--shuffle")
os.exit(require("eddy.commands.test").run(arg), true)
