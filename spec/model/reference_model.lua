-- What a loop promises, as simply as it can be said: lists, and no cleverness. Whatever happens
-- is told to it, and it raises what must not happen.
local Model = {}
Model.__index = Model

local function violated(text, ...) error("the model says: " .. text:format(...), 0) end

local function new()
  return setmetatable({
    time = 0, turn = 0,
    timers = {}, ages = 0,
    callbacks = {},  -- queued, oldest first
    errors = 0,      -- raised by handlers
    warnings = 0,    -- of closed streams with messages queued
    stopped = false, -- nothing may be dispatched until the next run
    delivered = 0,
  }, Model)
end

-- Anything is dispatched.
local function dispatched(self)
  if self.stopped then violated("the loop was stopped, and dispatches") end
end

-- Timers.

function Model:timer_started(timer, due, period)
  self.ages = self.ages + 1
  self.timers[timer] = { due = due, age = self.ages, period = period, turn = self.turn }
end

function Model:timer_stopped(timer) self.timers[timer] = nil end

-- A turn decides which timers are due before it calls any: one that was started since then has
-- to wait, and comes later whatever its deadline.
function Model:timer_fired(timer, now)
  dispatched(self)
  local own = self.timers[timer]
  if not own then violated("a timer that was stopped fired") end
  if own.due > now then violated("a timer fired %g ms early", own.due - now) end
  if own.turn >= self.turn then violated("a timer fired in the turn that started it") end
  for _, other in pairs(self.timers) do
    local earlier = other.due < own.due or (other.due == own.due and other.age < own.age)
    if earlier and other.turn < self.turn then
      violated("a timer of %g fired before one of %g", own.due, other.due)
    end
  end
  self.timers[timer] = nil
  return own
end

-- After its handler, a periodic timer is due at the next point of its grid.
function Model:timer_again(timer, own, now)
  if self.timers[timer] then return end -- its handler started it anew
  local due = own.due + own.period
  if due <= now then
    due = own.due + (math.floor((now - own.due) / own.period) + 1) * own.period
  end
  self:timer_started(timer, due, own.period)
end

-- Callbacks.

function Model:callback_queued(callback)
  self.callbacks[#self.callbacks + 1] = callback
end

function Model:callback_called(callback)
  dispatched(self)
  if table.remove(self.callbacks, 1) ~= callback then violated("callbacks out of order") end
end

-- One direction between two streams. A message is what its sender sends as its nth.

local Way = {}
Way.__index = Way

function Model:way()
  return setmetatable({
    model = self,
    sent = 0,
    waiting = {},   -- accepted and not delivered, oldest first
    unheard = {},   -- whose sender waits for word of them, oldest first
    is_full = false, -- its sender was told that its queue is full, and not of a drain, of which
    is_told = false, -- it hears
    gone = false,   -- its receiver is closed: nothing is delivered any more
    closed = false, -- its sender is closed: nothing is told any more
    paused = true,
    drops = false,  -- its sender's queue drops what it has no room for
    discarded = 0,  -- by its receiver, of a way that drops: which ones is not known
  }, Way)
end

-- The message that would be sent next.
function Way:next() return self.sent + 1 end

function Way:accepted(number, reported)
  self.sent = number
  self.waiting[#self.waiting + 1] = number
  if reported then self.unheard[#self.unheard + 1] = number end
end

function Way:heard(number, err)
  -- A flush tells all that it has to, whatever its callbacks do.
  if not self.model.flushing then dispatched(self.model) end
  if self.closed then violated("a closed stream hears of message %d", number) end
  -- Word of what was dropped at once overtakes word of what waits.
  local position = 1
  for i = 2, self.drops and #self.unheard or 1 do
    if self.unheard[i] == number then position = i end
  end
  if table.remove(self.unheard, position) ~= number then violated("word of message %d", number) end
  if not err then return end
  if not self.drops then violated("message %d failed: %s", number, tostring(err)) end
  for i, waiting in ipairs(self.waiting) do
    if waiting == number then return table.remove(self.waiting, i) end
  end
  violated("message %d was dropped, and delivered before", number)
end

function Way:delivered(number)
  dispatched(self.model)
  if self.gone then violated("a closed stream receives message %d", number) end
  if self.paused then violated("a paused stream receives message %d", number) end
  -- What was dropped may not have been told yet.
  if self.drops then
    for i, waiting in ipairs(self.waiting) do
      if waiting == number then
        table.remove(self.waiting, i)
        self.last = self.last or 0
        if number < self.last then violated("message %d after %d", number, self.last) end
        self.last = number
        self.model.delivered = self.model.delivered + 1
        return
      end
    end
    violated("message %d twice, or never sent", number)
  end
  local expected = table.remove(self.waiting, 1)
  if number ~= expected then
    violated("message %d instead of %s", number, tostring(expected))
  end
  self.model.delivered = self.model.delivered + 1
end

-- Its receiver threw the oldest `count` away.
function Way:thrown_away(count)
  if count > #self.waiting then violated("%d discarded of %d", count, #self.waiting) end
  if self.drops then
    self.discarded = self.discarded + count
    return
  end
  for _ = 1, count do table.remove(self.waiting, 1) end
end

-- The queue is full, or has drained, which its sender is told in turns.
function Way:full()
  dispatched(self.model)
  if self.closed then violated("a closed stream is full") end
  if self.is_full then violated("a queue is full that was told so before") end
  self.is_full = self.is_told
end

-- Whether its sender hears of drains.
function Way:hears_drains(on) self.is_told, self.is_full = on, self.is_full and on end

function Way:drained()
  dispatched(self.model)
  if self.closed then violated("a closed stream has drained") end
  self.is_full = false
end

-- The sender is closed, and `lost` messages with it: the youngest.
function Way:sender_closed(lost)
  self.closed, self.unheard = true, {}
  if lost > 0 then self.model.warnings = self.model.warnings + 1 end
  -- Others may have been dropped before, of which nobody is told any more.
  for _ = 1, self.drops and 0 or lost do
    if not table.remove(self.waiting) and not self.gone then violated("more lost than sent") end
  end
end

function Way:receiver_closed() self.gone = true end

-- Whether all is told that has to be.
function Way:settled()
  if self.gone or (self.closed and self.drops) then return true end
  return #self.unheard == 0 and #self.waiting == self.discarded
end

-- Whether everything that has to happen has happened.
function Model:settled(ways)
  for _, way in ipairs(ways) do
    if not way:settled() then return false end
  end
  return #self.callbacks == 0 and next(self.timers) == nil
end

return new
