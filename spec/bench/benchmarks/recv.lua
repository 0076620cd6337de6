local p = require "harness.programs"

local TCP = "tcp://127.0.0.1:*"
local many, some, few = p.count(1000000), p.count(300000), p.count(20000)

return {
  contestants = {
    { name = "eddy", p.eddy("receive", TCP, many), p.c("push", "ENDPOINT", many, 32) },
    { name = "C floor", p.c("floor", "receive", TCP, many), p.c("push", "ENDPOINT", many, 32) },
    { name = "zloop", p.c("zloop", "receive", some), p.c("push", "ENDPOINT", some, 32) },
    { name = "ZMQStream", p.python("zmqstream", "receive", few),
      p.c("push", "ENDPOINT", few, 32) },
    { name = "zmq.asyncio", p.python("coroutine", few), p.c("push", "ENDPOINT", few, 32) },
    { name = "zmq.green", p.python("green", few), p.c("push", "ENDPOINT", few, 32) },
  },
  rows = {
    { title = "receive 32 B, tcp", metric = "cpu_ns", unit = "ns of CPU", aims = {
      { against = "C floor", at_most = 1.25 }, { against = "zloop", at_least = 8 },
      { against = "ZMQStream", at_least = 100 },
    } },
  },
}
