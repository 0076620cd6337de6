std = "luajit"
max_line_length = 100
files["spec"] = {
  std = "luajit+busted",
  globals = { "EDDY_ROOT", "EDDY_HOST" }, -- set by spec/busted.lua
}
files["lua/eddy/host/main.lua"] = { globals = { "arg" } }
files["lua/eddy/commands/test.lua"] = { globals = { "arg" } }
