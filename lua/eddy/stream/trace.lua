-- A stream's messages as they pass, for people. While it is traced, a stream has its own `send`,
-- `send_multipart` and `_handler_of`: no other one, and none that is not, pays for it.
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"

local C = c.C

local MOST_BYTES, MOST_PARTS = 32, 8 -- that are shown of a part, and of a message

local M = { methods = {} }
---@class eddy.Stream
local Stream = M.methods

-- The bytes of a part: as text where they are, else in hex.
local function bytes_of(part, most)
  local shown = part:sub(1, most)
  local rest = #part > #shown and ("... (%d)"):format(#part) or ""
  if not shown:find "[^\32-\126]" then return '"' .. shown:gsub('["\\]', "\\%0") .. '"' .. rest end
  return "0x" .. shown:gsub(".", function(byte) return ("%02x"):format(byte:byte()) end) .. rest
end

local function parts_of(msg, is_full)
  local texts, count = {}, #msg
  local shown = is_full and count or math.min(count, MOST_PARTS)
  for i = 1, shown do texts[i] = bytes_of(msg[i], is_full and #msg[i] or MOST_BYTES) end
  if shown < count then texts[shown + 1] = ("... (%d parts)"):format(count) end
  return table.concat(texts, " ")
end

local function size_of(msg)
  local bytes = 0
  for i = 1, #msg do bytes = bytes + #msg[i] end
  return ("%d part%s, %.0f byte%s"):format(#msg, #msg == 1 and "" or "s", bytes,
    bytes == 1 and "" or "s")
end

-- Who sent the message at hand, where that is known.
local function sender_of(self, msg)
  local ok, peer = pcall(self.peer, self, not self._copy and msg[1] or nil)
  if not ok or not peer then return "" end
  return (peer.user and " user " .. bytes_of(peer.user, MOST_BYTES) or "") .. " from " ..
    peer.address
end

local function time()
  local now = C.eddy_wall_time(nil)
  return os.date("%H:%M:%S", now / 1000) .. (".%06d"):format(now % 1000 * 1000)
end

local function finish(self, trace)
  if self._trace ~= trace then return end
  self._trace, self.send, self.send_multipart, self._handler_of = nil, nil, nil, nil
  local fn = trace.handler
  if fn and self._on_recv == fn then self._on_recv = self:_handler_of(trace.inner) end
end

-- Tells of a message. What is wrong with that is nobody's but the trace's.
local function note(self, trace, way, msg, extra)
  if self._trace ~= trace or trace.busy then return end
  trace.busy = true
  local ok, problem = pcall(function()
    local about = way == "in" and sender_of(self, msg) or ""
    trace.fn(("%s %-3s %s: %s%s%s: %s"):format(time(), way, tostring(self.name), size_of(msg),
      about, extra or "", parts_of(msg, trace.full)))
  end)
  trace.busy = false
  trace.left = trace.left - 1
  if not ok then self.loop:_log("trace: " .. errors.text_of(problem) .. "; it is ended") end
  if not ok or trace.left <= 0 then finish(self, trace) end
end

local function wrap_sends(self, trace)
  for _, what in ipairs { "send", "send_multipart" } do
    local send = self[what]
    rawset(self, what, function(stream, data, opts)
      -- One that waited for room is tried again inside; and a frame is sent by send_multipart.
      if stream._trying or what == "send" and type(data) ~= "string" then
        return send(stream, data, opts)
      end
      local result, err = send(stream, data, opts)
      note(stream, trace, "out", what == "send" and { data } or data,
        not result and (", refused: %s"):format(err.name or tostring(err)) or nil)
      return result, err
    end)
  end
end

local known = { count = true, full = true }

local function check(fn, options)
  errors.check_function(fn, "trace", true)
  if options ~= nil then errors.check_fields(options, known, "trace") end
  local count = options and options.count or math.huge
  if type(count) ~= "number" or count ~= count or count < 1 then
    errors.misuse("trace: count: expected a number of at least 1, got " .. errors.typed(count))
  end
  return count
end

---@class (exact) eddy.TraceOptions
---@field count? integer messages after which it ends
---@field full? boolean whole messages, not just the first 32 bytes of 8 parts

--- Calls fn(line) for each message that a handler of the stream gets, before it does, and for each
-- that is sent: the time, "in" or "out", the stream, how large it is, who sent it as far as that is
-- known, and what is in it: as text, or in hex. nil ends it.
---@param fn? fun(line: string): ...
---@param options? eddy.TraceOptions
function Stream:trace(fn, options)
  self:_check_open "trace"
  local count = check(fn, options)
  if self._trace then finish(self, self._trace) end
  if not fn then return end
  local trace = { fn = fn, left = count, full = options and options.full or false, busy = false }
  local handler_of = self._handler_of
  wrap_sends(self, trace)
  rawset(self, "_trace", trace)
  rawset(self, "_handler_of", function(stream, inner)
    trace.inner = inner
    trace.handler = handler_of(stream, function(msg)
      note(stream, trace, "in", msg)
      return inner(msg)
    end)
    return trace.handler
  end)
  if self._on_recv then self._on_recv = self:_handler_of(rawget(self, "_fn") or self._on_recv) end
end

return M
