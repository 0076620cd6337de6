local p = require "harness.programs"

return {
  contestants = {
    { name = "eddy", p.eddy("fan", 100, p.count(5000)) },
    { name = "ZMQStream", p.python("zmqstream", "fan", 100, p.count(50)) },
  },
  rows = {
    { title = "fan-out, bursts of 10 from 1 PUB to 100 SUB", metric = "cpu_ns", unit = "ns of CPU",
      aims = { { against = "ZMQStream", at_least = 50 } } },
  },
}
