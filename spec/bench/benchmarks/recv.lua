local p = require "harness.programs"

local TCP = "tcp://127.0.0.1:*"
local many, some, few = p.count(1000000), p.count(300000), p.count(20000)

local function push(count, ...) return p.c("push", "ENDPOINT", count, 32, ...) end
local function repeating(count) return push(count, 1, 1) end

return {
  contestants = {
    { name = "eddy", p.eddy("receive", p.library(), TCP, many), push(many) },
    { name = "C floor", p.c("floor", "receive", TCP, many), push(many) },
    { name = "eddy, views", p.eddy("receive", p.library(), TCP, many, "view"), push(many) },
    { name = "zloop", p.c("zloop", "receive", some), push(some) },
    { name = "zeromq.js", p.zeromq_js("receive", few), push(few) },
    { name = "ZMQStream", p.python("zmqstream", "receive", few), push(few) },
    { name = "zmq.asyncio", p.python("coroutine", few), push(few) },
    { name = "zmq.green", p.python("green", few), push(few) },
    { name = "eddy at repeated", p.eddy("receive", p.library(), TCP, many), repeating(many) },
    { name = "C floor at repeated", p.c("floor", "receive", TCP, many), repeating(many) },
  },
  rows = {
    { title = "receive 32 B, tcp", metric = "cpu_ns", unit = "ns of CPU",
      among = { "C floor", "zloop", "zeromq.js", "ZMQStream", "zmq.asyncio", "zmq.green" },
      aims = { { against = "C floor", at_most = 2.8 } } },
    { title = "receive 32 B as views, tcp", metric = "cpu_ns", unit = "ns of CPU",
      of = "eddy, views", among = { "C floor", "eddy" },
      aims = { { against = "C floor", at_most = 1.3 } } },
    { title = "receive 32 B, tcp, repeated bytes", metric = "cpu_ns", unit = "ns of CPU",
      of = "eddy at repeated", among = { "C floor at repeated" },
      aims = { { against = "C floor at repeated", at_most = 1.25 } } },
  },
}
