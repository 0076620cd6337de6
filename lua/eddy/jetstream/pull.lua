-- How a stream's messages come: it asks for as many as it can handle, for a bounded time, and asks
-- again when the server has not been heard of.
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"
local api = require "eddy.jetstream.api"
local setup = require "eddy.jetstream.setup"

local C = c.C
local numbers = errors.numbers

local AHEAD_MS = 500   -- of handling that is pulled at a time, at most a batch
local LOOK_MS = 2000   -- for an answer that nobody needs
local RETRY_MS = 250   -- where the server said that it cannot now
local ACK_WAIT_MS = 30000
local WEIGHT = 0.1     -- of a handler's time in the mean of them

local Puller = {}
Puller.__index = Puller

local M = {}

--- Makes one.
-- @param owner a stream: `_arrived(event)` gets the messages, `_missed(err)` hears why there are
-- none
function M.new(link, owner, options)
  local self = setmetatable({
    _link = link, _owner = owner, _stream = options.stream, _consumer = options.consumer,
    _batch = options.batch, _heartbeat = options.heartbeat, _expires = options.expires,
    _create = options.create,
    _asked = 0,       -- messages that were asked for and did not come
    _heard = 0,       -- when the server was last heard of
    _known = false,   -- the consumer is there, as its settings say:
    ack_wait = ACK_WAIT_MS, most = false, -- ms, and deliveries; false: any number
    _checking = false, _since = 0, _retry = 0, _told = false,
    _mean = false,    -- ms of a handler
    _number = false,  -- of the subscription that its messages come to
    _stopped = {},    -- those before it, that still come to their end: each with a list of jobs
    _returned = false, -- the last of these lists
    pulls = 0, missed = 0,
  }, Puller)
  self._pull = 0
  self._call = ("%sCONSUMER.MSG.NEXT.%s.%s"):format(link._prefix, self._stream, self._consumer)
  return self
end

-- The server sends to where it was asked to until nobody listens there: a pause is the end of a
-- subscription.
local function listen(self)
  local link = self._link
  self._inbox = ("%s.p%d."):format(link._inbox, link._number + 1)
  self._number = link:_subscribe(self, self._inbox .. "*", "", 2 ^ 20)
end

--- Takes back what was asked for. What is on its way still comes.
function Puller:stop()
  if not self._number then return end
  self._returned = { number = self._number }
  self._stopped[self._number] = self._returned
  self._link:_unsubscribe(self._number, true)
  self._number, self._asked = false, 0
end

-- Nothing more comes to a subscription: what was not begun can go back. A server (2.9) that finds
-- only when it has a message in hand that nobody listens any more keeps that one until its time is
-- up; the question has it look before.
function Puller:_drained(number)
  local list, link = self._stopped[number], self._link
  local function give()
    self._stopped[number] = nil
    if self._returned == list then self._returned = false end
    for _, job in ipairs(list) do self._owner:_give_back(job) end
    link:_forget(number)
    link:_flush()
  end
  if not link._connected or not list[1] then return give() end
  api.ask(link, ("CONSUMER.INFO.%s.%s"):format(self._stream, self._consumer), nil, LOOK_MS, give)
end

