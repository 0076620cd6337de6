-- Counters, gauges and histograms. Each has its number at `_at`: on the counters page, or in
-- memory of its own. To count is to add there, which LuaJIT compiles to a few instructions.
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"

local C = c.C
local HUGE = math.huge

local M = {}

---@class eddy.Counter
---@field with fun(self, labels: table<string, any>): eddy.Counter the one with these labels
local Counter = {}
---@class eddy.Gauge
---@field with fun(self, labels: table<string, any>): eddy.Gauge the one with these labels
local Gauge = {}
---@class eddy.Histogram
---@field with fun(self, labels: table<string, any>): eddy.Histogram the one with these labels
local Histogram = {}

-- What is wrong with a call that found no number, or was given none.
local function refuse(self, call, value)
  errors.check_self(self, call, "metric")
  local what = ("%s: %s"):format(call, tostring(self._family and self._family.name))
  if not self._at then
    errors.misuse(("%s: it has labels: with { %s } has the number"):format(what,
      self._family:example()))
  end
  local kind = call == "set" and "a number" or "a number from 0 on"
  errors.misuse(("%s: expected %s, got %s"):format(what, kind, errors.typed(value)))
end

--- Adds to it.
---@param amount? number from 0 on; 1 unless given
function Counter:inc(amount)
  local at = type(self) == "table" and self._at
  if amount == nil then amount = 1 end
  if not at or type(amount) ~= "number" or not (amount >= 0 and amount < HUGE) then
    refuse(self, "inc", amount)
  end
  at.value = at.value + amount
end

--- What was counted.
---@return number
function Counter:value()
  local at = type(self) == "table" and self._at
  if not at then refuse(self, "value") end
  return at.value
end

Gauge.inc, Gauge.value = Counter.inc, Counter.value

--- Takes from it.
---@param amount? number from 0 on; 1 unless given
function Gauge:dec(amount)
  local at = type(self) == "table" and self._at
  if amount == nil then amount = 1 end
  if not at or type(amount) ~= "number" or not (amount >= 0 and amount < HUGE) then
    refuse(self, "dec", amount)
  end
  at.value = at.value - amount
end

--- Sets it.
---@param value number
function Gauge:set(value)
  local at = type(self) == "table" and self._at
  if not at or type(value) ~= "number" or value ~= value then refuse(self, "set", value) end
  at.value = value
end

--- Counts a value in its bucket: seconds, bytes, from 0 on.
---@param value number
function Histogram:observe(value)
  local at = type(self) == "table" and self._at
  if not at or type(value) ~= "number" or not (value >= 0 and value < HUGE) then
    refuse(self, "observe", value)
  end
  C.eddy_page_observe(at, value)
end

--- How many values it has counted, and their sum.
---@return integer count
---@return number sum
function Histogram:value()
  local at = type(self) == "table" and self._at
  if not at then refuse(self, "value") end
  local count = 0
  for i = 0, at.bound_count do count = count + at.buckets[i] end
  return count, at.value
end

local function with(self, labels)
  errors.check_self(self, "with", "metric")
  return self._family:with(labels)
end

local function text(self) return self._family.type .. " " .. self._family.name end

for name, class in pairs { counter = Counter, gauge = Gauge, histogram = Histogram } do
  --- The one with these labels, { kind = "resize" }: to be held where it is used often.
  class.with = with
  M[name] = { __index = class, __tostring = text }
end

return M
