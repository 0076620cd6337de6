-- Texts that come again and again: so many of a kind in a minute are written, of the others their
-- number, when the minute is over.
local c = require "eddy.base.libeddy"
local errors = require "eddy.base.errors"

local C = c.C

local WINDOW_MS = 60000
local LONGEST = 400    -- of the text that makes a kind
local MOST_KINDS = 100 -- in a minute; what is of none of these is of one kind

local M = {}

local Repeats = {}
Repeats.__index = Repeats

--- Raises unless a value is a bound.
function M.check(limit, name, what)
  if type(limit) == "number" and limit >= 1 then return end
  errors.misuse(("%s: expected %s from 1, got %s"):format(name, what, tostring(limit)))
end

--- A bound.
-- @param limit how many of a kind in a minute; math.huge for all
-- @param write called with what `put` got: write(text, extra)
-- @param tell called with what is to be said of those that were left out, "repeated 1,234 times:
-- TEXT", and the `extra` of the first one
function M.new(limit, write, tell)
  return setmetatable({ limit = limit, _write = write, _tell = tell, _kinds = {}, _list = {},
    _began = 0, _timer = false }, Repeats)
end

-- Texts are of one kind whose first lines differ in numbers alone. Those in names ("worker2") and
-- of lines in files ("app.lua:12") are none.
local function kind_of(text)
  local first = text:match("^[^\n]*"):sub(1, LONGEST)
  return (first:gsub("([^%w:.])%d[%w.]*", "%1#"):gsub("^%d[%w.]*", "#"))
end

local function with_commas(number)
  local text = ("%.0f"):format(number):reverse():gsub("(%d%d%d)", "%1,"):reverse()
  return (text:gsub("^,", ""))
end

--- Writes how many texts were left out, and begins anew.
function Repeats:tell()
  local list = self._list
  self._kinds, self._list, self._began = {}, {}, C.eddy_time()
  if self._timer then self._timer:stop() end
  self._timer = false
  for _, kind in ipairs(list) do
    local more = kind.count - self.limit
    if more > 0 then
      self._tell(("repeated %s times: %s"):format(with_commas(more), kind.text), kind.extra)
    end
  end
end

-- A minute from now, if a loop runs then; else with what comes next, or at the end.
local function tell_later(self, loop)
  if self._timer and self._timer:active() or not loop then return end
  local ok, timer = pcall(loop.call_later, loop, WINDOW_MS, self.tell, self)
  if not ok then return end -- it is being closed
  self._timer = timer:unref()
  timer.name = "repeated log lines"
end

local function find(self, text)
  local name = kind_of(text)
  local kind = self._kinds[name]
  if kind then return kind end
  if #self._list >= MOST_KINDS then
    name = ("what is of none of %d other kinds"):format(MOST_KINDS)
    if self._kinds[name] then return self._kinds[name] end
  end
  kind = { count = 0, text = false }
  self._kinds[name], self._list[#self._list + 1] = kind, kind
  return kind
end

--- Writes a text, unless there were too many of its kind lately.
-- @param loop one that can tell of them later; optional
-- @param extra for `write`; of one that is left out it may be kept for a minute
function Repeats:put(loop, text, extra)
  if self.limit == math.huge then return self._write(text, extra) end
  if C.eddy_time() - self._began >= WINDOW_MS then self:tell() end
  local kind = find(self, text)
  kind.count = kind.count + 1
  if kind.count <= self.limit then return self._write(text, extra) end
  if kind.text then return end
  kind.text, kind.extra = text:match "^[^\n]*", extra
  tell_later(self, loop)
end

return M
