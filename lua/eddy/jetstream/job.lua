-- Jobs: messages that the server keeps until they are acknowledged, and what is to become of them.
local errors = require "eddy.base.errors"
local api = require "eddy.jetstream.api"
local c = require "eddy.base.libeddy"
local methods = require "eddy.base.methods"

local ffi = c.ffi

--- A job. Fields: `subject`, `headers` (a table), `sequence` (in its stream), `deliveries` (1 the
-- first time), `redelivered`, `time` (ms since 1970, when it was stored), `pending` (how many were
-- behind it).
---@class eddy.jetstream.Job
---@field subject string
---@field headers table<string, string>
---@field sequence integer in its stream
---@field deliveries integer 1 the first time
---@field redelivered boolean
---@field time number ms since 1970, when it was stored
---@field pending integer how many were behind it
local Job = {}

-- What few read is made when it is read: a table of twice as many fields costs a fifth of what a
-- message does.
local made = {}

function made.redelivered(self) return self.deliveries > 1 end

function made.headers(self)
  local headers = api.headers_of(self._reply:match "%z(.*)")
  self.headers = headers
  return headers
end

-- ACK.STREAM.CONSUMER.DELIVERIES.SEQUENCE.ORDER.NANOSECONDS.PENDING, and what else a server adds.
local function field(self, place)
  local words = {}
  for word in self._reply:match "%Z*":gmatch "[^.]+" do words[#words + 1] = word end
  return tonumber(words[#words >= 12 and place + 2 or place])
end

function made.sequence(self) return field(self, 6) end

function made.time(self) return field(self, 8) / 1e6 end

function made.pending(self) return field(self, 9) end

Job.__index = function(self, key)
  local make = made[key]
  if make then return make(self) end
  return Job[key]
end

local M = {}

--- The job of a message that came.
function M.new(stream, event)
  return setmetatable({
    _stream = stream, _settled = false, _msg = { ffi.string(event.data, event.data_size) },
    -- The subject of its answer, which C reads to its zero byte, and what its headers have: one
    -- text costs less than two.
    _reply = ffi.string(event.reply, event.reply_size + 1 + event.header_size),
    subject = ffi.string(event.subject, event.subject_size), deliveries = event.deliveries,
  }, Job)
end

local function check_open(self, name)
  if type(self) ~= "table" or getmetatable(self) ~= Job then errors.misuse(name) end
  if self._settled then
    errors.misuse(("%s: the job has its answer already: %s"):format(name, self._settled))
  end
end

local function settle(self, name, text, counter)
  check_open(self, name)
  self._settled = name
  self._stream:_answer(self, text, counter)
end

--- Says that it is done. A handler's end does that, unless something else was said.
function Job:ack() settle(self, "ack", "+ACK", "acks") end

--- The same, and the server says that it knows: for who must not do a thing twice, and notes
-- elsewhere that it was done.
-- @return a future of true. Fails with ETIMEDOUT when the server does not say so in five seconds,
-- ENOENT when the consumer is gone: then the message may come again
---@return eddy.Future<true>
function Job:double_ack()
  check_open(self, "double_ack")
  self._settled = "double_ack"
  return self._stream:_confirm(self)
end

--- Gives it back, to be delivered again.
---@param ms? number after which; by the stream's backoff unless given
function Job:nak(ms)
  if ms == nil then return settle(self, "nak", self._stream:_nak_text(self), "naks") end
  errors.check_ms(ms, "nak")
  settle(self, "nak", ('-NAK {"delay":%.0f}'):format(math.max(0, ms) * 1e6), "naks")
end

--- Gives it up: it is delivered no more, to nobody. Without a reason it is only ended; with one, it
-- goes to the stream's `dead`, if it has one.
---@param reason? string
function Job:term(reason)
  check_open(self, "term")
  if reason ~= nil and self._stream._dead then
    self._settled = "term"
    return self._stream:_park(self, tostring(reason))
  end
  settle(self, "term", "+TERM", "terms")
end

--- Says that it is being worked on, so that the server waits on. A handler that waits has that said
-- by itself.
function Job:progress()
  check_open(self, "progress")
  self._stream:_answer(self, "+WPI", "progress")
end

function Job:__tostring()
  return ("job %s %.0f"):format(self.subject, self.sequence)
end

methods(Job, "job")

M.class = Job

return M
