local p = require "harness.programs"

local many = p.count(500000)

return {
  contestants = {
    { name = "eddy", p.c("pull", many), p.eddy("send", "ENDPOINT", many) },
    { name = "C floor", p.c("pull", many), p.c("floor", "send", "ENDPOINT", many) },
  },
  rows = {
    { title = "send 32 B, tcp", metric = "cpu_ns", unit = "ns of CPU",
      aims = { { against = "C floor", at_most = 1.4 } } },
  },
}
