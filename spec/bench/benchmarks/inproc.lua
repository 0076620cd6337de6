local p = require "harness.programs"

local many = p.count(2000000)

return {
  contestants = {
    { name = "eddy", p.eddy("receive", p.library(), "inproc://messages", many, "strings", 32) },
    { name = "C floor", p.c("floor", "receive", "inproc://messages", many, 32, 1) },
  },
  rows = {
    { title = "receive 32 B, inproc", metric = "cpu_ns", unit = "ns of CPU",
      among = { "C floor" } },
  },
}
