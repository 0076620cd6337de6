-- Frames and trackers.
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"
local methods = require "eddy.base.methods"
local pool = require "eddy.base.pool"
local waits = require "eddy.base.waits"
local bytes = require "eddy.zmq.bytes"
local small_frame = require "eddy.zmq.small_frame"

local C, ffi = c.C, c.ffi

-- Memory that frames hold is libzmq's, and the collector does not know of it: when it has
-- grown by this much, garbage is collected.
local ROOM = 16 * 2 ^ 20

local M = {}

--- A tracker tells whether libzmq, or a frame, still uses bytes that were sent or kept.
-- `tracker.done` is true when nobody does.
---@class eddy.Tracker
---@field done boolean whether nobody uses the bytes any more
local Tracker = {}

--- Waits until nobody uses the bytes any more.
---@param ms? number nil, negative or infinite: for ever
-- @return true, or nil and an ETIMEDOUT error
---@return true? ok
---@return eddy.Error err
function Tracker:wait(ms)
  local limit = errors.limit_of(ms, "wait")
  local deadline = limit and C.eddy_time() + limit
  for _, each in ipairs(self._all) do
    local result = C.eddy_tracker_wait(each, waits.left(deadline))
    while result < 0 do
      waits.go_on "tracker"
      result = C.eddy_tracker_wait(each, waits.left(deadline))
    end
    if result == 0 then return nil, errors.new(errors.numbers.ETIMEDOUT, "tracker") end
  end
  return true
end

methods(Tracker, "tracker")

local TrackerInstance = {}

function TrackerInstance.__index(self, key)
  if key == "done" then return Tracker.wait(self, 0) == true end
  return Tracker[key]
end

function TrackerInstance.__tostring(self)
  return self.done and "tracker (done)" or "tracker (pending)"
end

local function new_tracker(all) return setmetatable({ _all = all }, TrackerInstance) end

--- A frame: bytes that are kept without being copied into a string. They stay as long as
-- anyone holds the frame. Attributes: `bytes`, `more`, `buffer`, `tracker`, `peer`; `#frame` is the
-- size, `frame[i]` a byte, and `frame["User-Id"]` a property.
local attributes = {}

local frame_type = ffi.typeof("eddy_frame")

local function check_open(self)
  if self._open == 0 then
    error(errors.new(errors.numbers.EBADF, "the frame is closed"), 0)
  end
  return self
end

-- A frame of one's own on the same bytes, for the length of a call: what runs in the middle may
-- close the other.
local function hold(self)
  local own = M.lend()
  if C.eddy_frame_copy(own, check_open(self)) < 0 then check_open(self) end
  return own
end

---@class eddy.Frame: eddy.Bytes
---@field buffer ffi.cdata* a `char *` for FFI
---@field tracker? eddy.Tracker of the frame's bytes; nil when they are not tracked
local Frame, meta, read, byte, check_self = bytes.class(C.EDDY_FRAME, check_open, hold,
  function(own) M.take_back(own) end)

-- The bytes as a string.
function attributes.bytes(self) return read(self, 1, -1) end

-- A `char *` to the bytes, for FFI; good while the frame is open.
function attributes.buffer(self) return check_open(self)._data end

-- Whether the message that the frame was received in has another after it.
function attributes.more(self) return self._more ~= 0 end

-- The address of the peer that sent it; nil when libzmq does not know it.
function attributes.peer(self) return self:get("Peer-Address") end

-- A tracker of the frame's bytes; nil when they are not tracked.
function attributes.tracker(self)
  local tracker = C.eddy_tracker_of(self)
  return tracker ~= nil and new_tracker { ffi.gc(tracker, C.eddy_tracker_free) } or nil
end

--- What libzmq knows of the sender: "User-Id", "Socket-Type", "Peer-Address", or a property
-- of its metadata. nil when it does not.
---@return string?
function Frame:get(property)
  check_self(self, "get")
  local own = hold(self)
  local value = C.eddy_frame_property(own, property)
  local text = value ~= nil and ffi.string(value) or nil
  M.take_back(own)
  return text
