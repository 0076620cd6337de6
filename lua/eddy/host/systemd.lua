-- What a service manager that runs the process, such as systemd, hears of it. Without one nothing
-- is done but to ask whether there is one.
local c = require "eddy.base.libeddy"
local loops = require "eddy.loop"
local dispatch = require "eddy.loop.dispatch"
local service = require "eddy.service"

local C, ffi = c.C, c.ffi

local STATUS_MS = 60000
local GRACE_MS = 5000 -- what an end takes at most, beyond the time that is for draining
local LONGEST = 256   -- of an endpoint

local M = {}

local host = false      -- its functions, when there is somebody who listens
local watchdog_ms = 0   -- how often a loop has to have turned; 0: nobody asks
local attached = false  -- the loop that has our timers, and
local timers = {}
local is_ready = false  -- the service manager has heard so
local is_stopping = false
local is_deaf = false   -- it could not be told, and the log said so
local passed_told = false
local words = ""        -- the script's, for the status
local counted, counted_at = 0, 0 -- messages, and when

local function send(...)
  local ok, err = host.notify(table.concat({ ... }, "\n"))
  if not ok and not is_deaf then
    loops._log("the service manager cannot be told of the state ($NOTIFY_SOCKET): " .. err)
  end
  is_deaf = not ok
end

-- How many streams there are, messages they have had so far, and messages that wait.
local function count()
  local streams, messages, waiting = 0, 0, 0
  for loop in pairs(loops._all()) do
    for _, target in pairs(loop._c and loop._targets or {}) do
      local stats = ffi.new("eddy_stream_stats")
      if target.stats and target._id and
        C.eddy_stream_stats_get(loop._c, target._id, stats) >= 0 then
        streams, waiting = streams + 1, waiting + tonumber(stats.queued)
        messages = messages + tonumber(stats.messages_in) + tonumber(stats.messages_out)
      end
    end
  end
  return streams, messages, waiting
end

local function plural(number, what)
  return ("%d %s%s"):format(number, what, number == 1 and "" or "s")
end

local function status()
  local streams, messages, waiting = count()
  local now = C.eddy_time()
  local seconds = (now - counted_at) / 1000
  local rate = seconds > 0 and math.max(0, messages - counted) / seconds or 0
  counted, counted_at = messages, now
  local text = plural(streams, "stream")
  if waiting > 0 then text = text .. ", " .. plural(waiting, "message") .. " waiting to be sent" end
  return ("STATUS=%s%s, %.0f messages/s"):format(words, text, rate)
end

-- What was passed and is not used is most likely meant for an address that the script has
-- differently.
local function tell_passed(unusable)
  if passed_told then return end
  passed_told = true
  local name, unused, index = ffi.new("char[?]", LONGEST), {}, 0
  repeat
    local state = C.eddy_passed_get(index, name, LONGEST)
    if state == 0 then unused[#unused + 1] = ffi.string(name) end
    index = index + 1
  until state < 0
  if unusable > 0 then
    unused[#unused + 1] = plural(unusable, "descriptor") .. " that no socket can be bound to"
  end
  if unused[1] then
    loops._log("was given to listen at (LISTEN_FDS), and nothing is bound there: " ..
      table.concat(unused, ", "))
  end
end

local function turned(unusable)
  tell_passed(unusable)
  if not is_ready and host then M.ready() end
end

local function ping()
  if not is_stopping then send "WATCHDOG=1" end
end

local function attach(loop)
  for _, timer in ipairs(timers) do timer:stop() end
  attached, timers = loop, {}
  local function every(ms, fn, name)
    local timer = loop:call_every(ms, fn):unref()
    timer.name = name
    timers[#timers + 1] = timer
  end
  every(STATUS_MS, function() if not is_stopping then send(status()) end end, "systemd's status")
  if watchdog_ms > 0 then every(watchdog_ms / 2, ping, "systemd's watchdog") end
end

--- The script begins: from now on the service manager hears of the loops that it runs.
-- @param functions the host's: see core/host/service.h
function M.begin(functions)
  local listens, ms, unusable = functions.service()
  if listens then
    host, watchdog_ms = functions, ms
    service._set_manager(M)
  end
  if not listens and unusable == 0 and C.eddy_passed_get(0, nil, 0) < 0 then return end
  dispatch.on_run(function(loop, is_wait)
    if host and attached ~= loop then attach(loop) end
    if is_wait or is_ready and passed_told then return end
    -- The turn is over when what was queued in it is called.
    loop:add_callback(loop.add_callback, loop, turned, unusable)
  end)
end

--- The process does its work (again).
function M.ready()
  if not host then return end
  is_ready = true
  send("READY=1", status())
end

--- What the script does, in its words; "" for none.
function M.tell(text)
  words = text == "" and "" or text .. ": "
  if not is_stopping then send(status()) end
end

--- A reload begins, which `ready` ends.
function M.reloading()
  if not host then return end
  send("RELOADING=1", ("MONOTONIC_USEC=%.0f"):format(C.eddy_time() * 1000), "STATUS=reloading")
end

--- The process is about to end.
-- @param drain for how many ms messages may be sent
function M.stopping(drain)
  if not host or is_stopping then return end
  is_stopping = true
  local _, _, waiting = count()
  local us = ("%.0f"):format((drain + GRACE_MS) * 1000)
  send("STOPPING=1", "EXTEND_TIMEOUT_USEC=" .. us,
    ("STATUS=ending, %s waiting to be sent"):format(plural(waiting, "message")),
    watchdog_ms > 0 and "WATCHDOG_USEC=" .. us or nil)
end

return M
