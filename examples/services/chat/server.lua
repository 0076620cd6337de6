-- A chat's server: rooms, whose members get what is said, and first the last lines that they have
-- not seen. One ROUTER does it all, so that nothing comes twice, and nothing is lost between the
-- history and what is said next.
--
-- A member says:  join ROOM NAME TOKEN SEEN | say TEXT | who | ping | leave
-- and is told:    line ROOM NUMBER NAME TEXT | note TEXT | names NAME... | pong | refused WHY
--                 unknown FRAMES...   who has not joined, or was away too long: join, say it again
--
-- Lines are numbered by the time of day in ms, so that SEEN means the same to a server that was
-- started anew. Where a `curve` tells who it is, the name is that of the key.
local eddy = require "eddy"
local text = require "chat.text"
local zmq = require "eddy.zmq"

local MOST_NAME, MOST_TEXT, MOST_ROOMS = 30, 2000, 1000

local Server = {}
Server.__index = Server

--- Starts one on the current loop.
-- @param settings of its socket: bind, curve
-- @param options { kept = lines of a room (100), away = ms without a word after which a member
-- is taken for gone (10000) }
function Server.start(settings, options)
  settings.router_mandatory = true -- who is gone is told, and no member waits for another
  local self = setmetatable({
    stream = eddy.stream(zmq.instance():socket(zmq.ROUTER, settings)),
    kept = options and options.kept or 100, away = options and options.away or 10000,
    has_keys = settings.curve ~= nil,
    members = {}, -- by their routing ids: { name, token, room, heard }
    rooms = {}, room_count = 0, -- by name: { name, lines, last, members }
  }, Server)
  self.stream.name = "chat"
  self.stream:set_send_limit { bytes = 16 * 1024 * 1024 }
  self.stream:on_recv(function(msg)
    local id = table.remove(msg, 1)
    local handler = self["on_" .. tostring(msg[1])]
    local member = self.members[id]
    if member then member.heard = eddy.loop.current():time() end
    if not handler then return self:tell(id, "refused", "there is no such command") end
    if not member and msg[1] ~= "join" then return self:tell(id, "unknown", unpack(msg)) end
    handler(self, id, member, unpack(msg, 2))
  end)
  self.stream:on_err(function(err)
    if err.peer then return self:remove(err.peer, "is gone") end
    io.stderr:write("chat: ", err.message, "\n")
  end)
  self.timer = eddy.loop.current():call_every(self.away / 4, self.look, self)
  return self
end

--- Tells one. A member that reads too slowly is taken for gone: he will join again.
function Server:tell(id, ...)
  local ok = self.stream:send_multipart { id, ... }
  if not ok then self:remove(id, "is too slow") end
end

function Server:tell_all(room, ...)
  local ids = {} -- telling may remove members
  for id in pairs(room.members) do ids[#ids + 1] = id end
  for _, id in ipairs(ids) do self:tell(id, ...) end
end

function Server:room(name)
  local room = self.rooms[name]
  if room or self.room_count >= MOST_ROOMS then return room end
  room = { name = name, lines = {}, first = 1, last = 0, number = 0, members = {} }
  self.rooms[name], self.room_count = room, self.room_count + 1
  return room
end

function Server:remove(id, why)
  local member = self.members[id]
  if not member then return end
  local room = member.room
  self.members[id], room.members[id] = nil, nil
  if why then self:tell_all(room, "note", member.name .. " " .. why) end
  if not next(room.members) and room.last == 0 and self.rooms[room.name] then
    self.rooms[room.name], self.room_count = nil, self.room_count - 1
  end
end

-- The member with a name in a room, if there are such.
local function find(room, name)
  for id, member in pairs(room and room.members or {}) do
    if member.name == name then return id, member end
  end
end

local function is_name(word) return word and #word <= MOST_NAME and word:find "^[%w_.-]+$" end

function Server:on_join(id, member, room_name, name, token, seen)
  if self.has_keys then
    local peer = self.stream:peer()
    name, token = peer.user or peer.key, peer.key
  end
  if not is_name(room_name) or not self.has_keys and not (is_name(name) and is_name(token)) then
    return self:tell(id, "refused", "names are of up to 30 letters, digits, _ . and -")
  end
  local other_id, other = find(self.rooms[room_name], name)
  if other and other.token ~= token then
    return self:tell(id, "refused", name .. " is somebody else in " .. room_name)
  end
  if member then self:remove(id, member.room.name ~= room_name and "has left") end
  if other then self:remove(other_id) end -- the same one, over a new connection
  local room = self:room(room_name)
  if not room then return self:tell(id, "refused", "there are too many rooms") end
  room.members[id] = { name = name, token = token, room = room,
    heard = eddy.loop.current():time() }
  self.members[id] = room.members[id]
  seen = tonumber(seen) or 0
  for i = room.first, room.last do
    local line = room.lines[i]
    if line.number > seen then self:tell(id, unpack(line)) end
  end
  if not other then self:tell_all(room, "note", name .. " is in " .. room_name) end
end

function Server:on_say(_, member, said)
  said = text.clean(said or ""):sub(1, MOST_TEXT)
  if said == "" then return end
  local room = member.room
  room.number, room.last = math.max(room.number + 1, math.floor(eddy.now())), room.last + 1
  local line = { number = room.number,
    "line", room.name, ("%.0f"):format(room.number), member.name, said }
  room.lines[room.last] = line
  if room.last - room.first >= self.kept then
    room.lines[room.first], room.first = nil, room.first + 1
  end
  self:tell_all(room, unpack(line))
end

function Server:on_who(id, member)
  local names = {}
  for _, each in pairs(member.room.members) do names[#names + 1] = each.name end
  table.sort(names)
  self:tell(id, "names", unpack(names))
end

function Server:on_ping(id) self:tell(id, "pong") end

function Server:on_leave(id) self:remove(id, "has left") end

-- Takes those for gone who have not said a word.
function Server:look()
  local now, gone = eddy.loop.current():time(), {}
  for id, member in pairs(self.members) do
    if now - member.heard > self.away then gone[#gone + 1] = id end
  end
  for _, id in ipairs(gone) do self:remove(id, "is gone") end
end

function Server:close()
  self.timer:cancel()
  self.stream:close()
end

return Server
