local p = require "harness.programs"

local many = p.count(2000000)

return {
  contestants = {
    { name = "eddy", p.eddy("receive", "inproc://messages", many, "strings", p.sender(), 32) },
    { name = "C floor", p.c("floor", "receive", "inproc://messages", many, 32, 1) },
  },
  rows = {
    { title = "receive 32 B, inproc", metric = "cpu_ns", unit = "ns of CPU",
      aims = { { against = "C floor", at_most = 1.1 } } },
  },
}
