-- Coroutines that wait for each message, by futures (async) or as if they blocked (green).
local p = require "harness.programs"

local many, few = p.count(100000) * 5, p.count(20000)

local function row(kind, peer)
  return { title = "receive 32 B, tcp, a coroutine (" .. kind .. ")", metric = "cpu_ns",
    unit = "ns of CPU", of = "eddy at " .. kind, among = { "C floor", peer },
    aims = { { against = "C floor", at_most = 4 } } }
end

return {
  contestants = {
    { name = "eddy at async", p.eddy("await", "async", many), p.c("push", "ENDPOINT", many, 32) },
    { name = "eddy at green", p.eddy("await", "green", many), p.c("push", "ENDPOINT", many, 32) },
    { name = "eddy at limited", p.eddy("await", "limited", many / 5),
      p.c("push", "ENDPOINT", many / 5, 32) },
    { name = "C floor", p.c("floor", "receive", "tcp://127.0.0.1:*", many),
      p.c("push", "ENDPOINT", many, 32) },
    { name = "zmq.asyncio", p.python("coroutine", few), p.c("push", "ENDPOINT", few, 32) },
    { name = "zmq.green", p.python("green", few), p.c("push", "ENDPOINT", few, 32) },
  },
  rows = {
    row("async", "zmq.asyncio"), row("green", "zmq.green"),
    { title = "the same, with_timeout around each", metric = "cpu_ns", unit = "ns of CPU",
      of = "eddy at limited", among = { "eddy at async" },
      aims = { { against = "eddy at async", at_most = 3 } } },
  },
}
