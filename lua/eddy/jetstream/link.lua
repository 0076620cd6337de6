-- Links: connections to NATS, on a loop. What comes in goes to whom it is for; no function of a
-- script's is called from there.
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"
local api = require "eddy.jetstream.api"
local events = require "eddy.jetstream.events"
local library = require "eddy.jetstream.library"
local page = require "eddy.jetstream.page"
local futures = require "eddy.tasks.future"

local C, ffi = c.C, c.ffi
local numbers = errors.numbers
local ANY = library.EDDY_LINK_ANY

local changes, closed, ended = events.changes, events.closed, events.ended

local BUDGET = 512 -- of what came, in a turn
local TICK_MS = 100
local DRAIN_MS, DRAIN_LOOK_MS = 2000, 2 -- for what is on its way when all is to end
local MOST_MS = 3000 -- of an end that libnats does not come to: it may wait for a server
local REQUESTS = 1 -- the number of the subscription that answers come to
local MOST_ANSWERS = 2 ^ 20

--- A link. Fields: `loop`, `name`, `server` (its address; false while there is none).
---@class eddy.jetstream.Link
---@field loop eddy.Loop
---@field name string for messages to people; may be set
---@field server string|false its address; false while there is none
local Link = {
  _kind = "link",
  server = false, _most = false, _connected = false, _epoch = -1, _on_event = false,
  _problem = false, _last_call = false, _is_last = false,
  _closing = false, _told_waiting = false, _is_dirty = false, _tick = false, _page = false,
  _plain_in = 0, _plain_bytes_in = 0, _plain_out = 0, _plain_bytes_out = 0, -- of plain subjects
}
Link.__index = Link

for name, method in pairs(events.methods) do Link[name] = method end

local M = { methods = Link, ANY = ANY }

local event_type = ffi.typeof "eddy_link_event"

--- Makes a link and starts it.
-- @param settings a list of { option, value, more } for the core
-- @param options name, domain
function M.new(loop, settings, options)
  local made = ffi.new "eddy_link *[1]"
  errors.check(library.eddy_link_new(made), "connect")
  local core = ffi.gc(made[0], library.eddy_link_free)
  for _, each in ipairs(settings) do
    local result = library.eddy_link_set(core, each[1], each[2], each[3])
    if result < 0 then
      errors.misuse(("connect: %s: %s"):format(each[1]:gsub("_", ": "),
        ffi.string(library.eddy_link_problem(core))))
    end
  end
  local self = setmetatable({
    loop = loop, name = options.name or settings[1][2]:gsub("//[^/@]*@", "//"), _c = core,
    _event = event_type(), _answers = {}, _token = 0, _subscriptions = {}, _number = REQUESTS,
    _draining = {}, _streams = {}, _inbox = ffi.string(library.eddy_link_inbox(core)),
    _prefix = options.domain and "$JS." .. options.domain .. ".API." or "$JS.API.",
  }, Link)
  self._id = errors.check(C.eddy_watch_fd(loop:_core "connect", library.eddy_link_fd(core),
    C.EDDY_READ), "connect")
  loop:_adopt(self._id, self)
  loop._expected = loop._expected + 1 -- the watch alone keeps no loop alive; what waits does
  self._subscriptions[REQUESTS] = self
  library.eddy_link_subscribe(core, REQUESTS, self._inbox .. ".r.*", "", MOST_ANSWERS)
  library.eddy_link_flush(core)
  errors.check(library.eddy_link_start(core), "connect")
  self._page = page.open(loop, page.LINK, self.name, "")
  self._stop = loop:on_stop(function() self:_end_with_loop() end)
  self._stop.name = "the end of " .. self:_describe()
  return self
end

local stats_type = ffi.typeof "eddy_link_stats"

local function stats_of(self)
  local stats = stats_type()
  library.eddy_link_stats_get(self._c, stats)
  return stats
end

