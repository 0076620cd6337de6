-- The time to the first line of a script, and the memory of one that has just started: of an
-- installed eddy, whose modules are in the executable.
local p = require "harness.programs"

local function started(name, command) return { name = name, p.started(command) } end
local function memory(name, command) return { name = name .. " at rest", command } end

local commands = {
  { "eddy", p.installed "hello" },
  { "luajit", p.luajit("hello", "ffi", "luajit") },
  { "luajit with libzmq", p.luajit("hello_zmq", "ffi", "luajit") },
  { "python3", p.python "hello" },
  { "node", p.node "hello" },
}
local contestants = {}
for _, each in ipairs(commands) do table.insert(contestants, started(each[1], each[2])) end
for _, each in ipairs(commands) do table.insert(contestants, memory(each[1], each[2])) end
table.insert(contestants, { name = "eddy's stream", p.eddy("streams", 4000) })
table.insert(contestants, { name = "libzmq's socket", p.c("floor", "sockets", 4000) })

return {
  contestants = contestants,
  rows = {
    { title = "start, to the first line", metric = "ms", unit = "ms",
      aims = { { at_most = 4.5 } } },
    { title = "memory of a script at rest", metric = "rss_mib", unit = "MiB",
      of = "eddy at rest",
      among = { "luajit at rest", "luajit with libzmq at rest", "python3 at rest", "node at rest" },
      aims = { { at_most = 6 } } },
    { title = "memory of an idle stream with its socket", metric = "bytes", unit = "bytes",
      of = "eddy's stream", among = { "libzmq's socket" },
      aims = { { against = "libzmq's socket", at_most_more = 600 } } },
  },
}
