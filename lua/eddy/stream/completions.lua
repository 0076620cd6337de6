-- Send completions: what on_send, or a send's own callback, is called with.
local c = require "eddy.base.libeddy"
local watchdog = require "eddy.loop.watchdog"

local C, ffi = c.C, c.ffi
local IDLY = C.EDDY_REPORT_IDLY
local SENT, SEND_FAILED, NUMBERS = C.EDDY_SENT, C.EDDY_SEND_FAILED, C.EDDY_NUMBERS
-- How many messages are kept for an on_send that may yet be set: so few that no loop that sends is
-- hot before it ends, for what LuaJIT compiles meanwhile has it all in, for ever after.
local MOST_EARLY = 32

local M = {}

-- Where a stream has what the core is told at each send that has no callback: EDDY_REPORT_IDLY
-- while on_send is to hear of it, or may still be set for it, else 0.
local REPORT = 2
M.REPORT = REPORT

--- Sets who is told; the first one also of what was sent before, while that is early.
function M.listen(self, fn)
  self._on_send = fn or false
  if fn then self._early = false end
  self[REPORT] = (fn or self._early) and IDLY or 0
  C.eddy_stream_await_word(self.loop._c, self._id, fn and 1 or 0)
end

local function end_early(self)
  if not self._early then return end
  self._early, self[REPORT] = false, self._on_send and IDLY or 0
end

local function call(self, fn, msg, err)
  if self._id and fn then self.loop:_protect(self, fn, msg, err) end
end

--- Remembers a message of which the core will tell what became of it.
-- @param number the core's
function M.remember(self, number, msg, callback)
  local sent = self._sent or {}
  self._sent, sent[number] = sent, { msg, callback or false }
  local word = self._words and self._words[number]
  if word then -- a flush that ran between the send and this was told already
    sent[number], self._words[number] = nil, nil
    self.loop:add_callback(call, self, callback or self._on_send, msg, word.err)
  end
  if number >= MOST_EARLY then end_early(self) end
end

--- Tells of a message that was dropped at once, in the next turn, as an event would.
function M.dropped(self, msg, callback, err)
  self.loop:add_callback(function()
    local fn = self._id and (callback or self._on_send)
    if fn then self.loop:_protect(self, fn, msg, err) end
  end)
end

--- Takes a message whose completion somebody waits for; nil when the stream was closed, and for
-- one that is still to be remembered, which gets its completion then.
-- @param number how many such messages there were with it
-- @param err nil when it went out
function M.take(self, number, err)
  end_early(self)
  if not self._id then return end
  if number >= NUMBERS then number = number % NUMBERS end
  local entry = self._sent and self._sent[number]
  if not entry then
    self._words = self._words or {}
    self._words[number] = { err = err }
    return
  end
  self._sent[number] = nil
  return entry
end

--- Whether such a message has a callback of its own.
function M.has_callback(self, number)
  local entry = self._sent and self._sent[number % NUMBERS]
  return entry and entry[2] ~= false
end

--- Tells what became of such a message.
-- @param err nil when it went out
function M.tell(self, entry, err)
  if watchdog.on then watchdog.beat() end
  if entry then call(self, entry[2] or self._on_send, entry[1], err) end
end

--- Tells of the messages of an event that went out, and takes them out of it.
-- @param stops whether a stop leaves the rest for when the loop runs again
function M.sent(self, event, stops)
  local loop = self.loop
  local this, turn = loop._run, loop._turns
  while event.value > 0 and self._id do
    if stops and loop._stop then return loop:_again() end
    local number = event.number
    event.value, event.number = event.value - 1, number + 1
    -- When the callback waits, whoever takes over tells of the rest.
    local has_rest = stops and event.value > 0
    if has_rest then loop:_again() end
    M.tell(self, M.take(self, number))
    if loop._run ~= this or loop._turns ~= turn then return end
    if has_rest then loop:_done() end
  end
end

--- Tells at once what a turn would tell: first what this turn's events have left.
function M.now(self)
  local loop = self.loop
  local events = C.eddy_loop_events(loop._c)
  local word = ffi.new("eddy_event")
  local function tell(event)
    if event.kind == SENT then M.sent(self, event, false) else self:_handle(event) end
  end
  local this, turn = loop._run, loop._turns
  for i = loop._event_next, loop._event_last - 1 do
    local event = events[i]
    if event.id == self._id and (event.kind == SENT or event.kind == SEND_FAILED) then
      tell(event)
      if not self._id then return end
      if loop._run ~= this or loop._turns ~= turn then break end -- it waited
    end
  end
  while self._id and C.eddy_stream_word(loop._c, self._id, word) == 1 do tell(word) end
end

return M
