-- What sockets send and receive besides strings and frames: methods of eddy.socket's.
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"
local later = require "eddy.base.later"
local json = later.require "eddy.zmq.json"

local ffi = c.ffi

local M = { methods = {} }
---@class eddy.Socket
local Socket = M.methods

--- As `send`, for strings only.
---@return true ok
---@return eddy.Error err
function Socket:send_string(text, flags)
  errors.check_self(self, "send_string", "socket")
  if type(text) ~= "string" then
    errors.misuse("send_string: expected a string, got " .. type(text))
  end
  return self:send(text, flags)
end

--- Sends an object as a JSON text of one frame. What has none raises, and nothing is sent.
-- Needs lua-cjson. As `send`.
---@param object any
---@return true ok
---@return eddy.Error err
function Socket:send_json(object, flags)
  errors.check_self(self, "send_json", "socket")
  return self:send(json.encode(object), flags)
end

--- Sends what a function makes of a message.
---@param fn fun(msg: any): eddy.Part[]
-- called with the message; returns a list of strings and frames. When it raises,
-- nothing is sent.
---@param msg any
---@return true ok
---@return eddy.Error err
function Socket:send_serialized(msg, fn, flags, copy, track)
  errors.check_self(self, "send_serialized", "socket")
  errors.check_function(fn, "send_serialized")
  return self:send_multipart(fn(msg), flags, copy, track)
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

local function same(text) return text end

--- What is received and then decoded: { the receive, prepare(...) } by name. `prepare` takes the
-- arguments and returns what decodes, and the receive's flags and copy.
M.decoders = {
  --- recv_string(flags): as `recv`: a string, or nil and an EAGAIN error.
  ---@return string text
  ---@return eddy.Error err
  recv_string = { "recv", function(flags) return same, flags end },

  --- recv_json(flags): receives a JSON text of one frame.
  -- @return its object (JSON's null is cjson.null), or nil and an EAGAIN error. Raises EBADMSG
  -- when what came is not JSON; it is taken then.
  ---@return any object
  ---@return eddy.Error err
  recv_json = { "recv", function(flags)
    json.check()
    return json.decode, flags
  end },

  --- recv_serialized(fn, flags, copy): receives a message and returns what a function makes of
  -- it.
  ---@param fn fun(frames: string[]): ... called with the list of frames
  -- @return its results, or nil and an EAGAIN error
  ---@return any ...
  recv_serialized = { "recv_multipart", function(fn, flags, copy)
    errors.check_function(fn, "recv_serialized")
    return fn, flags, copy
  end },

  --- recv_into(buffer, nbytes, flags): receives one frame into a buffer.
  ---@param buffer ffi.cdata* an FFI array of char or uint8_t, or, with `nbytes`, a pointer to such
  ---@param nbytes? integer how many bytes of it may be written; all unless given
  -- @return the frame's size. What there is no room for is cut off. Or nil and an EAGAIN error.
  ---@return integer size
  ---@return eddy.Error err
  recv_into = { "recv", function(buffer, nbytes, flags)
    local room = room_of(buffer, nbytes)
    return function(frame)
      local size = #frame
      ffi.copy(buffer, frame.buffer, math.min(size, room))
      frame:close()
      return size
    end, flags, false
  end },
}

for name, each in pairs(M.decoders) do
  local receive, prepare = each[1], each[2]
  M.methods[name] = function(self, ...)
    errors.check_self(self, name, "socket")
    local decode, flags, copy = prepare(...)
    local got, err = self[receive](self, flags, copy)
    if not got then return nil, err end
    return decode(got)
  end
end

return M