--- Gives a job back as soon as the server knows that this one listens no more.
function Puller:give_back(job)
  local list = self._returned
  if not list then return self._owner:_give_back(job) end
  list[#list + 1] = job
end

--- A handler took so long.
function Puller:took(ms)
  self._mean = self._mean and self._mean + WEIGHT * (ms - self._mean) or ms
end

-- How many may be here and asked for: those that are handled in a while, so that what this one
-- cannot do yet another may.
local function capacity(self, concurrency)
  local most = self._batch
  if not self._mean then return math.min(most, concurrency) end
  local soon = AHEAD_MS * concurrency / math.max(self._mean, AHEAD_MS / most)
  return math.min(most, math.max(concurrency, math.floor(soon)))
end

--- Asks for more when that is due.
-- @param here how many messages wait to be handled
function Puller:pull(here, concurrency)
  if not self._known or not self._link._connected then return end
  local most = capacity(self, concurrency)
  local there = here + self._asked
  if there > most / 2 then return end
  local now = C.eddy_time()
  if now < self._retry then return end
  if not self._number then listen(self) end
  local count = most - there
  self._pull = self._pull + 1
  local request = ('{"batch":%d,"expires":%.0f,"idle_heartbeat":%.0f}'):format(count,
    self._expires * 1e6, self._heartbeat * 1e6)
  local link = self._link
  if link:_publish(self._call, self._inbox .. self._pull, "", request, link._epoch) < 0 then
    self._retry = now + RETRY_MS
    return
  end
  if self._asked == 0 then self._heard = now end
  self._asked, self.pulls = self._asked + count, self.pulls + 1
end

-- What was found out about the consumer.
local function learn(self, answer)
  local config = answer.config
  local ack_wait, most = type(config) == "table" and config.ack_wait or ACK_WAIT_MS * 1e6, 0
  if type(config) == "table" then most = config.max_deliver or 0 end
  if type(config) ~= "table" or type(ack_wait) ~= "number" or type(most) ~= "number" then
    return api.strange("its settings are missing", self._owner:_describe() .. ": consumer " ..
      self._consumer)
  end
  if config.deliver_subject then
    return errors.new(numbers.EINVAL, ("%s: consumer %s pushes its messages; one that is pulled " ..
      "is needed, without deliver_subject"):format(self._owner:_describe(), self._consumer))
  end
  if config.ack_policy ~= "explicit" then
    return errors.new(numbers.EINVAL, ("%s: consumer %s has the ack_policy %s; explicit is needed")
      :format(self._owner:_describe(), self._consumer, tostring(config.ack_policy)))
  end
  self.ack_wait, self.most = ack_wait / 1e6, most > 0 and most or false
end

-- It is missing, or does not answer: told once, and tried again.
local function miss(self, err)
  local now = C.eddy_time()
  self._known = false
  self._retry = now + (api.is_passing(err) and RETRY_MS or self._heartbeat)
  if api.is_passing(err) and now - self._since < 2 * self._heartbeat then return end
  local text = err.message
  if self._told == text then return end
  self._told = text
  self._owner:_missed(err)
end

--- Looks whether the consumer is there, and how it is set; makes it where that was asked for.
function Puller:check()
  if self._checking or not self._link._connected then return end
  self._checking = true
  local function found(answer, err)
    self._checking = false
    err = err or learn(self, answer)
    if err then return miss(self, err) end
    self._known, self._told = true, false
    self._since, self._retry = C.eddy_time(), 0
    self._owner:_ready()
  end
  local function ask(fn)
    api.ask(self._link, ("CONSUMER.INFO.%s.%s"):format(self._stream, self._consumer), nil,
      self._heartbeat, fn)
  end
  ask(function(answer, err)
    local missing = err and
      (err.err_code == api.STREAM_MISSING or err.err_code == api.CONSUMER_MISSING)
    if not missing or not self._create then return found(answer, err) end
    setup.create(self._link, self, err.err_code == api.STREAM_MISSING, found)
  end)
end

-- The server ended a pull.
local refusals = {
  ["Consumer Deleted"] = true, ["Consumer is push based"] = true,
}

function Puller:_message(event)
  local list = self._stopped[event.subscription]
  if list then
    list[#list + 1] = event.status == 0 and self._owner:_job_of(event) or nil
    return
  end
  local now = C.eddy_time()
  self._heard = now
  if event.status == 0 then
    if self._asked > 0 then self._asked = self._asked - 1 end
    return self._owner:_arrived(event)
  end
  if event.status == 100 then return end
  local headers = api.headers(event)
  local left = tonumber(headers["Nats-Pending-Messages"])
  self._asked = left and math.max(0, self._asked - left) or 0
  if event.status == 408 or event.status == 404 then return self._owner:_ready() end
  -- 409, and 503, when nobody has heard the question.
  self._asked, self._retry = 0, now + RETRY_MS
  local why = headers.Description
  if event.status == 503 or refusals[why] then
    self._known, self._since = false, self._since
    return self:check()
  end
  self.refused = why
end

--- There is a server again, which knows nothing of what was asked.
function Puller:up()
  self._asked, self._known, self._retry = 0, false, 0
  self._since = C.eddy_time()
  self:check()
end

--- Nothing that was asked for will come.
function Puller:lost() self._asked, self._known = 0, false end

--- Looks after what was asked for.
function Puller:look(now)
  if self._asked > 0 and now - self._heard > 2 * self._heartbeat then
    self._asked, self.missed = 0, self.missed + 1
    self._known, self._since = false, self._heard
    self._retry = 0
  end
  if not self._known and now >= self._retry then self:check() end
end

return M
