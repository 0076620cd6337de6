-- A stream of JetStream's, on a loop: what its consumer brings, and what is stored in it.
local errors = require "eddy.base.errors"
local methods = require "eddy.base.methods"
local api = require "eddy.jetstream.api"
local links = require "eddy.jetstream.link"
local page = require "eddy.jetstream.page"
local pulls = require "eddy.jetstream.pull"
local receiving = require "eddy.jetstream.receive"
local sending = require "eddy.jetstream.send"
local setup = require "eddy.jetstream.setup"
local store = require "eddy.jetstream.store"
local turns = require "eddy.jetstream.turns"
local dispatch = require "eddy.loop.dispatch"
local room = require "eddy.stream.room"
local futures = require "eddy.tasks.future"

local numbers = errors.numbers
local pull, refused = receiving.pull, store.refused

local RETRY_MS = 250 -- where a cluster has no leader just now
local WINDOW = 256 -- messages that are on their way to be stored

--- A stream. Fields: `loop`, `link`, `name` (for messages to people; may be set).
---@class eddy.jetstream.Stream
---@field loop eddy.Loop
---@field link eddy.jetstream.Link
---@field name string for messages to people; may be set
local Stream = {
  _kind = "stream",
  _on_recv = false, _on_send = false, _on_err = false, _on_full = false, _on_drain = false,
  _on_close = false,
  _concurrency = 1, _inside = 0, _queued = false, _is_closed = false, _finishing = false,
  _is_resting = false, _job = false, _line = false, _full = false, _ended = false,
  _said = 0, _own = 0,
}
Stream.__index = Stream

for _, part in ipairs { receiving, store } do
  for name, method in pairs(part.methods) do Stream[name] = method end
end
Stream.set_concurrency = turns.set_concurrency

local M = { class = Stream }

local OPTIONS = {
  stream = true, consumer = true, subject = true, batch = true, heartbeat = true, expires = true,
  backoff = true, max_deliver = true, dead = true, create = true, window = true, name = true,
}

local function whole(options, name, default, least)
  local value = options[name]
  if value == nil then return default end
  if type(value) ~= "number" or value < least or value % 1 ~= 0 then
    errors.misuse(("stream: %s: expected a whole number of at least %d, got %s"):format(name, least,
      errors.typed(value)))
  end
  return value
end

local function check_times(options)
  local heartbeat = whole(options, "heartbeat", 5000, 100)
  local expires = whole(options, "expires", math.max(30000, 2 * heartbeat), 1000)
  if heartbeat * 2 > expires then
    errors.misuse(("stream: heartbeat: %d ms are more than half of what expires has, %d ms")
      :format(heartbeat, expires))
  end
  return heartbeat, expires
end

local function check_backoff(backoff)
  if backoff == nil then return { 1000, 5000, 30000 } end
  if type(backoff) ~= "table" or #backoff == 0 then
    errors.misuse("stream: backoff: expected a list of ms, got " .. errors.typed(backoff))
  end
  for _, ms in ipairs(backoff) do errors.check_ms(ms, "stream: backoff") end
  return backoff
end

--- Makes one. See `link:stream`.
function M.new(link, options)
  errors.check_fields(options, OPTIONS, "stream")
  api.check_name(options.stream, "stream: stream")
  local consumer = options.consumer
  if consumer ~= nil then api.check_name(consumer, "stream: consumer") end
  for _, name in ipairs { "subject", "dead" } do
    if options[name] ~= nil then api.check_subject(options[name], "stream: " .. name) end
  end
  if options.create ~= nil then setup.check(options.create, "stream: create") end
  local heartbeat, expires = check_times(options)
  local batch = whole(options, "batch", 64, 1)
  local self = setmetatable({
    link = link, loop = link.loop, _options = options, _subject = options.subject,
    name = options.name or ("%s%s at %s"):format(options.stream,
      consumer and "/" .. consumer or "", link.name),
    _waiting = {}, _first = 1, _last = 0, -- that wait to be handled
    _held = {},                        -- those whose handlers wait
    -- Sends whose end is to be told: function, data and error of each.
    _done = {}, _told = false, _done_count = 0,
    _dead = options.dead or false, _most = whole(options, "max_deliver", false, 1),
    _backoff = check_backoff(options.backoff),
    _most_messages = math.huge, _most_bytes = store.SEND_BYTES,
    _counts = { received = 0, bytes = 0, redelivered = 0, handled = 0, raised = 0, acks = 0,
      naks = 0, terms = 0, progress = 0, parked = 0, pending = 0, unanswered = 0 },
  }, Stream)
  self._sender = sending.new(link, self, self.name, options.subject,
    whole(options, "window", WINDOW, 1))
  self._puller = consumer and pulls.new(link, self, {
    stream = options.stream, consumer = consumer, create = options.create,
    heartbeat = heartbeat, expires = expires, batch = batch,
  })
  self._sender.held = options.create ~= nil
  self._page = page.open(self.loop, page.STREAM, self.name, "")
  link._streams[self] = true
  if link._connected then self:_link_up() end
  return self
