-- The name that was meant by one that does not exist.

-- How many letters must be added, left out or changed to make one text of the other.
local function distance(a, b)
  local row = {}
  for j = 0, #b do row[j] = j end
  for i = 1, #a do
    local diagonal = row[0]
    row[0] = i
    for j = 1, #b do
      local above = row[j]
      local change = a:byte(i) == b:byte(j) and 0 or 1
      row[j] = math.min(above + 1, row[j - 1] + 1, diagonal + change)
      diagonal = above
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
  local wanted, best, least = name:lower(), nil, #name * FAR
  for _, names in ipairs { ... } do
    for each in pairs(names) do
      if type(each) == "string" and each:sub(1, 1) ~= "_" then
        local far = distance(wanted, each:lower())
        if far < least or (far == least and best and each:lower() < best) then
          best, least = each:lower(), far
        end
      end
    end
  end
  return best and (" (did you mean %s?)"):format(best) or ""
end
