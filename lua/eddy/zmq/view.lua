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

---@class eddy.View: eddy.Bytes
---@field buffer ffi.cdata* a `const char *` for FFI, which nothing checks
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
---@return string?
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

-- So many parts are done without a loop: LuaJIT compiles a loop apart from the way around it, and
-- a list that grows is copied again and again.
local UNROLLED = 12

-- By the number of parts after the first one, the function that makes the views of all, made when
-- the first such message comes.
local unrolled = {}

local function unroll(more)
  local made = {}
  for i = 0, more do made[i + 1] = ("view_type(loan, number, %d)"):format(i) end
  local source = "local view_type = ...\nreturn function(loan, number) return { %s } end"
  local text = source:format(table.concat(made, ", "))
  unrolled[more] = assert(loadstring(text, "=unrolled"))(view_type)
  return unrolled[more]
end

--- Views of the next message in an inbox, for what `loan` will lend.
-- @return a list, and how many there are
function M.of(inbox, head, loan)
  local more, number = inbox.parts[head].more, loan._number + 1
  if more == 0 then return { view_type(loan, number, 0) }, 1 end
  if more < UNROLLED then return (unrolled[more] or unroll(more))(loan, number), more + 1 end
  local msg = {}
  for i = 0, more do msg[i + 1] = view_type(loan, number, i) end
  return msg, more + 1
end

return M