end

local function check_open(self, what)
  if self._is_closed then
    error(errors.new(numbers.ENOTSOCK, what .. ": the stream " .. self.name .. " is closed"), 0)
  end
end

Stream._check_open = check_open

--- Why there is nothing: to on_err, or the log, unless nobody wants anything any more.
function Stream:_missed(err)
  if not self._is_closed and self.link._id then self:_fail(err) end
end

-- Calls a function of the script's, unless the stream was closed meanwhile.
function Stream:_call(fn, ...)
  if not self._is_closed and fn then self.loop:_protect(self, fn, ...) end
end

function Stream:_fail(err)
  if self._on_err then return self.loop:add_callback(self._call, self, self._on_err, err) end
  self.loop:_log(self:_describe() .. ": " .. err.message)
end

-- What `create` names is there.
local function created(self)
  if not self._sender.held then return end
  self._sender.held = false
  self._sender:again()
end

-- The consumer is there, and nothing is asked of it.
function Stream:_ready()
  created(self)
  pull(self)
end

-- Has a stream without a consumer made, where that was asked for.
local function create(self)
  if self._is_closed then return end
  setup.create_stream(self.link, self._options.stream, self._options.create, function(err)
    if self._is_closed then return end
    if err and api.is_passing(err) then
      return self.link._connected and self.loop:call_later(RETRY_MS, create, self)
    end
    if err then self:_fail(err) end
    created(self)
  end)
end

--- Calls fn(msg, job) for each message, `msg` being the list of its one frame. When it has
-- returned, and what it waits for has come, the message is acknowledged; when it raises, it is
-- delivered again after a while. nil pauses: no more are asked for, and those that were not begun
-- are given back.
---@param fn? fun(msg: string[], job: eddy.jetstream.Job): ...
function Stream:on_recv(fn)
  errors.check_function(fn, "on_recv", true)
  check_open(self, "on_recv")
  if fn and not self._puller then
    errors.misuse("on_recv: " .. self.name ..
      ": name the consumer: link:stream { stream = ..., consumer = ... }")
  end
  self._on_recv = fn or false
  if not fn then return self:_return_waiting() end
  self.link:_wake()
  if self._puller._known then pull(self) else self._puller:check() end
end

--- The same as `on_recv(nil)`.
function Stream:stop_on_recv() self:on_recv(nil) end

--- Calls fn(msg, err) for each message that was sent, when the server has stored it, or with an
-- error.
---@param fn? fun(msg: string[], err: eddy.Error?): ...
function Stream:on_send(fn)
  errors.check_function(fn, "on_send", true)
  check_open(self, "on_send")
  self._on_send = fn or false
end

--- Calls fn(err) for what fails: the stream or consumer is missing, a message could not be stored.
---@param fn? fun(err: eddy.Error): ...
function Stream:on_err(fn)
  errors.check_function(fn, "on_err", true)
  check_open(self, "on_err")
  self._on_err = fn or false
end

--- Calls fn(stream) when what waits to be stored has reached its limit.
---@param fn? fun(stream: eddy.jetstream.Stream): ...
function Stream:on_full(fn)
  errors.check_function(fn, "on_full", true)
  check_open(self, "on_full")
  self._on_full = fn or false
end

--- Calls fn(stream) when it is down to half of it.
---@param fn? fun(stream: eddy.jetstream.Stream): ...
function Stream:on_drain(fn)
  errors.check_function(fn, "on_drain", true)
  check_open(self, "on_drain")
  self._on_drain = fn or false
end

--- Calls fn() when the stream is closed.
---@param fn? fun(): ...
function Stream:on_close(fn)
  errors.check_function(fn, "on_close", true)
  check_open(self, "on_close")
  self._on_close = fn or false
end

-- The link has a server.
function Stream:_link_up()
  self._sender:again()
  if self._puller and (self._on_recv or self._sender.held) then
    self._puller:up()
  elseif self._sender.held then
    create(self)
  end
end

function Stream:_link_lost()
  if self._puller then self._puller:lost() end
end

-- Looks after what is in hand. Whether anything is.
function Stream:_look(now)
  if self._page then page.show_stream(self._page, self) end
  local waits = self._sender:look(now)
  local puller = self._puller
  if not puller then return waits or self._finishing end
  local receives = self._on_recv and not self._is_resting
  if (receives or self._sender.held) and not self._finishing then
    puller:look(now)
    pull(self)
  end
  self:_say_progress(now)
  return waits or self._on_recv ~= false or next(self._held) ~= nil or self._finishing
end

--- Whether messages are not stored yet.
---@return boolean
function Stream:sending() return self._sender:count() > 0 end

--- Whether a function is set that receives.
---@return boolean
function Stream:receiving() return self._on_recv ~= false end

--- Whether it is closed.
---@return boolean
function Stream:closed() return self._is_closed end

