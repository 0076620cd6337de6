-- Where a program's input and output pass: what a recording and a replay put their functions
-- around, before the script runs. Loops, streams and timers have numbers, in the order in which
-- they come up: the same ones when the program runs again.
local errors = require "eddy.base.errors"
local loops = require "eddy.loop"
local signal = require "eddy.loop.signal"
local timer = require "eddy.loop.timer"
local new_stream = require "eddy.stream"
local requests = require "eddy.stream.requests"

local M = { Timer = timer.class, Signal = signal.class, Loop = loops._class }

local Stream = new_stream._class
M.Stream, M.Rep = Stream, requests.class(Stream)

local numbers = setmetatable({}, { __mode = "k" })
local last = { loop = 0, stream = 0, timer = 0 }

--- The number of a loop, a stream, or of a timer since it was started.
function M.number_of(object) return numbers[object] end

local function give(object, kind)
  last[kind] = last[kind] + 1
  numbers[object] = last[kind]
  return last[kind]
end

--- Puts a function around another one, in the table where it is: make(original) returns it.
function M.around(class, name, make) class[name] = make(class[name]) end

--- Has what is put on loops numbered.
-- @param fn fn(kind, number, object): "loop", "stream" or "timer"
function M.number(fn)
  M.around(M.Loop, "_adopt", function(adopt)
    return function(self, id, target)
      adopt(self, id, target)
      if not numbers[self] then fn("loop", give(self, "loop"), self) end
      local kind = target._kind == "stream" and "stream" or
        getmetatable(target) == M.Timer and "timer"
      if kind then fn(kind, give(target, kind), target) end
    end
  end)
end

--- Puts a function around what streams send with: make(name, original).
function M.around_sends(make)
  for _, name in ipairs { "send", "send_multipart" } do
    M.around(Stream, name, function(send) return make(name, send) end)
  end
  requests.class(Stream) -- a REP's use these
end

--- The bytes of a message's parts, in a list.
function M.strings(parts)
  local list = {}
  for i = 1, #parts do
    local part = parts[i]
    list[i] = type(part) == "string" and part or part:sub(1)
  end
  return list
end

local date = os.date

--- Functions whose results are input: of time and day.
-- @param make make(name, original) returns the one to be put in place of it
function M.around_time(make)
  local eddy, future = require "eddy", require "eddy.future"
  M.around(os, "time", function(time)
    local now = make("os.time", time)
    return function(at)
      if at ~= nil then return time(at) end
      return now()
    end
  end)
  os.date = function(format, at) -- luacheck: ignore 122
    return date(format, at or os.time())
  end
  M.around(os, "clock", function(clock) return make("os.clock", clock) end)
  M.around(M.Loop, "time", function(time) return make("loop:time", time) end)
  local now = make("eddy.now", future.now)
  future.now, eddy.now = now, now
end

--- What a script that waits for input elsewhere is told, once: warn(text).
function M.name_others(warn)
  local Socket, told = require "eddy.zmq.socket", false
  for _, name in ipairs { "recv", "_recv_part", "recv_multipart" } do
    M.around(Socket, name, function(receive)
      return function(self, ...)
        if not told then
          told = true
          warn(("what %s receives is not among it: streams' messages are, not those of plain, " ..
            "async and green sockets"):format(tostring(self)))
        end
        return receive(self, ...)
      end
    end)
  end
end

--- An error of this name, as it was refused with.
function M.error_named(name, text)
  return errors.new(errors.numbers[name] or errors.numbers.EAGAIN, text)
end

return M
