local p = require "harness.programs"

local seconds = math.max(1, p.count(4))

return {
  contestants = {
    { name = "eddy", p.eddy("pause", 100000, seconds) },
    { name = "eddy with room for strings", p.eddy("pause", 100000, seconds, "room") },
  },
  rows = {
    { title = "longest pause beside 100,000 live tables", metric = "longest_ms", unit = "ms of CPU",
      among = { "eddy with room for strings" } },
  },
}
