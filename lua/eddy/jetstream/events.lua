-- What becomes of a link, for its owner: events, and the end of all that waits.
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"
local library = require "eddy.jetstream.library"
local page = require "eddy.jetstream.page"

local C, ffi = c.C, c.ffi
local numbers = errors.numbers

local M = { methods = {}, changes = {} }
local Link, changes = M.methods, M.changes

local function call(self, fn, event)
  if fn == self._on_event then self.loop:_protect(self, fn, event) end
end

-- Tells on_event, or, where that has a text, the log.
function Link:_tell(name, text, problem, server)
  if self._on_event then
    self.loop:add_callback(call, self, self._on_event,
      { name = name, server = server or self.server or nil, problem = problem })
  elseif text then
    self.loop:_log(self:_describe() .. ": " .. text)
  end
end

local REASONS = {
  [library.EDDY_LINK_REFUSED] = { "EACCES", "the server does not let it in" },
  [library.EDDY_LINK_NO_NATS] = { "EPROTO", "what answers there is no NATS server" },
  [library.EDDY_LINK_BROKEN] = { "ECONNABORTED", "it failed" },
}

-- It is closed for good: those who wait are told.
local function ended(self, err)
  if not self._id then return end
  local loop = self.loop
  loop:_abandon(self._id)
  if loop._c then C.eddy_watch_close(loop._c, self._id) end
  loop._expected = loop._expected - 1
  self._id, self._connected, self.server = false, false, false
  self._stop:cancel()
  self._problem = err or errors.new(numbers.ENOTSOCK, self:_describe() .. " is closed")
  if self._tick then self._tick:cancel() end
  self._tick = false
  if self._last_call then self._last_call:cancel() end
  page.close(self._page)
  self._page = false
  local answers, streams = self._answers, self._streams
  self._answers, self._streams = {}, {}
  local problem = self._is_last and not err and errors.cancelled or self._problem
  for _, answer in pairs(answers) do answer.fn(nil, problem) end
  for stream in pairs(streams) do stream:_link_ended(err) end
  library.eddy_link_free(ffi.gc(self._c, nil))
  self._c = nil
  if self._closing then self._closing:set_result(true) end
end

-- The same, and its on_event, or the log, is told.
local function closed(self, err)
  local on_event = self._on_event
  ended(self, err)
  if on_event then
    self.loop:add_callback(call, self, on_event, { name = "CLOSED", problem = err })
  elseif err then
    self.loop:_log(err.message)
  end
end

local function connected(self, event)
  local before = self.server
  self._connected, self._epoch, self.server = true, event.epoch, ffi.string(event.data)
  self._most = library.eddy_link_max_payload(self._c)
  for stream in pairs(self._streams) do stream:_link_up() end
  return before
end

-- What a server or libnats said, in which anything may be.
local function said(event)
  return (ffi.string(event.data, event.data_size):gsub("[^\32-\126]", "."))
end

-- By the kinds of events.

changes[library.EDDY_LINK_CONNECTED] = function(self, event)
  connected(self, event)
  self:_tell("CONNECTED", self._told_waiting and "there is a server: " .. self.server)
end

changes[library.EDDY_LINK_WAITING] = function(self, event)
  local why = said(event)
  if self._told_waiting == why then return end
  self._told_waiting = why
  self:_tell("WAITING", "no server yet (" .. why .. "); it is tried again", why)
end

changes[library.EDDY_LINK_LOST] = function(self, event)
  if self._closing then return end
  local why = said(event)
  self._connected = false
  for stream in pairs(self._streams) do stream:_link_lost() end
  self:_tell("LOST", ("lost %s%s; it is tried again"):format(tostring(self.server),
    why ~= "" and " (" .. why .. ")" or ""), why)
end

changes[library.EDDY_LINK_BACK] = function(self, event)
  local before = connected(self, event)
  self:_tell("BACK", "back, at " .. self.server)
  if before ~= self.server then self:_tell("SERVER", nil, nil, self.server) end
end

changes[library.EDDY_LINK_SERVERS] = function(self) self:_tell "SERVERS" end

changes[library.EDDY_LINK_FAILED] = function(self, event)
  local why, answer = said(event), self._answers[event.token]
  local size, most = why:match "Payload (%d+) greater than maximum allowed: (%d+)"
  if size then why = ("a message of %s bytes, and the server takes %s"):format(size, most) end
  if answer then -- what was asked could not be sent
    self._answers[event.token] = nil
    return answer.fn(nil, errors.new(size and numbers.EMSGSIZE or numbers.EIO,
      ("%s: %s"):format(answer.what, why)))
  end
  self:_tell("ERROR", why, why)
end

changes[library.EDDY_LINK_DRAINED] = function(self, event)
  self._subscriptions[event.subscription]:_drained(event.subscription)
end

changes[library.EDDY_LINK_CLOSED] = function(self, event)
  local reason, why, err = REASONS[event.status], said(event), nil
  if reason then
    err = errors.new(numbers[reason[1]], ("%s: %s (%s)"):format(self:_describe(), reason[2], why))
  end
  closed(self, err)
end

M.closed, M.ended = closed, ended

return M
