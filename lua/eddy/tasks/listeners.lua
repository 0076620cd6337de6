-- Several listeners of one future, in their order. However many there are, and in whatever
-- order they leave, each takes the same work.
local Listeners = {}
Listeners.__index = Listeners

local M = {}

--- Whether a future's `_listeners` is such a list, and not the one that listens.
function M.is(value) return getmetatable(value) == Listeners end

--- A list of two.
function M.new(first, second)
  return setmetatable({ first, second, last = 2, count = 2, places = false }, Listeners)
end

-- Closes the gaps of those that left.
local function close_gaps(self)
  local to = 0
  for from = 1, self.last do
    local each = self[from]
    if each then
      to = to + 1
      self[from], self[to] = nil, each
    else
      self[from] = nil
    end
  end
  self.last, self.places = to, false
end

function Listeners:add(listener)
  if self.last > 2 * self.count + 8 then close_gaps(self) end
  local place = self.last + 1
  self[place], self.last, self.count = listener, place, self.count + 1
  if self.places then self.places[listener] = place end
end

--- Takes one out, if it is there. One that was added twice never is taken out.
function Listeners:remove(listener)
  local places = self.places
  if not places then
    places = {}
    for place = 1, self.last do
      if self[place] then places[self[place]] = place end
    end
    self.places = places
  end
  local place = places[listener]
  if not place then return end
  self[place], places[listener], self.count = false, nil, self.count - 1
end

return M
