std = "luajit"
max_line_length = 100
files["spec"] = {
  std = "luajit+busted",
  globals = { "EDDY_ROOT", "EDDY_HOST" }, -- set by spec/busted.lua
}
files["lua/eddy/host.lua"] = { globals = { "arg" } }
files["lua/eddy/test_command.lua"] = { globals = { "arg" } }
