local p = require "harness.programs"

local million = p.count(1000000)

local function row(what, limit, others)
  local aims = { { at_most = limit } }
  for _, other in ipairs(others) do
    table.insert(aims, { against = other, at_most = 1 })
  end
  return { title = "timers, " .. what, metric = what .. "_ns", unit = "ns of CPU", aims = aims }
end

return {
  contestants = {
    { name = "eddy", p.eddy("timers", million) },
    { name = "libuv", p.c("uv", million) },
    { name = "luv", p.luajit("luv_timers", "luv", "lua-luv", million) },
    { name = "Tornado", p.python("zmqstream", "timers", p.count(100000)) },
    -- Its list of timers is searched from the start: a million would take hours.
    { name = "zloop of 10,000", p.c("zloop", "timers", p.count(10000)) },
  },
  rows = { row("add", 400, { "luv" }), row("cancel", 200, { "luv" }), row("fire", 300, { "luv" }) },
}
