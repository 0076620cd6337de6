-- `eddy --record`: writes what a program receives, and what it sends, to a file. Its records:
--   B  the beginning: the random seed
--   N  a stream is made: its name
--   I  a stream's handler gets a message: its parts
--   O  a stream has sent a message: its parts; o  it refused one: also the error's name
--   D  a stream tells of a message that was sent: the error's name, if it was not
--   T  a timer fires: what it is
--   S  a signal's handler is called; G  a signal ends the loop in order
--   V  what a function returned: its name, and the value
--   E  the end; X  the recording is full, and ends here
local c = require "eddy.base.libeddy"
local completions = require "eddy.stream.completions"
local format = require "eddy.replay.format"
local taps = require "eddy.replay.taps"
local Socket = require "eddy.zmq.socket"

local C = c.C

local MOST_BYTES = 256 * 2 ^ 20
local FLUSH_MS = 100 -- after which what was recorded is written

local M = {}

local number_of, around = taps.number_of, taps.around

local Recording = {}
Recording.__index = Recording

function Recording:put(kind, loop, about, fields)
  local file = self.file
  if not file then return end
  local now = C.eddy_time()
  fields.kind, fields.ns = kind, math.floor(now * 1e6)
  fields.loop, fields.turn, fields.about = loop and number_of(loop) or 0, loop and loop._turns or 0,
    about
  -- The callbacks of the turn that did not come to its end have run.
  if kind == "E" then fields.turn = fields.turn + 1 end
  local bytes = format.write(fields)
  self.size = self.size + #bytes
  if self.size > self.most and kind ~= "E" then
    self.warn(("--record: the recording has %d MiB and ends here"):format(self.most / 2 ^ 20))
    fields = { kind = "X", ns = fields.ns, loop = 0, turn = 0, about = 0 }
    file:write(format.write(fields))
    return self:close()
  end
  file:write(bytes)
  if now - self.flushed > FLUSH_MS then
    self.flushed = now
    file:flush()
  end
end

function Recording:close()
  if not self.file then return true end
  local ok = self.file:close()
  self.file = nil
  return ok
end

local function record_streams(self)
  local function listen(handler_of)
    return function(stream, fn)
      return handler_of(stream, function(msg)
        self:put("I", stream.loop, number_of(stream), taps.strings(msg))
        return fn(msg)
      end)
    end
  end
  around(taps.Stream, "_handler_of", listen)
  around(taps.Rep, "_handler_of", listen)
  taps.around_sends(function(name, send)
    return function(stream, data, opts)
      if stream._trying or name == "send" and type(data) ~= "string" then
        return send(stream, data, opts)
      end
      local result, err = send(stream, data, opts)
      local fields = taps.strings(name == "send" and { data } or data)
      if not result then fields[#fields + 1] = err.name or "EAGAIN" end
      self:put(result and "O" or "o", stream.loop, number_of(stream), fields)
      return result, err
    end
  end)
  around(completions, "tell", function(tell)
    return function(stream, entry, err)
      if entry then self:put("D", stream.loop, number_of(stream), { err and err.name }) end
      return tell(stream, entry, err)
    end
  end)
end

local function record_loops(self)
  taps.number(function(kind, number, object)
    if kind == "stream" then self:put("N", object.loop, number, { tostring(object.name) }) end
  end)
  around(taps.Timer, "_handle", function(handle)
    return function(timer)
      self:put("T", timer._loop, number_of(timer), { timer:_describe() })
      return handle(timer)
    end
  end)
  around(taps.Signal, "_handle", function(handle)
    return function(signal)
      self:put("S", signal._loop, signal._number, {})
      return handle(signal)
    end
  end)
  around(taps.Loop, "_signalled", function(signalled)
    return function(loop, number)
      self:put("G", loop, number, {})
      return signalled(loop, number)
    end
  end)
end

--- Begins a recording, before the script runs.
-- @param name the file's
-- @param warn called with a text about what is not recorded
-- @param most the bytes after which it ends, 256 MiB unless given
-- @return a function that ends it and returns whether all was written; or nil and a problem
function M.begin(name, warn, most)
  local file, problem = io.open(name, "wb")
  if not file then return nil, problem end
  local self = setmetatable({ file = file, warn = warn, size = 0, flushed = 0,
    most = most or MOST_BYTES }, Recording)
  local seed = math.floor(C.eddy_time() * 1000 % 2 ^ 31)
  file:setvbuf("full", 65536)
  file:write(format.HEAD)
  self:put("B", nil, 0, { tostring(seed) })
  math.randomseed(seed)
  record_loops(self)
  record_streams(self)
  taps.around_time(function(what, fn)
    return function(...)
      local value = fn(...)
      self:put("V", nil, 0, { what, ("%.17g"):format(value) })
      return value
    end
  end)
  around(Socket, "bind", function(bind)
    return function(socket, endpoint)
      local bound = bind(socket, endpoint)
      self:put("V", nil, 0, { "bind", bound })
      return bound
    end
  end)
  taps.name_others(function(text) warn("--record: " .. text) end)
  return function(loop)
    self:put("E", loop, 0, {})
    return self:close()
  end
end

return M
