-- What a script has open: a name for each kind, and how each is closed. What eddy made for itself,
-- such as the timer of a sleep, is not the script's.
local errors = require "eddy.base.errors"
local devices = require "eddy.devices"
local loops = require "eddy.loop"
local threads = require "eddy.thread"
local zmq = require "eddy.zmq"

local STOP_MS = 1000 -- for the code of a thread

local M = {}

local function kind_of(target)
  local kind = target._kind
  if kind == "stream" then return not rawget(target, "_listeners") and "stream" end -- a monitor's
  if kind == "handler" or kind == "process" or kind == "link" then return kind end
  if rawget(target, "_delay") then return "timer" end
  return rawget(target, "loop_pointer") and "waker"
end

--- Whether a function is the script's, and not one of eddy's own.
function M.is_own(fn)
  return type(fn) == "function" and not errors.is_ours(debug.getinfo(fn, "S").source)
end

-- What scripts have timers call that is eddy's: loop:call_later(1000, loop.stop, loop).
local METHODS = { "stop", "stop_gracefully", "send", "send_multipart", "send_json", "close",
  "cancel", "start", "set", "request", "now" }

-- Whether a function is a method of an object that is given to it.
local function is_method(fn, object)
  if type(object) ~= "table" then return false end
  for _, name in ipairs(METHODS) do
    local ok, method = pcall(function() return object[name] end)
    if ok and method == fn then return true end
  end
  return false
end

--- Whether a thing is for eddy's own purposes.
function M.is_internal(thing, kind)
  if kind ~= "timer" and kind ~= "handler" and kind ~= "waker" or M.is_own(thing._fn) then
    return false
  end
  return kind ~= "timer" or
    not is_method(thing._fn, thing._a or package.loaded["eddy.reload"])
end

--- Calls visit(thing, kind) for all that is open: streams, timers, handlers of descriptors, wakers,
-- processes, links to NATS and what is on them ("part"), plain sockets, loops, threads, devices.
function M.each(visit)
  for loop in pairs(loops._all()) do
    for _, target in pairs(loop._targets) do
      local kind = kind_of(target)
      if kind then visit(target, kind) end
      for part in pairs(kind == "link" and target._streams or {}) do visit(part, "part") end
    end
    if loop ~= loops._default() then visit(loop, "loop") end
  end
  for context in pairs(zmq._all()) do
    for socket in pairs(context._sockets) do
      if socket._id and not rawget(socket, "_owner") then visit(socket, "socket") end
    end
  end
  for thread in pairs(threads._all()) do
    if not thread:done() then visit(thread, "thread") end
  end
  for device in pairs(devices._all()) do
    if not device:done() then visit(device, "device") end
  end
end

--- Has nothing of it collected that nobody holds, which is open all the same.
-- @return a function that takes it back
function M.hold()
  local tables = { zmq._all(), loops._all(), threads._all(), devices._all() }
  for context in pairs(zmq._all()) do tables[#tables + 1] = context._sockets end
  for _, each in ipairs(tables) do setmetatable(each, nil) end
  return function()
    for _, each in ipairs(tables) do setmetatable(each, { __mode = "k" }) end
  end
end

--- What is open now: each thing's kind.
function M.take()
  local open = {}
  M.each(function(thing, kind) open[thing] = kind end)
  return open
end

local close = {}
function close.stream(stream, linger) stream:close(linger) end
close.socket = close.stream
function close.timer(timer) timer:stop() end
function close.handler(handler)
  if handler._loop._handlers[handler._key] == handler then handler:_remove() end
end
function close.part(part) part:close() end
function close.link(link)
  link._on_event = false
  link:_end()
end
function close.waker(waker) waker:close() end
function close.process(child) if not child._is_detached then child:stop() end end
function close.thread(thread) thread:stop(STOP_MS) end
function close.device(device) device:stop() end
function close.loop(loop) if not loop:running() then loop:close() end end

-- Sockets are somebody's until that one is closed.
local ORDER = { "timer", "handler", "waker", "stream", "part", "link", "process", "device",
  "thread", "loop", "socket" }

--- Closes things: a list of { thing, kind }.
-- @param linger for sockets and streams; optional
-- @param failed fn(text), told of each that cannot be closed
function M.close(list, linger, failed)
  for _, kind in ipairs(ORDER) do
    for _, each in ipairs(list) do
      if each[2] == kind then
        local ok, err = pcall(close[kind], each[1], linger)
        if not ok then failed(errors.text_of(err)) end
      end
    end
  end
end

--- Its name, for messages to people.
function M.describe(thing, kind)
  local name = rawget(thing, "name")
  if type(name) == "string" then return name end
  return kind == "stream" and tostring(thing.name) or tostring(thing)
end

return M
