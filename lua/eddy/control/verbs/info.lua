-- What the process is, what its loops do, and what memory Lua has.
local c = require "eddy.base.libeddy"
local place = require "eddy.control.place"
local targets = require "eddy.control.targets"
local pages = require "eddy.counters.list"
local loops = require "eddy.loop"
local reload = require "eddy.reload"
local text = require "eddy.terminal.text"

local C, ffi = c.C, c.ffi

local M = {}

function M.run(_, context)
  local pid = place.pid()
  local entry = pages.all(pid)[1]
  local page = entry and entry.page
  local answer = {
    pid = pid, eddy = ffi.string(C.eddy_version()),
    control = context.allows_eval and "eval" or "on",
    jit = jit.status() and "on" or "off", lua_bytes = collectgarbage "count" * 1024,
    command = page and page.command, worker = page and page.worker,
    generation = reload.generation(), streams = #targets.streams(), loops = {},
    up_ms = page and C.eddy_time() - page.began_clock,
    memory = entry and entry.process and entry.process.memory,
    descriptors = entry and entry.process and entry.process.descriptors,
  }
  for loop in pairs(loops._all()) do
    if loop._c then
      local stats = loop:stats()
      stats.name, stats.running = tostring(loop), loop:running()
      stats.waiting, stats.callbacks = loop._waiters, loop._queued
      table.insert(answer.loops, stats)
    end
  end
  return answer
end

local function line(name, value) return ("%-12s %s"):format(name, value) end

function M.show(answer)
  local lines = {}
  for _, name in ipairs { "pid", "command", "eddy", "generation", "worker", "control", "jit",
      "streams", "descriptors" } do
    if answer[name] then lines[#lines + 1] = line(name, tostring(answer[name])) end
  end
  if answer.up_ms then lines[#lines + 1] = line("up", ("%.0f s"):format(answer.up_ms / 1000)) end
  if answer.memory then lines[#lines + 1] = line("memory", text.bytes(answer.memory)) end
  lines[#lines + 1] = line("lua", text.bytes(answer.lua_bytes))
  for _, loop in ipairs(answer.loops) do
    lines[#lines + 1] = line("loop", ("%s%s: %.0f turns, %.0f events, %d streams, %d timers, %d " ..
      "handlers, %d waiting, %d callbacks, %d errors"):format(loop.name,
      loop.running and ", running" or "", loop.turns, loop.events, loop.streams, loop.timers,
      loop.handlers, loop.waiting, loop.callbacks, loop.errors))
  end
  return lines
end

return M
