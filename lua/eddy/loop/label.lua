-- What people know a target of events by, while its handler runs.
local MOST_BYTES = 120

--- The text of a target, as kept with it until it gets another name.
return function(target)
  local given, label = rawget(target, "name"), target._label
  if not label or target._labelled ~= given then
    label = target:_describe():sub(1, MOST_BYTES)
    target._label, target._labelled = label, given
  end
  return label
end