--- Counters: received, bytes (of those), redelivered, handled, raised, acks, naks, terms, progress,
-- parked, unanswered (answers that could not be sent), pending (how many were behind the last one
-- that came), waiting (not begun), in_hand; pulls, missed_heartbeats; stored, duplicates, resent,
-- failed, queued, queued_bytes.
---@return table<string, number>
function Stream:stats()
  check_open(self, "stats")
  local stats, sender, puller = {}, self._sender, self._puller
  for name, value in pairs(self._counts) do stats[name] = value end
  stats.waiting, stats.in_hand = self._last - self._first + 1, self._inside
  stats.stored, stats.duplicates, stats.failed = sender.stored, sender.duplicates, sender.failed
  stats.resent = sender.resent
  stats.queued, stats.queued_bytes = sender:count(), sender:bytes()
  stats.pulls = puller and puller.pulls or 0
  stats.missed_heartbeats = puller and puller.missed or 0
  return stats
end

--- Receives no more: gives back what was not begun.
function Stream:_rest()
  if self._is_resting then return end
  self._is_resting, self._returned = true, self:_return_waiting()
end

-- Takes no more, in either direction.
function Stream:_finish()
  if self._finishing then return end
  self._finishing = true
  self:_rest()
  self.link:_wake()
end

function Stream:_is_idle()
  return self._inside <= self._own and self._sender:count() == 0
end

-- Whoever waits for the end is told when nothing is in hand.
function Stream:_check_end()
  local ended = self._ended
  if ended and self:_is_idle() and not ended:done() then
    ended:set_result(true)
  end
end

-- Closes it now. How many messages are given back, or lost.
local function close(self, err)
  if self._is_closed then return 0 end
  local count = (self._returned or 0) + self:_return_waiting()
  self._returned = 0
  for job in pairs(self._held) do
    if not job._settled then
      self:_return(job)
      count = count + 1
    end
  end
  self._held, self._is_closed, self._on_recv = {}, true, false
  page.close(self._page)
  self._page = false
  local lost = self._sender:close(err or refused(self, numbers.ENOTSOCK, " was closed"))
  self.link:_flush()
  local on_close = self._on_close
  self.link._streams[self] = nil
  room.fail(self, refused(self, numbers.ENOTSOCK, " was closed"))
  if self._ended and not self._ended:done() then self._ended:set_result(true) end
  if lost > 0 then
    self.loop:_log(("%s closed with %d message%s not stored"):format(self:_describe(), lost,
      lost == 1 and "" or "s"))
  end
  if on_close then self.loop:_protect(self, on_close) end
  return count + lost
end

--- Closes the stream. What was not begun is given back, for others to have.
---@param options? { drain?: number }
-- { drain = ms }: first waits, for up to so long, until the handlers that wait have
-- ended and what was sent is stored. Who calls it waits for that: a coroutine, as handlers and
-- tasks are, or the main program, for which the loop runs
-- @return how many messages were given back, or are not stored
---@return integer left
function Stream:close(options)
  errors.check_self(self, "close")
  local ms = api.drain_of(options)
  if self._is_closed then return 0 end
  self:_finish()
  -- The handler that calls it has not ended, and does not wait for itself.
  self._own = dispatch.target_of(coroutine.running()) == self and 1 or 0
  if ms > 0 and not self:_is_idle() then
    self._ended = self._ended or futures.new(self.loop)
    self._ended._name = "the end of " .. self:_describe()
    local wait = self._ended:_map()
    local timer = ms < math.huge and self.loop:call_later(ms, function() wait:cancel() end)
    wait:await()
    if timer then timer:cancel() end
  end
  return close(self)
end

-- The link is closed for good.
function Stream:_link_ended(err)
  if err then
    local on_err = self._on_err
    if on_err then self.loop:add_callback(function() self.loop:_protect(self, on_err, err) end) end
  end
  close(self, err)
end

function Stream:_describe() return ('stream "%s"'):format(errors.text_of(self.name)) end

function Stream:__tostring()
  return ("stream (%s)%s"):format(self.name, self._is_closed and " (closed)" or "")
end

---@class eddy.jetstream.Link
local Link = links.methods

---@class (exact) eddy.jetstream.StreamOptions
---@field stream string its name
---@field consumer? string whose messages come: for on_recv
---@field subject? string where `send` goes unless it says so
---@field batch? integer how many are asked for at a time (64)
---@field heartbeat? number ms (5000): of silence, twice, before the server is asked again
---@field expires? number ms (30000) after which the server forgets that it was asked
---@field backoff? number[] after how many ms what failed comes again, by deliveries
---@field max_deliver? integer how often
---@field dead? string the subject where it is stored after that
---@field create? eddy.jetstream.CreateOptions what is missing is made with these
---@field window? integer how many are on their way to be stored at a time (256)
---@field name? string for messages to people

--- A stream of JetStream's.
---@param options eddy.jetstream.StreamOptions
---@return eddy.jetstream.Stream
function Link:stream(options)
  self:_check_open "stream"
  return M.new(self, options)
end

methods(Stream, "stream")

return M
