local p = require "harness.programs"

local function title(burst, subscribers)
  return (burst == 1 and "one message a round" or "bursts of " .. burst) .. " from 1 PUB to " ..
    subscribers .. " SUB"
end

local benchmark = { contestants = {}, rows = {} }
local function compare(subscribers, burst, count, few)
  local of, other = "eddy of " .. subscribers, "ZMQStream at " .. subscribers
  local floor = "C floor at " .. subscribers
  table.insert(benchmark.contestants,
    { name = of, p.eddy("fan", subscribers, p.count(count), burst) })
  table.insert(benchmark.contestants,
    { name = floor, p.c("floor", "fan", subscribers, p.count(count), burst) })
  table.insert(benchmark.contestants,
    { name = other, p.python("zmqstream", "fan", subscribers, burst, p.count(few)) })
  table.insert(benchmark.rows, { title = "fan-out, " .. title(burst, subscribers), of = of,
    among = { floor, other }, metric = "cpu_ns", unit = "ns of CPU",
    aims = { { against = other, at_least = burst > 1 and 50 or 10 } } })
end
compare(100, 10, 5000, 50)
compare(1000, 1, 300, 10)

return benchmark
