-- What tasks take. usage: tasks.lua waiting COUNT: that many tasks, each of which waits for a
-- future of its own; prints the bytes of RSS and of Lua's memory that each takes, and the ns it
-- takes to make, wake and end it. tasks.lua ended COUNT: that many that are made and end; prints
-- the ns for each, and the RSS in KiB at a hundredth, at half and at the end.
local eddy = require "eddy"
local C = require("eddy.base.libeddy").C

local mode, count = ...
count = tonumber(count)
local loop = eddy.loop.instance()

local function rss()
  local file = assert(io.open "/proc/self/status")
  local value = file:read("*a"):match("VmRSS:%s*(%d+) kB")
  file:close()
  return tonumber(value)
end

local function memory()
  collectgarbage()
  collectgarbage()
  return rss() * 1024, collectgarbage("count") * 1024
end

if mode == "waiting" then
  local futures, tasks = {}, {}
  for i = 1, count do futures[i], tasks[i] = false, false end
  local rss_before, lua_before = memory()
  local began = C.eddy_time()
  loop:run_sync(function()
    for i = 1, count do
      local future = eddy.future()
      futures[i], tasks[i] = future, eddy.spawn(function() return future:await() end)
    end
    eddy.sleep(0)
  end)
  local took = C.eddy_time() - began
  local rss_after, lua_after = memory()
  began = C.eddy_time()
  loop:run_sync(function()
    for i = 1, count do futures[i]:set_result(i) end
    eddy.gather(tasks):await()
  end)
  took = took + C.eddy_time() - began
  print(("%.0f %.0f %.0f"):format((rss_after - rss_before) / count,
    (lua_after - lua_before) / count, took * 1e6 / count))
else
  local at, ended = { [math.max(1, math.floor(count / 100))] = true, [math.floor(count / 2)] = true,
    [count] = true }, 0
  local sizes = {}
  local function work()
    ended = ended + 1
    if at[ended] then sizes[#sizes + 1] = rss() end
  end
  local began = C.eddy_time()
  loop:run_sync(function()
    for i = 1, count do
      eddy.spawn(work)
      if i % 100 == 0 then eddy.sleep(0) end
    end
    while ended < count do eddy.sleep(0) end
  end)
  print(("%.0f %s"):format((C.eddy_time() - began) * 1e6 / count, table.concat(sizes, " ")))
end