end

--- Gives the bytes back now. The collector does it otherwise.
function Frame:close()
  check_self(self, "close")
  C.eddy_frame_close(self)
end

function meta.__len(self) return self._size end

function meta.__tostring(self)
  if self._open == 0 then return "frame (closed)" end
  if self._size <= 16 then return ("frame (%q)"):format(self.bytes) end
  return ("frame (%q..., %.0f bytes)"):format(read(self, 1, 12), self._size)
end

function meta.__index(self, key)
  if type(key) == "number" then return byte(self, key) end
  local attribute = attributes[key]
  if attribute then return attribute(self) end
  return Frame[key] or Frame.get(self, key)
end

-- A second load of this module in one Lua state finds the first one's methods in place.
pcall(ffi.metatype, frame_type, meta)

local limit = ROOM

local function collect()
  collectgarbage()
  limit = C.eddy_frame_weight() + math.max(ROOM, collectgarbage("count") * 1024)
end

--- A frame to be filled by the core.
function M.empty()
  if C.eddy_frame_weight() > limit then collect() end
  return ffi.gc(frame_type(), C.eddy_frame_close)
end

--- A frame to be filled with a part that has so many bytes.
function M.of_size(size)
  return size >= 0 and size <= C.EDDY_SMALL_FRAME and small_frame() or M.empty()
end

local take, give = pool(M.empty)

--- A closed frame for the length of a call, see eddy.base.pool.
M.lend = take

--- Closes a frame that was lent.
function M.take_back(frame)
  C.eddy_frame_close(frame)
  give(frame)
end

--- A frame of what was received into one that was lent, and is given back.
function M.settle(own)
  local frame = M.of_size(own._size)
  C.eddy_frame_move(frame, own)
  M.take_back(own)
  return frame
end

--- Whether a value is a frame.
---@return boolean
function M.is(value) return type(value) == "cdata" and ffi.istype(frame_type, value) end

--- Makes a frame of a copy of a string, or on the same bytes as another frame, or a view.
---@param data? eddy.Part a string, a frame or a view; "" unless given
-- @param track whether a tracker is to tell who uses the bytes
---@return eddy.Frame
function M.new(data, track)
  local frame = M.empty()
  if M.is(data) then
    errors.check(C.eddy_frame_copy(frame, data), "frame")
  elseif bytes.kind(data) then
    if C.eddy_view_keep(data, frame) < 0 then return #data end -- raises: it is stale
  elseif data == nil or type(data) == "string" then
    data = data or ""
    errors.check(C.eddy_frame_open(frame, data, #data, track and 1 or 0), "frame")
  else
    errors.misuse("frame: expected a string or a frame, got " .. type(data))
  end
  return frame
end

--- What is to be sent later, as it is now, whatever becomes of the list and its frames.
-- @param data a string, a frame, a view, or a list of them
function M.kept(data)
  if bytes.kind(data) then return M.new(data) end
  if type(data) ~= "table" then return data end
  local own = {}
  for i, part in pairs(data) do own[i] = bytes.kind(part) and M.new(part) or part end
  return own
end

--- A tracker of all of these trackers and tracked frames together; without any, it is done.
---@param ... eddy.Tracker|eddy.Frame
---@return eddy.Tracker
function M.tracker(...)
  local all = {}
  for i = 1, select("#", ...) do
    local each = select(i, ...)
    local tracker = each
    if M.is(each) then tracker = each.tracker end
    if getmetatable(tracker) ~= TrackerInstance then
      errors.misuse("tracker: expected a tracker or a tracked frame, got " .. tostring(each))
    end
    for _, one in ipairs(tracker._all) do all[#all + 1] = one end
  end
  return new_tracker(all)
end

return M
