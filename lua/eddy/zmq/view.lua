-- Views: parts of a message that is lent to a handler until it returns.
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"
local pool = require "eddy.base.pool"
local bytes = require "eddy.zmq.bytes"
local frames = require "eddy.zmq.frame"

local C, ffi = c.C, c.ffi

local VIEW = C.EDDY_VIEW

local M = {}

local view_type = ffi.typeof("eddy_view")

-- Views refer to their loan without the collector's knowing.
local all = {}
local take, give = pool(function()
  local loan = ffi.new("eddy_loan")
  all[#all + 1] = loan
  return loan
end)

--- A loan; `give_back` ends its use, and what was lent by it.
M.take = take

function M.give_back(loan)
  C.eddy_loan_end(loan)
  give(loan)
end

-- What a run does with the loan that an error has left in it.
pcall(ffi.metatype, ffi.typeof("eddy_loan"), { __index = { give_back = M.give_back } })

--- Ends a loan when its handler, which waits, is forgotten.
-- @return what must be kept as long as the handler
function M.guard(loan) return ffi.gc(view_type(loan, loan._number, 0), C.eddy_view_end) end

local function check(self)
  if C.eddy_bytes_size(self, VIEW) >= 0 then return self end
  error(errors.new(errors.numbers.EBADF, "the handler that had this view has ended; what is to " ..
    "outlast it is kept with tostring(view), view:sub(a, b) or zmq.frame(view)"), 0)
end

local function hold(self)
  local own = frames.lend()
  if C.eddy_view_keep(self, own) < 0 then check(self) end
  return own
end

local View, meta, read, byte, check_self = bytes.class(VIEW, check, hold, frames.take_back)
local attributes = {}

-- The bytes as a string.
function attributes.bytes(self) return read(self, 1, -1) end

-- A `const char *` to the bytes, for FFI; good until the handler returns, waits or flushes.
function attributes.buffer(self)
  local data = C.eddy_bytes_data(self, VIEW)
  if data == nil then check(self) end
  return data
end

-- Whether the message has another part.
function attributes.more(self) return C.eddy_view_more(check(self)) ~= 0 end

-- The address of the peer that sent it; nil when libzmq does not know it.
function attributes.peer(self) return self:get("Peer-Address") end

--- What libzmq knows of the sender, as of a frame's.
function View:get(property)
  check_self(self, "get")
  local own = hold(self)
  local value = C.eddy_frame_property(own, property)
  local text = value ~= nil and ffi.string(value) or nil
  frames.take_back(own)
  return text
end

local size_of = meta.__len

function meta.__len(self)
  local size = size_of(self)
  if size < 0 then check(self) end
  return size
end

function meta.__tostring(self) return read(self, 1, -1) end

function meta.__index(self, key)
  if type(key) == "number" then return byte(self, key) end
  local method = View[key]
  if method then return method end
  local attribute = attributes[key]
  if attribute then return attribute(self) end
  return View.get(self, key)
end

-- A second load of this module in one Lua state finds the first one's methods in place.
pcall(ffi.metatype, view_type, meta)

--- Views of the next message in an inbox, for what `loan` will lend.
-- @return a list, and how many there are
function M.of(inbox, head, loan)
  local parts, number = inbox.parts, loan._number + 1
  if parts[head].more == 0 then return { view_type(loan, number, 0) }, 1 end
  local msg, count = {}, 0
  repeat
    count = count + 1
    msg[count] = view_type(loan, number, count - 1)
  until parts[head + count - 1].more == 0
  return msg, count
end

return M
