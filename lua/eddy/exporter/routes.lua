-- What the server answers, by path. Knows no HTTP but status, type and body.
local counters = require "eddy.counters.list"
local collectors = require "eddy.exporter.collector"
local data = require "eddy.exporter.data"
local exposition = require "eddy.exporter.exposition"
local processes = require "eddy.exporter.processes"
local page = require "eddy.exporter.page"

local M = {}

local TEXT = "text/plain; charset=utf-8"

-- The page may load and run nothing but what is in it.
local CONFINED = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; " ..
  "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

local ready = { running = true }
local gone = { ended = true, died = true }

-- Whether all that there are do their work; those that have ended do not count.
local function all_ready()
  local lines, is_ready, count = {}, true, 0
  for _, entry in ipairs(counters.all()) do
    if entry.page and not gone[entry.status.word] then
      count = count + 1
      is_ready = is_ready and ready[entry.status.word]
      lines[#lines + 1] = ("%d %s\n"):format(entry.pid, entry.status.text)
    end
  end
  if count == 0 then lines[1] = "no process of eddy's runs\n" end
  return is_ready and count > 0 and "200" or "503", TEXT, table.concat(lines)
end

-- Whether one does.
local function one_ready(pid)
  local entry = counters.all(tonumber(pid))[1]
  if not entry or not entry.page then return "404", TEXT, "no such process of eddy's\n" end
  local word = entry.status.word
  return ready[word] and "200" or "503", TEXT, entry.status.text .. "\n"
end

-- A query's parameter.
local function parameter(query, name)
  for each, value in (query or ""):gmatch "([^&=]+)=([^&]*)" do
    if each == name then return value end
  end
end

--- Makes what answers.
-- @param clock a function: ms
-- @param build names and values of eddy_build_info
-- @return a function(path, query, accept), which returns a status, and where that is no 404, the
-- body's type, the body, and further headers by name
function M.new(clock, build)
  local known, look = {}, data.new(clock)
  local routes = {}

  routes["/"] = function()
    return "200", "text/html; charset=utf-8", page, { ["content-security-policy"] = CONFINED }
  end

  routes["/data.json"] = function() return "200", "application/json", look() end

  routes["/healthz"] = function() return "200", TEXT, "ok\n" end

  routes["/readyz"] = all_ready

  routes["/metrics"] = function(query, accept)
    local way = parameter(query, "by") or "command"
    if not processes.ways[way] then
      return "400", TEXT, "by: expected command, worker or pid\n"
    end
    known[way] = known[way] or collectors.new()
    local list = processes.families(known[way], counters.all(), way, clock(), build)
    local is_open = exposition.wants_open(accept or "")
    return "200", is_open and exposition.OPEN or exposition.PLAIN,
      exposition.write(list, is_open), { vary = "accept" }
  end

  return function(path, query, accept)
    local pid = path:match "^/readyz/(%d+)$"
    if pid and #pid < 10 then return one_ready(pid) end
    if routes[path] then return routes[path](query, accept) end
    return "404", TEXT, "/, /metrics, /data.json, /healthz, /readyz, /readyz/PID\n"
  end
end

return M
