-- A REP that decodes a question and encodes the answer.
local p = require "harness.programs"

local many, few = p.count(15000), p.count(3000)
local WARM_UP = 1000 -- as peers/client.c has it
local function client(count) return p.c("client", "req", "ENDPOINT", count, "json") end

return {
  contestants = {
    { name = "eddy", p.eddy("echo", "rep", many + WARM_UP, "tcp://127.0.0.1:*", "json"),
      client(many) },
    { name = "ZMQStream", p.python("zmqstream", "json", few + WARM_UP), client(few) },
  },
  rows = {
    { title = "JSON in and out", metric = "cpu_ns", unit = "ns of CPU",
      aims = { { against = "ZMQStream", at_least = 5 } } },
  },
}
