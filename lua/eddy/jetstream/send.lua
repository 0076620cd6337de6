-- What is stored in a stream: kept here until the server says that it has it, sent again when a
-- connection was lost, in its order.
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"
local api = require "eddy.jetstream.api"
local library = require "eddy.jetstream.library"

local C, ffi = c.C, c.ffi

local numbers = errors.numbers

local RETRY_MS = 250    -- when nobody takes it just now
local ANSWER_MS = 5000  -- after which an answer is not waited for any more
local REFILL = 0.75     -- of a window
local HEADER_BYTES = 64 -- what a message is counted with beside its bytes
local ID_BYTES = 32     -- of the header that has its id, beside its inbox

local Sender = {}
Sender.__index = Sender

local M = {}

--- Makes one.
-- @param owner `_sent(data, callback, job, err)` is told what became of a message, `_room()` that
-- there is room
-- @param subject where messages go that say nothing else
-- @param window how many are on their way at a time
function M.new(link, owner, name, subject, window)
  local self = setmetatable({
    _link = link, _owner = owner, _name = name, _subject = subject, _window = window,
    -- Until the server has them: the data of a message, or a table where there is more to it;
    -- false: it is done.
    _queue = {}, _first = 1, _last = 0,
    _next = 1,    -- the next to be sent
    _beyond = 1,  -- the first that never was
    _flying = 0, _bytes = 0, _retry = 0,
    _moved = 0,       -- when the oldest one was done, or sent
    _is_full = false, -- so many are on their way as may be
    _holes = 0,       -- of entries between others, what is done
    _asking = {},     -- who has their subjects
    held = false,     -- nothing is sent before its stream is made
    stored = 0, stored_bytes = 0, duplicates = 0, failed = 0, resent = 0,
  }, Sender)
  self._inbox = ("%s.s%d."):format(link._inbox, link._number + 1)
  self._number = link:_subscribe(self, self._inbox .. "*", "", 2 ^ 20)
  return self
end

--- How many are not stored yet, and their bytes.
function Sender:count() return self._last - self._first + 1 - self._holes end

function Sender:bytes() return self._bytes end

local function size_of(entry)
  if type(entry) == "string" then return #entry + HEADER_BYTES end
  return #entry.data + #entry.headers + HEADER_BYTES
end

-- It is stored, or never will be.
local function done(self, place, entry, err)
  local queue = self._queue
  queue[place] = false
  if place < self._next then self._flying = self._flying - 1 end
  self._bytes, self._holes = self._bytes - size_of(entry), self._holes + 1
  if place == self._first then
    local first, holes, last = place, self._holes, self._last
    while first <= last and queue[first] == false do
      queue[first] = nil
      first, holes = first + 1, holes - 1
    end
    self._first, self._holes, self._moved = first, holes, C.eddy_time()
    if self._next < first then self._next = first end
  end
  if err then self.failed = self.failed + 1 end
  if type(entry) == "string" then return self._owner:_sent(entry, false, false, err) end
  self._owner:_sent(entry.data, entry.callback, entry.job, err)
end

--- The error of a message of so many bytes, of which its headers have some; nil when the server
-- takes it, or it is not known what it takes.
function Sender:too_large(size, header_size)
  local most = self._link:max_payload()
  header_size = api.BEGIN_BYTES + header_size + #self._inbox + ID_BYTES
  if not most or size + header_size <= most then return nil end
  return errors.new(numbers.EMSGSIZE, ("send: %s: a message of %d bytes, and %d for its " ..
    "headers, and the server takes %d"):format(self._name, size, header_size, most))
end

