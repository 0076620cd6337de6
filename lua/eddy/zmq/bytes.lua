-- What frames and views have in common: their bytes are read where they are, without a string.
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"

local C, ffi = c.C, c.ffi

local FRAME, VIEW, BIG = C.EDDY_FRAME, C.EDDY_VIEW, C.EDDY_BIG_ENDIAN
local frame_type, view_type = ffi.typeof("eddy_frame"), ffi.typeof("eddy_view")

-- The numbers whose order of bytes matters not, or is part of the name.
local numbers = { u8 = 1, i8 = 1 + C.EDDY_SIGNED }
for order, big in pairs { be = BIG, le = 0 } do
  numbers["u16" .. order], numbers["i16" .. order] = 2 + big, 2 + big + C.EDDY_SIGNED
  numbers["u32" .. order], numbers["i32" .. order] = 4 + big, 4 + big + C.EDDY_SIGNED
  numbers["f32" .. order], numbers["f64" .. order] = 4 + big + C.EDDY_FLOAT, 8 + big + C.EDDY_FLOAT
end

local kinds = { [FRAME] = "frame", [VIEW] = "view" }

local M = {}

--- What the core is told of a value that has bytes: EDDY_FRAME, EDDY_VIEW; nil for any other.
function M.kind(value)
  if type(value) ~= "cdata" then return nil end
  return ffi.istype(frame_type, value) and FRAME or ffi.istype(view_type, value) and VIEW or nil
end

-- The places of text:sub(from, to) in so many bytes: the first one, and how many.
local function range(size, from, to)
  if from < 0 then from = math.max(size + from + 1, 1) elseif from == 0 then from = 1 end
  if to < 0 then to = size + to + 1 elseif to > size then to = size end
  return from, math.max(to - from + 1, 0)
end

--- The methods and metamethods of frames, or of views.
-- @param holds EDDY_FRAME or EDDY_VIEW
-- @param check check(self): raises when it is closed or stale
-- @param hold hold(self): a frame of one's own on the same bytes, see eddy.zmq.frame
-- @param give_back give_back(frame): ends that
-- @return the methods, the metamethods, read(self, from, to), byte(self, at), and
-- check_self(self, name), which raises for what a method is called with in place of its object
function M.class(holds, check, hold, give_back)
  ---@class eddy.Bytes
  ---@operator len: integer
  ---@field u8 fun(self, at?: integer): number
  ---@field i8 fun(self, at?: integer): number
  ---@field u16be fun(self, at?: integer): number
  ---@field u16le fun(self, at?: integer): number
  ---@field i16be fun(self, at?: integer): number
  ---@field i16le fun(self, at?: integer): number
  ---@field u32be fun(self, at?: integer): number
  ---@field u32le fun(self, at?: integer): number
  ---@field i32be fun(self, at?: integer): number
  ---@field i32le fun(self, at?: integer): number
  ---@field f32be fun(self, at?: integer): number
  ---@field f32le fun(self, at?: integer): number
  ---@field f64be fun(self, at?: integer): number
  ---@field f64le fun(self, at?: integer): number
  ---@field u64be fun(self, at?: integer): ffi.cdata*
  ---@field u64le fun(self, at?: integer): ffi.cdata*
  ---@field i64be fun(self, at?: integer): ffi.cdata*
  ---@field i64le fun(self, at?: integer): ffi.cdata*
  ---@field bytes string all of it
  ---@field more boolean whether the message has another part
  ---@field peer? string the address of the peer that sent it
  local methods, meta = {}, {}

  -- Why there is no number at a place; nothing when there is.
  local function explain(self, name, at, width)
    local size = #check(self)
    if at >= 1 and at <= size - width + 1 and at % 1 == 0 then return end
    errors.misuse(("%s: there are no %d bytes at %s of %.0f"):format(name, width, tostring(at),
      size))
  end

  local function check_number(value, what)
    if type(value) == "number" then return value end
    errors.misuse(what .. ": expected a number, got " .. type(value))
  end

  local function check_self(self, name)
    if type(self) ~= "cdata" then errors.no_self(name, kinds[holds]) end
  end

  for name, kind in pairs(numbers) do
    methods[name] = function(self, at)
      check_self(self, name)
      at = at == nil and 1 or check_number(at, name)
      local value = C.eddy_bytes_number(self, holds, at, kind)
      if value ~= value then explain(self, name, at, kind % C.EDDY_SIGNED) end
      return value
    end
  end

  for order, big in pairs { be = 1, le = 0 } do
    local unsigned, signed = "u64" .. order, "i64" .. order
    methods[unsigned] = function(self, at)
      check_self(self, unsigned)
      at = at == nil and 1 or check_number(at, unsigned)
      local value = C.eddy_bytes_u64(self, holds, at, big)
      if value == 0 then explain(self, unsigned, at, 8) end
      return value
    end
    methods[signed] = function(self, at)
      check_self(self, signed)
      at = at == nil and 1 or check_number(at, signed)
      local value = ffi.cast("int64_t", C.eddy_bytes_u64(self, holds, at, big))
      if value == 0 then explain(self, signed, at, 8) end
      return value
    end
  end

  local function read(self, from, to)
    local own = hold(self)
    local first, count = range(own._size, from, to)
    local text = count < 2 ^ 31 and ffi.string(own._data + (first - 1), count)
    give_back(own)
    if text then return text end
    error(errors.new(errors.numbers.EMSGSIZE, "2 GiB or more are no string"), 0)
  end

  --- Some of the bytes, as a string. As string.sub.
  ---@param from integer
  ---@param to? integer
  ---@return string
  function methods:sub(from, to)
    check_self(self, "sub")
    to = to == nil and -1 or check_number(to, "sub")
    return read(self, check_number(from, "sub"), to)
  end

  --- Looks for a string from a place on (1 unless given). As string.find with `plain`.
  -- @return the first and the last place; nil when it is not there
  ---@param from? integer
  ---@return integer? first
  ---@return integer? last
  function methods:find(text, from)
    check_self(self, "find")
    if type(text) ~= "string" then
      errors.misuse("find: expected a string, got " .. type(text))
    end
    from = from == nil and 1 or check_number(from, "find")
    if from < 0 then from = math.max(#check(self) + from + 1, 1) elseif from == 0 then from = 1 end
    local first = C.eddy_bytes_find(self, holds, text, #text, from)
    if first > 0 then return first, first + #text - 1 end
    check(self)
    return nil
  end

  --- Whether the bytes are these.
  ---@param other any a string, a frame or a view
  ---@return boolean
  function methods:equals(other)
    check_self(self, "equals")
    if M.kind(other) then other = other.bytes end
    if type(other) ~= "string" then return false end
    if C.eddy_bytes_equal(self, holds, other, #other) ~= 0 then return true end
    check(self)
    return false
  end

  function meta.__eq(one, other)
    if M.kind(one) == nil then one, other = other, one end
    return one:equals(other)
  end

  function meta.__len(self) return C.eddy_bytes_size(self, holds) end

  -- A byte, as string.byte has it; nil when there is none at this place.
  local function byte(self, at)
    local value = C.eddy_bytes_number(self, holds, at, 1)
    if value == value then return value end
    check(self)
    return nil
  end

  return methods, meta, read, byte, check_self
end

return M
