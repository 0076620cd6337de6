local p = require "harness.programs"

return {
  contestants = { { name = "eddy", p.eddy("pause", 100000, math.max(1, p.count(4))) } },
  rows = {
    { title = "longest pause beside 100,000 live tables", metric = "longest_ms", unit = "ms" },
  },
}
