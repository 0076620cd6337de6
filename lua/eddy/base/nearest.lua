-- The name that was meant by one that does not exist.

local SWAPPED = 0.9 -- the likeliest slip

-- How many letters must be added, left out or changed to make one text of the other, or two
-- neighbours change places.
local function distance(a, b)
  local row, above, higher = {}
  for j = 0, #b do row[j] = j end
  for i = 1, #a do
    row, above, higher = { [0] = i }, row, above
    for j = 1, #b do
      local change = a:byte(i) == b:byte(j) and 0 or 1
      row[j] = math.min(above[j] + 1, row[j - 1] + 1, above[j - 1] + change)
      local is_swapped = i > 1 and j > 1 and a:byte(i) == b:byte(j - 1) and
        a:byte(i - 1) == b:byte(j)
      if is_swapped then row[j] = math.min(row[j], higher[j - 2] + SWAPPED) end
    end
  end
  return row[#b]
end

-- One that is further away than this share of its letters is another word.
local FAR = 0.4
local LONGEST = 64

--- The end of a text about a name that does not exist: " (did you mean bind?)", "" when no name is
-- near.
-- @param name what was asked for
-- @param ... tables with the names there are as keys; those that begin with "_" do not count
return function(name, ...)
  if type(name) ~= "string" or #name > LONGEST then return "" end
  local wanted, best, least = name:lower(), nil, math.max(#name * FAR, 1)
  for _, names in ipairs { ... } do
    for each in pairs(names) do
      if type(each) == "string" and each:sub(1, 1) ~= "_" then
        local far = distance(wanted, each:lower())
        if far < least or (far == least and best and each < best) then
          best, least = each, far
        end
      end
    end
  end
  return best and (" (did you mean %s?)"):format(best) or ""
end
