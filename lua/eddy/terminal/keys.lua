-- Keys, as a terminal sends them.
local M = {}

local names = {
  ["\27[A"] = "up", ["\27[B"] = "down", ["\27[C"] = "right", ["\27[D"] = "left",
  ["\27OA"] = "up", ["\27OB"] = "down", ["\27OC"] = "right", ["\27OD"] = "left",
  ["\27[5~"] = "page up", ["\27[6~"] = "page down", ["\27[H"] = "home", ["\27[F"] = "end",
  ["\27[1~"] = "home", ["\27[4~"] = "end", ["\n"] = "enter", ["\r"] = "enter",
  ["\127"] = "back", ["\8"] = "back", ["\27"] = "escape", [" "] = "space",
}

--- Splits what was read into keys: "up", "enter", "space", or the character itself. Sequences that
-- mean nothing here are left out.
function M.split(bytes)
  local list, at = {}, 1
  while at <= #bytes do
    local sequence = bytes:match("^\27[%[O][%d;]*[%a~]", at) or bytes:match("^\27[^\27]?", at) or
      bytes:match("^[\192-\255][\128-\191]*", at) or bytes:sub(at, at)
    at = at + #sequence
    local name = names[sequence]
    if name or sequence:byte() >= 32 then list[#list + 1] = name or sequence end
  end
  return list
end

return M
