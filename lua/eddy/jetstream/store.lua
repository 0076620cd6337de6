-- What a stream is given to store.
local errors = require "eddy.base.errors"
local api = require "eddy.jetstream.api"
local backpressure = require "eddy.stream.backpressure"
local room = require "eddy.stream.room"

local numbers = errors.numbers

-- Parts that are framed in one string would be bytes that no other client can read.
local ONE_PART = ": a message of NATS' has one part; join several, as JSON for one, or use headers"

local SEND_BYTES = 64 * 1024 * 1024

local M = { methods = {}, SEND_BYTES = SEND_BYTES }
---@class eddy.jetstream.Stream
local Stream = M.methods

local tell_done

-- A message is stored, or never will be.
function Stream:_sent(data, callback, job, err)
  if job then
    self._held[job] = nil
    if not err then return self:_answer(job, "+TERM", "terms") end
    self._counts.parked = self._counts.parked - 1
    self:_answer(job, self:_nak_text(job), "naks")
    return self:_fail(err)
  end
  if self._full and self._sender:bytes() <= self._most_bytes / 2 and
      self._sender:count() <= self._most_messages / 2 then
    self._full = false
    if self._on_drain then self.loop:add_callback(self._call, self, self._on_drain, self) end
    room.drained(self)
  end
  self:_check_end()
  local fn = callback or self._on_send
  if not fn then return err and not self._is_closed and self:_fail(err) end
  local done, count = self._done, self._done_count
  if count == 0 then self.loop:add_callback(tell_done, self) end
  done[count + 1], done[count + 2], done[count + 3] = fn, data, err or false
  self._done_count = count + 3
end

function tell_done(self)
  local done, count, loop = self._done, self._done_count, self.loop
  self._done, self._done_count, self._told = self._told or {}, 0, false -- a function may wait
  for i = 1, count, 3 do
    loop:_protect(self, done[i], { done[i + 1] }, done[i + 2] or nil)
    done[i], done[i + 1], done[i + 2] = false, false, false
  end
  self._told = done
end

local function nothing() end

local function refused(self, code, why)
  return errors.new(code, ("send: %s%s"):format(self.name, why))
end

-- Waits until there is room for so many bytes. nil, or the error with which that ended.
local function wait_for_room(self, size)
  local is_first, sender = false, self._sender
  while not self._is_closed and sender:count() > 0 and
      (sender:bytes() + size > self._most_bytes or sender:count() + 1 > self._most_messages) do
    if not self._full then
      self._full = true
      if self._on_full then self.loop:add_callback(self._call, self, self._on_full, self) end
    end
    if not backpressure.may_wait() then
      return refused(self, numbers.ENOBUFS, ": its queue is full")
    end
    local err = room.wait(self, is_first, nothing)
    if err then return err end
    is_first = true
  end
end

local send_options = { subject = true, id = true, headers = true, callback = true }

---@class (exact) eddy.jetstream.SendOptions
---@field subject? string where, unless the stream has one
---@field id? string by which the server knows a message that it has already
---@field headers? table<string, string>
---@field callback? fun(msg: string[], err: eddy.Error?) in place of on_send

--- Stores a message: queues it, and sends it, again when a connection was lost, until the server
-- says that it has it.
---@param data string a string
-- @return true; or nil and an error: ENOBUFS when the queue is full (a coroutine of the script's,
-- as a task has, waits for room instead), EMSGSIZE when the server takes none of that size
---@param options? eddy.jetstream.SendOptions
---@return true? ok
---@return eddy.Error err
function Stream:send(data, options)
  self:_check_open "send"
  if type(data) ~= "string" then
    errors.misuse("send: expected a string, got " .. type(data) .. ONE_PART)
  end
  local subject, id, headers, callback, header_size = self._subject, false, false, false, 0
  if options then -- most have none, and LuaJIT does not compile what reads them
    errors.check_fields(options, send_options, "send")
    subject, id, callback = options.subject or subject, options.id or false,
      options.callback or false
    if options.subject then api.check_subject(subject, "send: subject") end
    if options.id ~= nil and (type(id) ~= "string" or id == "" or id:find "[%z\r\n]") then
      errors.misuse("send: id: expected a text of one line, got " .. errors.typed(id))
    end
    if callback then errors.check_function(callback, "send: callback") end
    headers = options.headers ~= nil and api.flatten(options.headers, "send")
    header_size = (headers and api.encoded_size(headers) or 0) + (id and #id or 0)
  end
  if subject == nil then errors.misuse("send: name the subject: send(data, { subject = ... })") end
  if self._finishing then return nil, refused(self, numbers.ENOTSOCK, " is being closed") end
  local err = self._sender:too_large(#data, header_size)
  if err then return nil, err end
  err = wait_for_room(self, #data)
  if err then return nil, err end
  if self._is_closed then return nil, refused(self, numbers.ENOTSOCK, " was closed") end
  self._sender:add(subject ~= self._subject and subject, id, headers, data, callback, false)
  return true
end

--- The same of a list of one part, as a ZeroMQ stream's has several: a message of NATS' is one
-- string. Several raise.
---@param parts string[]
---@param options? eddy.jetstream.SendOptions
---@return true? ok
---@return eddy.Error err
function Stream:send_multipart(parts, options)
  if type(parts) ~= "table" or parts[2] ~= nil or type(parts[1]) ~= "string" then
    local got = type(parts) == "table" and "one of " .. #parts .. " parts" or type(parts)
    errors.misuse("send_multipart: expected a list of one string, got " .. got .. ONE_PART)
  end
  return self:send(parts[1], options)
end

local limits = { bytes = true, messages = true }

--- Limits what waits to be stored.
---@param limit { bytes?: number, messages?: number }
-- { bytes = n, messages = n }: 64 MiB, and any number, where nothing is said
function Stream:set_send_limit(limit)
  self:_check_open "set_send_limit"
  errors.check_fields(limit, limits, "set_send_limit")
  for name in pairs(limits) do
    local value = limit[name]
    if value ~= nil and (type(value) ~= "number" or value < 0 or value ~= value) then
      errors.misuse(("set_send_limit: %s: expected a number of at least 0, got %s"):format(name,
        errors.typed(value)))
    end
  end
  self._most_bytes, self._most_messages = limit.bytes or SEND_BYTES, limit.messages or math.huge
end

M.refused = refused

return M