local function refusal(self, entry)
  if type(entry) == "string" then return self:too_large(#entry, 0) end
  return self:too_large(#entry.data, api.encoded_size(entry.headers))
end

-- Sends the message at a place. 0, or -errno.
local function put(self, place, entry)
  local link = self._link
  if type(entry) == "string" then
    return link:_store(self._subject, self._inbox, place, "", 0, entry)
  end
  return link:_store(entry.subject, self._inbox, place, entry.headers, entry.has_id, entry.data)
end

local function pump(self)
  local link = self._link
  if not link._connected or self.held then return end
  -- A window that was full is filled again when there is something to fill.
  if self._is_full and self._flying > self._window * REFILL then return end
  if self._next > self._last then return end
  local queue, now = self._queue, C.eddy_time()
  if now < self._retry then return end
  if self._flying == 0 then self._moved = now end
  while self._next <= self._last and self._flying < self._window do
    local place = self._next
    local entry = queue[place]
    local is_new = place >= self._beyond
    local err = entry and refusal(self, entry)
    if err then
      done(self, place, entry, err)
    elseif entry then
      if put(self, place, entry) < 0 then
        self._retry = now + RETRY_MS
        break
      end
      if not is_new then self.resent = self.resent + 1 end
      self._flying = self._flying + 1
    end
    self._next = place + 1
    if is_new then self._beyond = place + 1 end
  end
  self._is_full = self._flying >= self._window
end

--- Sends from the oldest on again.
function Sender:again(delay)
  self._next, self._flying, self._is_full = self._first, 0, false
  self._retry = delay and C.eddy_time() + delay or 0
  pump(self)
end

--- Queues a message.
-- @param subject, id, headers false where there is none
-- @param callback, job what the owner knows it by: false where there is none
function Sender:add(subject, id, headers, data, callback, job)
  local entry = data
  if subject or id or headers or callback or job then
    headers = headers or ""
    if id then headers = headers .. "Nats-Msg-Id\0" .. id .. "\0" end
    entry = { subject = subject or self._subject, data = data, headers = headers,
      has_id = id and 1 or 0, callback = callback, job = job }
  end
  self._last = self._last + 1
  self._queue[self._last] = entry
  self._bytes = self._bytes + size_of(entry)
  self._link:_wake()
  pump(self)
end

-- Nobody took it: no stream has its subject, or just now no server of a cluster leads it.
local function unclaimed(self, place, entry)
  if self._asking[place] then return end
  self._asking[place] = true
  self:again(RETRY_MS)
  local subject = type(entry) == "table" and entry.subject or self._subject
  api.ask(self._link, "STREAM.NAMES", { subject = subject }, ANSWER_MS,
    function(answer, err)
      self._asking[place] = nil
      if self._queue[place] ~= entry then return end
      local problem = err and not api.is_passing(err) and err
      local names = answer and answer.streams
      if answer and (type(names) ~= "table" or #names == 0) then
        problem = errors.new(numbers.ENOENT, ("send: %s: no stream takes the subject %s"):format(
          self._name, subject))
      end
      if problem then done(self, place, entry, problem) end
      pump(self)
    end)
end

local function failed(self, place, entry, event)
  local what = ("send: %s: %s"):format(self._name,
    type(entry) == "table" and entry.subject or self._subject)
  local _, err = api.answer_of(event, what)
  err = err or api.strange(ffi.string(event.data, event.data_size), what)
  if api.is_passing(err) then return self:again(RETRY_MS) end
  done(self, place, entry, err)
  pump(self)
end

-- The server's answer.
function Sender:_message(event)
  local place = event.token
  local entry = self._queue[place]
  if not entry then return end
  if event.status == 503 then return unclaimed(self, place, entry) end
  if library.eddy_link_has(event, '"error"') == 1 or library.eddy_link_has(event, '"seq"') == 0 then
    return failed(self, place, entry, event)
  end
  self.stored = self.stored + 1
  self.stored_bytes = self.stored_bytes + size_of(entry) - HEADER_BYTES
  if library.eddy_link_has(event, '"duplicate"') == 1 then self.duplicates = self.duplicates + 1 end
  done(self, place, entry)
  pump(self)
end

--- Looks for answers that did not come. Whether anything waits.
function Sender:look(now)
  if self._first > self._last then return false end
  if self._next > self._first and now - self._moved > ANSWER_MS then
    self:again()
  else
    pump(self)
  end
  return true
end

--- Gives all up that is not stored: they are told. How many.
function Sender:close(err)
  self._link:_unsubscribe(self._number)
  local queue, count = self._queue, 0
  local first, last = self._first, self._last
  self._queue, self._first, self._last, self._bytes, self._holes = {}, 1, 0, 0, 0
  for place = first, last do
    local entry = queue[place]
    if entry then
      count = count + 1
      if type(entry) == "string" then
        self._owner:_sent(entry, false, false, err)
      else
        self._owner:_sent(entry.data, entry.callback, entry.job, err)
      end
    end
  end
  return count
end

return M
