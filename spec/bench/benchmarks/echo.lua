-- Round trips of one REQ socket, and 1,000 questions of a DEALER under way to a ROUTER.
local p = require "harness.programs"

local rounds, few = p.count(20000), p.count(3000)
local flood, some = p.count(300000), p.count(20000)
local WARM_UP = 1000 -- as peers/client.c has it

local function rep(name, server, count)
  return { name = name .. " at REP", server("rep", count + WARM_UP),
    p.c("client", "req", "ENDPOINT", count) }
end

local function router(name, server, count)
  return { name = name .. " at ROUTER", server("router", count),
    p.c("client", "dealer", "ENDPOINT", count) }
end

local function eddy(...) return p.eddy("echo", ...) end
local function floor(...) return p.c("floor", ...) end
local function zloop(...) return p.c("zloop", ...) end
local function zmqstream(...) return p.python("zmqstream", ...) end

local reps = { "C floor at REP", "zloop at REP", "ZMQStream at REP" }
local routers = { "C floor at ROUTER", "zloop at ROUTER", "ZMQStream at ROUTER" }

return {
  contestants = {
    rep("eddy", eddy, rounds), rep("C floor", floor, rounds), rep("zloop", zloop, rounds),
    rep("ZMQStream", zmqstream, few),
    router("eddy", eddy, flood), router("C floor", floor, flood),
    router("zloop", zloop, some * 5), router("ZMQStream", zmqstream, some),
  },
  rows = {
    { title = "echo, round trip p50", of = "eddy at REP", among = reps, metric = "p50_us",
      unit = "us", aims = { { against = "C floor at REP", at_most = 1.05 } } },
    { title = "echo, round trip p99", of = "eddy at REP", among = reps, metric = "p99_us",
      unit = "us" },
    { title = "echo, 1,000 under way", of = "eddy at ROUTER", among = routers,
      metric = "cpu_ns", unit = "ns of CPU",
      aims = { { against = "C floor at ROUTER", at_most = 1.3 } } },
  },
}
