-- Plain subjects of NATS: at most once, nothing is stored. Methods of a link's.
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"
local methods = require "eddy.base.methods"
local api = require "eddy.jetstream.api"
local links = require "eddy.jetstream.link"
local turns = require "eddy.jetstream.turns"
local futures = require "eddy.tasks.future"

local ffi = c.ffi
local numbers = errors.numbers
local schedule = turns.schedule

---@class eddy.jetstream.Link
local Link = links.methods

local MOST_WAITING = 65536 -- messages of a subscription that were not handled
local REQUEST_MS = 5000

--- A subscription to subjects. Its messages come to on_recv as a SUB's do: `msg` is
-- { subject, data }.
---@class eddy.jetstream.Subscription
local Subscription = { _kind = "stream", _on_recv = false, _queued = false, _inside = 0,
  _concurrency = 1, _closed = false }
Subscription.__index = Subscription

function Subscription:_hand_over(fn, message)
  self.loop:_protect(self, fn, message, message.request)
  return 0
end

function Subscription._handed_over() end

function Subscription:_waits()
  self._inside = self._inside + 1
  if self._inside < self._concurrency then schedule(self) end
end

function Subscription:_went_on()
  self._inside = self._inside - 1
  schedule(self)
end

-- A request, for its answer.
---@class eddy.jetstream.Request
local Request = {}
Request.__index = Request

--- Answers.
---@param data string a string
---@param headers? table<string, string> a table of texts, or nil
---@return true? ok
---@return eddy.Error err
function Request:reply(data, headers)
  return self._link:publish(self._reply, data, headers)
end

function Subscription:_message(event)
  local link = self.link
  link._plain_in = link._plain_in + 1
  link._plain_bytes_in = link._plain_bytes_in + event.data_size
  if not self._on_recv or self._last - self._first + 1 >= self._most then
    self._dropped = self._dropped + 1
    return
  end
  local msg = { ffi.string(event.subject, event.subject_size),
    ffi.string(event.data, event.data_size) }
  if event.header_size > 0 then msg.headers = api.headers(event) end
  if event.reply_size > 0 then
    msg.request = setmetatable({ _link = link,
      _reply = ffi.string(event.reply, event.reply_size) }, Request)
  end
  turns.add(self, msg)
end

--- Calls fn(msg, request) for each message that comes from now on; `msg` is { subject, data } with
-- `headers` if there are any, and `request` is nil where nobody waits for an answer. nil pauses:
-- what comes meanwhile is lost, as a SUB's is that is not there.
---@param fn? fun(msg: string[], request: eddy.jetstream.Request?): ...
function Subscription:on_recv(fn)
  errors.check_function(fn, "on_recv", true)
  self:_check_open "on_recv"
  self._on_recv = fn or false
  if fn then self.link:_wake() end
  schedule(self)
end

Subscription.set_concurrency = turns.set_concurrency

function Subscription:_check_open(what)
  errors.check_self(self, what)
  if self._closed then errors.misuse(what .. ": " .. tostring(self)) end
end

--- Counters: waiting, dropped.
---@return table<string, number>
function Subscription:stats()
  return { waiting = self._last - self._first + 1, dropped = self._dropped }
end

--- Ends it.
-- @return how many messages were not handled
---@return integer messages
function Subscription:close()
  if self._closed then return 0 end
  self._closed, self._on_recv = true, false
  self.link:_unsubscribe(self._number)
  self.link._streams[self] = nil
  return self._last - self._first + 1
end

---@return boolean
function Subscription:closed() return self._closed end

-- It keeps the loop running as long as somebody receives.
function Subscription:_look() return self._on_recv ~= false end

function Subscription._link_up() end

function Subscription._link_lost() end

function Subscription:_link_ended() self:close() end

function Subscription:_describe() return ('subscription "%s"'):format(self.subject) end

function Subscription:__tostring()
  return self:_describe() .. (self._closed and " (closed)" or "")
end

