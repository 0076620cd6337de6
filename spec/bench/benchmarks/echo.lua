-- Round trips of one REQ socket; 1,000 questions under way to a ROUTER, from one DEALER, in parts,
-- and from 1,000 of them.
local p = require "harness.programs"

local rounds, few = p.count(20000), p.count(3000)
local flood, some = p.count(100000) * 3, p.count(20000)
local WARM_UP = 1000 -- as peers/client.c has it

local function rep(name, server, count)
  return { name = name .. " at REP", server("rep", count + WARM_UP),
    p.c("client", "req", "ENDPOINT", count) }
end

local function router(name, server, count)
  return { name = name .. " at ROUTER", server("router", count),
    p.c("client", "dealer", "ENDPOINT", count) }
end

local function parts(name, server)
  return { name = name .. " at parts", server("router", flood / 3),
    p.c("client", "dealer", "ENDPOINT", flood / 3, 6) }
end

local function crowd(name, server)
  return { name = name .. " at crowd", server("router", flood / 3),
    p.c("client", "crowd", "ENDPOINT", flood / 3) }
end

local function green() return p.eddy("await", "echo", flood / 3) end

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
    parts("eddy", eddy), parts("C floor", floor), parts("zloop", zloop),
    crowd("eddy", eddy), crowd("C floor", floor), crowd("eddy's green", green),
  },
  rows = {
    { title = "echo, round trip p50", of = "eddy at REP", among = reps, metric = "p50_us",
      unit = "us", aims = { { against = "C floor at REP", at_most = 1.05 } } },
    { title = "echo, round trip p99", of = "eddy at REP", among = reps, metric = "p99_us",
      unit = "us" },
    { title = "echo, 1,000 under way", of = "eddy at ROUTER", among = routers,
      metric = "cpu_ns", unit = "ns of CPU",
      aims = { { against = "C floor at ROUTER", at_most = 1.6 } } },
    { title = "echo of 6 parts, 1,000 under way", of = "eddy at parts",
      among = { "C floor at parts", "zloop at parts" }, metric = "cpu_ns", unit = "ns of CPU",
      aims = { { against = "C floor at parts", at_most = 1.5 } } },
    { title = "echo over 1,000 connections", of = "eddy at crowd",
      among = { "C floor at crowd" }, metric = "cpu_ns", unit = "ns of CPU",
      aims = { { against = "C floor at crowd", at_most = 1.6 } } },
    { title = "echo over 1,000 connections, green", of = "eddy's green at crowd",
      among = { "C floor at crowd" }, metric = "cpu_ns", unit = "ns of CPU",
      aims = { { against = "C floor at crowd", at_most = 2 } } },
  },
}