-- Everything that waits for something, or has to be looked at now and then, keeps the timer
-- running, and with that the loop.
local function tick(self)
  local now, is_needed = C.eddy_time(), next(self._answers) ~= nil or self._closing
  local late, streams = {}, {} -- lists: who is told may ask again
  for token, answer in pairs(self._answers) do
    if answer.till <= now then late[#late + 1] = token end
  end
  for _, token in ipairs(late) do
    local answer = self._answers[token]
    self._answers[token] = nil
    answer.fn(nil, errors.new(numbers.ETIMEDOUT, answer.what))
  end
  for stream in pairs(self._streams) do streams[#streams + 1] = stream end
  for _, stream in ipairs(streams) do
    if stream:_look(now) then is_needed = true end
  end
  self:_flush()
  if self._page and self._c then page.show_link(self._page, self, stats_of(self)) end
  if not is_needed and self._tick then
    self._tick:cancel()
    self._tick = false
  end
end

--- Something waits: the link is looked at until nothing does.
function Link:_wake()
  if self._tick or not self._id then return end
  self._tick = self.loop:call_every(TICK_MS, tick, self)
  self._tick.name = self:_describe()
end

local function flush(self)
  self._is_dirty = false
  if self._c then library.eddy_link_flush(self._c) end
end

--- Has what is queued sent, now.
function Link:_flush()
  if self._is_dirty then flush(self) end
end

--- Queues a message. 0, or -errno.
-- @param epoch of the connection that it is for, or ANY
function Link:_publish(subject, reply, headers, data, epoch)
  if not self._is_dirty then
    self._is_dirty = true
    self.loop:add_callback(flush, self)
  end
  return library.eddy_link_publish(self._c, subject, reply, headers, #headers, data, #data, epoch)
end

--- The same of one that is to be stored, for the connection that there is.
function Link:_store(subject, inbox, number, headers, has_id, data)
  if not self._is_dirty then
    self._is_dirty = true
    self.loop:add_callback(flush, self)
  end
  return library.eddy_link_store(self._c, subject, inbox, number, headers, #headers, has_id, data,
    #data, self._epoch)
end

--- Subscribes: target:_message(event) is called for what comes.
-- @return the subscription's number
function Link:_subscribe(target, subject, group, limit)
  local number = self._number + 1
  self._number, self._subscriptions[number] = number, target
  library.eddy_link_subscribe(self._c, number, subject, group, limit)
  library.eddy_link_flush(self._c)
  return number
end

--- Ends a subscription.
-- @param drains whether what is on its way still comes, until target:_drained(number) is called,
-- which calls `_forget` when it is through
function Link:_unsubscribe(number, drains)
  if not self._c then return end
  if drains then
    self._draining[number] = true
  else
    self._subscriptions[number] = nil
  end
  library.eddy_link_unsubscribe(self._c, number, drains and 1 or 0)
  library.eddy_link_flush(self._c)
end

--- Nothing is left of a subscription that was drained.
function Link:_forget(number)
  self._subscriptions[number], self._draining[number] = nil, nil
end

--- Asks: fn(event) is called with the answer, or fn(nil, err). Neither may call a script's code,
-- and the event is good until fn returns.
-- @param what for the error of a time that is up
function Link:_ask(subject, headers, data, ms, what, fn)
  if self._problem then return fn(nil, self._problem) end
  local token = self._token + 1
  self._token = token
  local result = self:_publish(subject, ("%s.r.%.0f"):format(self._inbox, token), headers, data,
    ANY)
  if result < 0 then return fn(nil, errors.new(-result, what)) end
  self._answers[token] = { till = C.eddy_time() + ms, fn = fn, what = what }
  self:_wake()
end

-- An answer.
function Link:_message(event)
  local token = event.token
  local answer = self._answers[token]
  self._answers[token] = nil
  if answer then answer.fn(event) end
end

function Link:_handle()
  local core, event, subscriptions = self._c, self._event, self._subscriptions
  for _ = 1, BUDGET do
    if library.eddy_link_next(core, event) ~= 1 then break end
    if event.kind == 1 then
      local target = subscriptions[event.subscription]
      if target then target:_message(event) end
    else
      changes[event.kind](self, event)
      if not self._c then return end
    end
  end
  self:_flush()
end

--- Calls fn(event) for what becomes of the link: { name =, server =, problem = }. The names:
-- CONNECTED, WAITING (there is no server yet), LOST, BACK, SERVER (it is another one), SERVERS (the
-- cluster told of more), ERROR, and CLOSED, whose problem is an error object or nil. Without a
-- function they are logged.
---@param fn? fun(event: { name: string, server?: string, problem?: string }): ...
function Link:on_event(fn)
  errors.check_function(fn, "on_event", true)
  self._on_event = fn or false
end

--- Whether there is a server now.
---@return boolean
function Link:connected() return self._connected end

--- Whether it is closed.
---@return boolean
function Link:closed() return not self._id end

function Link:_check_open(what)
  if not self._id or self._closing then
    error(self._problem or errors.new(numbers.ENOTSOCK, what .. ": " .. self:_describe() ..
      " is closed"), 0)
  end
end

--- Counters: messages_in, bytes_in, messages_out, bytes_out; queued, queued_bytes (no server has
-- them yet); unread (came, and was not looked at); dropped (of plain subscriptions at their limit);
-- reconnects.
---@return table<string, number>
function Link:stats()
  self:_check_open "stats"
  local stats = stats_of(self)
  return {
    messages_in = stats["in"], bytes_in = stats.in_bytes, messages_out = stats.out,
    bytes_out = stats.out_bytes, queued = stats.waiting, queued_bytes = stats.waiting_bytes,
    unread = stats.unread, dropped = stats.dropped, reconnects = stats.reconnects,
  }
end

--- The most bytes that the server takes in a message; nil while that is not known.
---@return integer?
function Link:max_payload() return self._most or nil end

-- Closes the connection when nothing more comes that would have to be given back, or is asked.
local function stop_when_drained(self)
  if not self._c or self._is_stopping then return end
  local waits = self._connected and (next(self._draining) or self._is_last and next(self._answers))
  if waits and C.eddy_time() < self._stop_at then
    return self.loop:call_later(DRAIN_LOOK_MS, stop_when_drained, self)
  end
  self._is_stopping = true
  library.eddy_link_stop(self._c, 0)
  self._last_call = self.loop:call_later(MOST_MS, closed, self)
end

--- Closes the link with all that is on it, and waits for that: a coroutine does; in the main
-- program the loop runs meanwhile.
---@param options? { drain?: number }
-- { drain = ms }: first streams finish what is in hand and store what was sent, for
-- so long (0 unless given; math.huge: for as long as it takes)
-- @return how many messages were given back or not stored
---@return integer left
function Link:close(options)
  errors.check_self(self, "close")
  local ms = api.drain_of(options)
  if not self._id then return 0 end
  local began, left = C.eddy_time(), 0
  local streams = {}
  for stream in pairs(self._streams) do
    streams[#streams + 1] = stream
    if stream._finish then stream:_finish() end
  end
  for _, stream in ipairs(streams) do
    left = left + stream:close { drain = math.max(0, ms - (C.eddy_time() - began)) }
  end
  if not self._id then return left end
  self:_end()
  self._closing:_map():await()
  return left
end

--- Closes the link with all that is on it, and waits for nothing.
function Link:_end()
  if not self._id or self._closing then return end
  local streams = {}
  for stream in pairs(self._streams) do streams[#streams + 1] = stream end
  for _, stream in ipairs(streams) do stream:close() end
  self._closing = futures.new(self.loop)
  self._closing._name = "the end of " .. self:_describe()
  self._stop_at = C.eddy_time() + DRAIN_MS
  self:_wake()
  stop_when_drained(self)
end

-- The loop ends in order: nothing more is received, and what others send is stored until they have
-- ended.
function Link:_end_with_loop()
  for stream in pairs(self._streams) do (stream._rest or stream.close)(stream) end
  local ms = self.loop._ending and self.loop._ending:await_rest() or math.huge
  self._is_last = true
  self:close { drain = ms }
end

-- The loop is being closed.
function Link:_closing_loop()
  library.eddy_link_stop(self._c, 0)
  ended(self)
end

function Link:_describe() return ('link "%s"'):format(errors.text_of(self.name)) end

function Link:__tostring() return self:_describe() .. (self._id and "" or " (closed)") end

return M
