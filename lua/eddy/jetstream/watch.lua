-- Watches of buckets: a consumer that the server pushes from, made anew where something is missing.
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"
local methods = require "eddy.base.methods"
local api = require "eddy.jetstream.api"

local C, ffi = c.C, c.ffi

local HEARTBEAT_MS, RETRY_MS, ASK_MS = 5000, 250, 5000
local FORGOTTEN_MS = 30000 -- after which the server forgets a consumer that nobody listens to
local MS_TO_NS = 1e6

---@class eddy.jetstream.Watch
local Watch = { _kind = "watch", _number = false, _last = 0, _order = 0, _asking = false,
  _retry = 0, _heard = 0, _is_there = false, _closed = false, _told = false }
Watch.__index = Watch

local M = {}

--- Makes one.
function M.new(link, bucket, keys, fn)
  local self = setmetatable({ link = link, loop = link.loop, _bucket = bucket, _keys = keys,
    _fn = fn }, Watch)
  link._streams[self] = true
  link:_wake()
  if link._connected then self:_link_up() end
  return self
end

local function stop(self)
  if self._number then self.link:_unsubscribe(self._number) end
  self._number, self._is_there = false, false
end

local function start(self)
  if self._asking or self._closed or not self.link._connected then return end
  stop(self)
  local link, bucket = self.link, self._bucket
  local inbox = ("%s.w%d"):format(link._inbox, link._number + 1)
  self._number, self._order = link:_subscribe(self, inbox, "", 2 ^ 20), 0
  self._asking = true
  local config = { deliver_subject = inbox, filter_subject = bucket._prefix .. self._keys,
    ack_policy = "none", max_deliver = 1, replay_policy = "instant", mem_storage = true,
    num_replicas = 1, idle_heartbeat = HEARTBEAT_MS * MS_TO_NS,
    inactive_threshold = FORGOTTEN_MS * MS_TO_NS, deliver_policy = "last_per_subject" }
  if self._last > 0 then
    config.deliver_policy, config.opt_start_seq = "by_start_sequence", self._last + 1
  end
  api.ask(link, "CONSUMER.CREATE." .. bucket._stream,
    { stream_name = bucket._stream, config = config }, ASK_MS, function(_, err)
      self._asking = false
      self._heard = C.eddy_time()
      self._is_there = not err
      self._retry = self._heard + (err and not api.is_passing(err) and HEARTBEAT_MS or RETRY_MS)
      if err and not api.is_passing(err) and self._told ~= err.message and not self._closed then
        self._told = err.message
        self.loop:_log(self:_describe() .. ": " .. err.message)
      end
    end)
end

local function call(self, entry)
  if not self._closed then self.loop:_protect(self, self._fn, entry) end
end

function Watch:_message(event)
  if self._closed then return end
  self._heard = C.eddy_time()
  if event.deliveries == 0 then return end -- a heartbeat
  self._order = self._order + 1
  if event.order ~= self._order then -- something is missing
    self._retry, self._is_there = 0, false
    return start(self)
  end
  self._last = event.sequence
  local operation = event.header_size > 0 and api.headers(event)["KV-Operation"] or "PUT"
  local value = ffi.string(event.data, event.data_size)
  self.loop:add_callback(call, self, {
    key = ffi.string(event.subject, event.subject_size):sub(#self._bucket._prefix + 1),
    value = operation == "PUT" and value or nil, revision = event.sequence,
    operation = operation == "PUT" and operation or "DEL", time = event.time,
    pending = event.pending,
  })
end

function Watch:_link_up()
  self._asking, self._retry = false, 0
  start(self)
end

function Watch:_link_lost() self._is_there = false end

-- It keeps the loop running.
function Watch:_look(now)
  local is_lost = self._is_there and now - self._heard > 2 * HEARTBEAT_MS
  if (is_lost or not self._is_there) and now >= self._retry then start(self) end
  return true
end

--- Ends it.
---@return integer messages that are lost: 0
function Watch:close()
  if self._closed then return 0 end
  self._closed = true
  stop(self)
  self.link._streams[self] = nil
  return 0
end

---@return boolean
function Watch:closed() return self._closed end

function Watch:_link_ended() self:close() end

function Watch:_describe()
  return ("watch of %s in bucket %s"):format(errors.text_of(self._keys), self._bucket.name)
end

Watch.__tostring = Watch._describe

methods(Watch, "watch")

return M
