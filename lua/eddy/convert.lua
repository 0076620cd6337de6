-- What sockets send and receive besides strings and frames: methods of eddy.socket's.
local c = require "eddy.c"
local errors = require "eddy.errors"
local json = require "eddy.json"

local ffi = c.ffi

local M = {}

--- As `send`, for strings only.
function M:send_string(text, flags)
  if type(text) ~= "string" then
    errors.misuse("send_string: expected a string, got " .. type(text))
  end
  return self:send(text, flags)
end

--- As `recv`: a string, or nil and an EAGAIN error.
function M:recv_string(flags) return self:recv(flags) end

--- Sends an object as a JSON text of one frame. What has none raises, and nothing is sent.
-- Needs lua-cjson. As `send`.
function M:send_json(object, flags)
  return self:send(json.encode(object), flags)
end

--- Receives a JSON text of one frame.
-- @return its object (JSON's null is cjson.null), or nil and an EAGAIN error. Raises EBADMSG
-- when what came is not JSON; it is taken then.
function M:recv_json(flags)
  json.check()
  local text, err = self:recv(flags)
  if not text then return nil, err end
  return json.decode(text)
end

--- Sends what a function makes of a message.
-- @param fn called with the message; returns a list of strings and frames. When it raises,
-- nothing is sent.
function M:send_serialized(msg, fn, flags, copy, track)
  errors.check_function(fn, "send_serialized")
  return self:send_multipart(fn(msg), flags, copy, track)
end

--- Receives a message and returns what a function makes of it.
-- @param fn called with the list of frames
-- @return its results, or nil and an EAGAIN error
function M:recv_serialized(fn, flags, copy)
  errors.check_function(fn, "recv_serialized")
  local frames, err = self:recv_multipart(flags, copy)
  if not frames then return nil, err end
  return fn(frames)
end

local bytes = { ["char"] = true, ["signed char"] = true, ["unsigned char"] = true }

-- How many bytes may be written to a buffer.
local function room_of(buffer, nbytes)
  if type(buffer) ~= "cdata" then
    errors.misuse("recv_into: expected an FFI buffer, got " .. type(buffer))
  end
  local name = tostring(ffi.typeof(buffer)):match("^ctype<(.*)>$")
  local element = name:match("^(.-) %(?&?%)?%[[%d?]+%]$")
  local room = element and ffi.sizeof(buffer)
  element = element or name:match("^(.-) %*$")
  if not bytes[element] then
    errors.misuse("recv_into: expected an array of char or uint8_t, got " .. name)
  end
  nbytes = nbytes or room
  if not nbytes then errors.misuse("recv_into: a pointer needs its number of bytes") end
  if type(nbytes) ~= "number" or not (nbytes >= 0 and nbytes <= (room or 2 ^ 53))
    or nbytes % 1 ~= 0 then
    errors.misuse(("recv_into: expected a number of bytes up to %s, got %s"):format(
      room or "the buffer's size", tostring(nbytes)))
  end
  return nbytes
end

--- Receives one frame into a buffer.
-- @param buffer an FFI array of char or uint8_t, or, with `nbytes`, a pointer to such
-- @param nbytes how many bytes of it may be written; all unless given
-- @return the frame's size. What there is no room for is cut off. Or nil and an EAGAIN error.
function M:recv_into(buffer, nbytes, flags)
  local room = room_of(buffer, nbytes)
  local frame, err = self:recv(flags, false)
  if not frame then return nil, err end
  local size = #frame
  ffi.copy(buffer, frame.buffer, math.min(size, room))
  frame:close()
  return size
end

return M
