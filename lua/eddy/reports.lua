-- Word of what became of a stream's messages: what on_send, or a send's own callback, hears.
local watchdog = require "eddy.watchdog"

local M = {}

--- Remembers a message of which the core will tell what became of it.
function M.remember(self, msg, callback)
  if not self._sent then self._sent = {} end
  self._sent_last = self._sent_last + 1
  self._sent[self._sent_last] = { msg, callback or false }
end

--- Tells of a message that was dropped at once, in the next turn, as an event would.
function M.dropped(self, msg, callback, err)
  self.loop:add_callback(function()
    local fn = self._id and (callback or self._on_send)
    if fn then self.loop:_protect(self, fn, msg, err) end
  end)
end

-- The oldest message that somebody waits for word of went out, or failed.
local function report(self, err)
  local first = self._sent_first
  local entry = self._sent[first]
  self._sent[first], self._sent_first = nil, first + 1
  local callback = entry[2] or self._on_send
  if watchdog.on then watchdog.beat() end
  if callback then self.loop:_protect(self, callback, entry[1], err) end
end

--- Tells of `count` messages that went out; after a stop, of the rest when the loop runs again.
function M.sent(self, count)
  for told = self._told, count - 1 do
    if not self._sent then return end
    if self.loop._stop then
      self._told = told
      return self.loop:_again()
    end
    report(self)
  end
  self._told = 0
end

--- Tells that the oldest message failed.
function M.failed(self, err)
  if self._sent then report(self, err) end
end

return M
