-- A chat's client, without a face: it joins, also again when the connection or the server was lost,
-- and says once more what was not heard.
local eddy = require "eddy"
local zmq = require "eddy.zmq"

local PING_MS, LOST_AFTER = 2000, 3 -- pings without an answer

local Client = {}
Client.__index = Client

local function token()
  local file = assert(io.open("/dev/urandom", "rb"))
  local bytes = file:read(12)
  file:close()
  return (bytes:gsub(".", function(byte) return ("%02x"):format(byte:byte()) end))
end

--- Joins a room, on the current loop.
-- @param settings of its socket: connect, curve
-- @param on functions: line(name, text, ms), ms since 1970; note(text); names(list); refused(why)
-- @param ping_ms how often it looks for the server (2000)
function Client.join(settings, room, name, on, ping_ms)
  settings.linger = 1000 -- what was said last
  local self = setmetatable({
    stream = eddy.stream(zmq.instance():socket(zmq.DEALER, settings)),
    room = room, name = name, token = token(), seen = "0", on = on, unanswered = 0,
  }, Client)
  self.stream.name = "chat"
  self.stream:on_recv(function(msg)
    if self.unanswered >= LOST_AFTER then on.note "the server is back" end
    self.unanswered = 0
    local handler = self["on_" .. tostring(msg[1])]
    if handler then handler(self, unpack(msg, 2)) end
  end)
  self.timer = eddy.loop.current():call_every(ping_ms or PING_MS, self.ping, self)
  self:enter(room)
  return self
end

function Client:send(...)
  local ok, err = self.stream:send_multipart { ... }
  if not ok then self.on.note("not sent: " .. err.message) end
end

--- Goes to another room; the same one again has what was missed.
function Client:enter(room)
  if room ~= self.room then self.room, self.seen = room, "0" end
  self:send("join", room, self.name, self.token, self.seen)
end

function Client:say(text) self:send("say", text) end

function Client:who() self:send "who" end

function Client:ping()
  self.unanswered = self.unanswered + 1
  if self.unanswered == LOST_AFTER then self.on.note "no answer from the server" end
  self:send "ping"
end

function Client:on_line(room, number, name, text)
  if room ~= self.room or tonumber(number) <= tonumber(self.seen) then return end
  self.seen = number
  self.on.line(name, text, tonumber(number))
end

function Client:on_note(text) self.on.note(text) end

function Client:on_names(...) self.on.names { ... } end

function Client:on_refused(why) self.on.refused(why) end

-- The server does not know it any more: it has been started anew, or took it for gone.
function Client:on_unknown(...)
  self:enter(self.room)
  if ... ~= "ping" and ... ~= "leave" then self:send(...) end
end

--- Leaves. What was said last is still sent.
function Client:close()
  self.timer:cancel()
  self:send "leave"
  self.stream:close { drain = 1000 }
end

return Client
