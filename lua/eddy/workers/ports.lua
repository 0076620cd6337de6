-- Where workers are bound: which of them decides on a port for all, and which of them has what only
-- one can have.
local C = require("eddy.base.libeddy").C

local Ports = {}
Ports.__index = Ports

local M = {}

--- None yet.
-- @param replace replace(worker): has it end, for the one that takes its place
function M.new(replace)
  return setmetatable({ _replace = replace, _by_name = {}, _list = {} }, Ports)
end

-- A worker's first socket at a port that is to be chosen has the port of the other workers' first
-- one, and so on.
local function name_of(worker, kind, endpoint)
  local is_chosen = endpoint:find ":[*0]$" or endpoint:find ":%d+%-%d+$"
  if not is_chosen then return kind .. " " .. endpoint end
  worker.chosen[endpoint] = (worker.chosen[endpoint] or 0) + 1
  return ("%s %s %d"):format(kind, endpoint, worker.chosen[endpoint])
end

-- `owner` is who decides on it, or who has it.
local function find(self, name, kind)
  local place = self._by_name[name]
  if place then return place end
  place = { id = #self._list + 1, kind = kind, owner = false, port = false, waiting = {} }
  self._by_name[name], self._list[place.id] = place, place
  return place
end

local function answer(place, worker)
  if place.port then
    worker:answer(("port %d %d"):format(place.id, place.port))
  else
    place.owner = worker
    worker:answer("first " .. place.id)
  end
end

-- It has no owner any more, or has its port.
local function go_on(place)
  while not place.owner and place.waiting[1] do
    answer(place, table.remove(place.waiting, 1))
  end
end

--- A worker asks for a place.
-- @param kind "share", or "own" for what only one can have
function Ports:ask(worker, kind, endpoint)
  local place = find(self, name_of(worker, kind, endpoint), kind)
  local owner = place.owner
  if not owner or kind == "own" and owner == worker then return answer(place, worker) end
  if kind == "own" and owner.index ~= worker.index then
    return worker:answer("held " .. owner.index)
  end
  table.insert(place.waiting, worker)
  if kind == "own" then self._replace(owner) end
end

--- A worker was to decide, and tells what came of it.
-- @param endpoint where it is bound; nil: it is not
function Ports:decided(worker, id, endpoint)
  local place = self._list[id]
  if not place or place.owner ~= worker then return end
  if endpoint and place.kind == "own" then return end
  place.owner = false
  if endpoint then
    place.port = tonumber(endpoint:match ":(%d+)$") or false
    C.eddy_port_reserve(endpoint)
  end
  go_on(place)
end

--- A worker has ended.
function Ports:release(worker)
  for _, place in ipairs(self._list) do
    for i = #place.waiting, 1, -1 do
      if place.waiting[i] == worker then table.remove(place.waiting, i) end
    end
    if place.owner == worker then
      place.owner = false
      go_on(place)
    end
  end
end

return M
