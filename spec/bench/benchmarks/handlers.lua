-- Distinct handlers that are all hot: what LuaJIT's limits cost.
local p = require "harness.programs"

return {
  contestants = {
    { name = "eddy of 100", p.eddy("handlers", 100, p.count(100)) },
    { name = "eddy of 200", p.eddy("handlers", 200, p.count(50)) },
    { name = "eddy of 1,000", p.eddy("handlers", 1000, p.count(20)) },
  },
  rows = {
    { title = "200 distinct hot handlers", metric = "cpu_ns", unit = "ns of CPU",
      of = "eddy of 200", among = { "eddy of 100" },
      aims = { { against = "eddy of 100", at_most = 1.5 } } },
    { title = "1,000 distinct hot handlers", metric = "cpu_ns", unit = "ns of CPU",
      of = "eddy of 1,000", among = { "eddy of 100" },
      aims = { { against = "eddy of 100", at_most = 3 } } },
  },
}