--- Subscribes to subjects: what is published there from now on comes to one, or, in a group, to one
-- of the group.
---@param subject string with * for any word, and > for any at the end
---@param options? { group?: string, limit?: integer }
-- { group = name, limit = messages that may wait (65536) }
---@return eddy.jetstream.Subscription
function Link:subscribe(subject, options)
  self:_check_open "subscribe"
  api.check_subject(subject, "subscribe", true)
  options = options or {}
  errors.check_fields(options, { group = true, limit = true }, "subscribe")
  if options.group ~= nil then api.check_name(options.group, "subscribe: group") end
  local most = options.limit or MOST_WAITING
  if type(most) ~= "number" or most < 1 then
    errors.misuse("subscribe: limit: expected a number of at least 1, got " .. errors.typed(most))
  end
  local self_ = setmetatable({ link = self, loop = self.loop, subject = subject, _waiting = {},
    _first = 1, _last = 0, _most = most, _dropped = 0 }, Subscription)
  self_._number = self:_subscribe(self_, subject, options.group or "", math.min(most, 2 ^ 31 - 1))
  self._streams[self_] = true
  return self_
end

--- Whether it was closed with its loop: then timers still come, and are not to blame.
function Link:_has_ended() return self._is_last and (self._closing or not self._id) end

local function check_message(self, what, subject, data, headers)
  if self:_has_ended() then
    return nil, errors.new(numbers.ENOTSOCK, what .. ": " .. self:_describe() ..
      " has ended with the loop")
  end
  self:_check_open(what)
  api.check_subject(subject, what)
  if type(data) ~= "string" then
    errors.misuse(("%s: expected a string, got %s"):format(what, type(data)))
  end
  local flat = api.flatten(headers, what)
  local most, size = self:max_payload(), #data
  if flat ~= "" then size = size + api.BEGIN_BYTES + api.encoded_size(flat) end
  if most and size > most then
    return nil, errors.new(numbers.EMSGSIZE, ("%s: a message of %d bytes, and the server takes %d")
      :format(what, size, most))
  end
  self._plain_out, self._plain_bytes_out = self._plain_out + 1, self._plain_bytes_out + #data
  return flat
end

--- Publishes: whoever subscribes has it. Without a server it waits for one.
-- @return true; or nil and an error: ENOBUFS when too much waits, EMSGSIZE, ENOTSOCK when the link
-- was closed with its loop
---@param subject string
---@param data string
---@param headers? table<string, string>
---@return true? ok
---@return eddy.Error err
function Link:publish(subject, data, headers)
  local flat, err = check_message(self, "publish", subject, data, headers)
  if not flat then return nil, err end
  local result = self:_publish(subject, "", flat, data, links.ANY)
  if result < 0 then return nil, errors.new(-result, "publish: " .. self:_describe()) end
  return true
end

--- Asks whoever answers at a subject.
---@param options? { timeout?: number, headers?: table<string, string> }
-- { timeout = ms (5000), headers = a table of texts }
-- @return a future of the answer and a table of its headers. Fails with EHOSTUNREACH when nobody
-- is there, ETIMEDOUT when nobody answers in time
---@param subject string
---@param data string
---@return eddy.Future<string>
function Link:request(subject, data, options)
  options = options or {}
  errors.check_fields(options, { timeout = true, headers = true }, "request")
  local ms = options.timeout or REQUEST_MS
  errors.check_ms(ms, "request: timeout")
  local flat, problem = check_message(self, "request", subject, data, options.headers)
  local future = futures.new(self.loop)
  future._name = "request " .. subject
  if not flat then
    if self:_has_ended() then future:cancel() else future:set_error(problem) end
    return future
  end
  self:_ask(subject, flat, data, ms, "request: " .. subject, function(event, err)
    if future:done() then return end
    if not event then return future:set_error(err) end
    if event.status == 503 then
      return future:set_error(errors.new(numbers.EHOSTUNREACH,
        ("request: nobody answers at %s"):format(subject)))
    end
    future:set_result(ffi.string(event.data, event.data_size), api.headers(event))
  end)
  return future
end

methods(Subscription, "subscription")
methods(Request, "request")

return Link
