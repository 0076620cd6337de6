-- What a peer may send that wishes nobody well: greetings, handshakes and frames of all versions
-- of ZMTP, right ones and wrong ones, from math.random.
local zmtp = require "spec.zmtp.peer"

local M = {}

local random = math.random
local KINDS = { "REP", "REQ", "ROUTER", "DEALER", "PULL", "PUSH", "PUB", "SUB", "XPUB", "XSUB",
  "PAIR", "STREAM", "SERVER", "" }
local COMMANDS = { "PING", "PONG", "SUBSCRIBE", "CANCEL", "JOIN", "LEAVE", "ERROR", "READY",
  "HELLO", "WELCOME", "INITIATE", "MESSAGE", "", "PIN" }
local SIZES = { 0, 0, 1, 1, 2, 5, 16, 17, 30, 33, 34, 64, 254, 255, 256, 300, 1000, 8191, 8192,
  9000 }

local function one_of(list) return list[random(#list)] end
local function chance(percent) return random(100) <= percent end

local function bytes(size)
  local list = {}
  for i = 1, size do list[i] = string.char(random(0, 255)) end
  return table.concat(list)
end

local function some()
  local size = one_of(SIZES)
  if size > 300 then return string.char(random(0, 255)):rep(size) end
  return bytes(size)
end

local function big_endian(number, size)
  local text = ""
  for _ = 1, size do
    text = string.char(number % 256) .. text
    number = math.floor(number / 256)
  end
  return text
end

-- A frame with any flags; its size may be written as a long one, and may be a lie.
local function frame(flags, body)
  local size = #body
  if chance(1) then size = one_of { 0, size + 1, 2 ^ 31, 2 ^ 52 } end
  if #body > 255 or size > 255 or chance(5) then
    return string.char(bit.bor(flags, 2)) .. big_endian(size, 8) .. body
  end
  return string.char(flags, size) .. body
end

local function command(name, body) return string.char(#name) .. name .. body end

local function property(name, value)
  local size = chance(3) and one_of { 0, #value + 1, 2 ^ 31 } or #value
  return string.char(#name) .. name .. big_endian(size, 4) .. value
end

--- A greeting.
-- @param mechanism "NULL" as a rule
function M.greeting(mechanism)
  local dice = random(100)
  if dice <= 3 then return some() end
  local signature = "\255" .. big_endian(random(0, 300), 8) .. "\127"
  if dice <= 6 then return signature .. "\0" .. string.char(random(0, 11)) end
  if dice <= 10 then return signature .. "\1" .. string.char(random(0, 11)) .. frame(0, some()) end
  if dice <= 12 then return string.char(random(0, 254), random(0, 1)) .. some() end
  if chance(2) then mechanism = one_of { "NULL", "PLAIN", "CURVE", "GSSAPI", "X" } end
  local revision = chance(3) and random(2, 255) or 3
  local text = "\255" .. ("\0"):rep(8) .. "\127" .. string.char(revision, random(0, 1)) ..
    mechanism .. ("\0"):rep(20 - #mechanism) .. string.char(random(0, 1)) .. ("\0"):rep(31)
  if chance(3) then return text:sub(1, random(#text)) end
  return text
end

--- What follows a greeting of that mechanism.
-- @param kind the socket type of this peer, as a rule
function M.handshake(mechanism, kind)
  if chance(4) then kind = one_of(KINDS) end
  local properties = property("Socket-Type", kind) ..
    property("Identity", chance(40) and one_of { "same", "same", some() } or "")
  while chance(10) do properties = properties .. property(bytes(random(0, 9)), some()) end
  if chance(4) then properties = properties:sub(1, random(#properties)) end
  local ready = frame(4, command("READY", properties))
  if mechanism == "PLAIN" and chance(90) then
    ready = frame(4, command("HELLO", "\4user\4pass")) ..
      frame(4, command("INITIATE", properties))
  elseif mechanism == "CURVE" and chance(90) then
    ready = frame(4, command("HELLO", "\1\0" .. ("\0"):rep(72) .. bytes(32 + 8 + 80)))
  end
  while chance(4) do ready = ready .. M.frame() end
  return ready
end

--- A frame, or many small ones.
function M.frame()
  local dice = random(100)
  if dice <= 30 then return frame(chance(25) and 1 or 0, some()) end
  if dice <= 45 then return zmtp.frame(one_of { "x", "" }, chance(10)):rep(random(3000)) end
  if dice <= 55 then -- a request
    return zmtp.message { "", "x" }
  end
  if dice <= 70 then
    return frame(4, command("PING", big_endian(one_of { 0, 0, 0, 1, 65535 }, 2) .. some()))
  end
  if dice <= 75 then return frame(0, string.char(random(0, 2)) .. some()) end -- a subscription
  if dice <= 90 then
    local text = command(one_of(COMMANDS), chance(50) and some() or "")
    if chance(20) then text = text:sub(1, random(#text)) end
    return frame(chance(10) and 5 or 4, text)
  end
  if dice <= 92 then return frame(random(0, 255), some()) end
  return zmtp.message { bytes(random(5)), "", "x" }
end

--- All that a peer sends, in pieces.
function M.script(mechanism, kind)
  local pieces = { M.greeting(mechanism), M.handshake(mechanism, kind) }
  for _ = 1, random(0, 12) do pieces[#pieces + 1] = M.frame() end
  return pieces
end

return M
