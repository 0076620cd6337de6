-- Jupyter's messages on the wire, version 5.3: signed, and in JSON.
-- https://jupyter-client.readthedocs.io/en/stable/messaging.html
local eddy = require "eddy"

local function need(name, package)
  local ok, module = pcall(require, name)
  if ok then return module end
  error(("jupyter needs %s; on Debian: apt-get install %s"):format(package, package), 0)
end
local hmac = need("openssl.hmac", "lua-luaossl")
local json = need("cjson.safe", "lua-cjson")

local DELIMITER = "<IDS|MSG>"

local M = {}

--- `count` random bytes, as hexadecimal digits.
function M.random(count)
  local file = assert(io.open("/dev/urandom", "rb"))
  local bytes = file:read(count)
  file:close()
  return (bytes:gsub(".", function(byte) return ("%02x"):format(byte:byte()) end))
end

-- lua-cjson takes an empty list for an empty object: this stands for one.
local EMPTY = "empty list " .. M.random(16)

--- A list that is one in a message also when it is empty.
function M.list(list) return list[1] == nil and EMPTY or list end

local function encode(object) return (json.encode(object):gsub('"' .. EMPTY .. '"', "[]")) end

--- What a connection file says. Raises when it cannot be read.
function M.connection(path)
  local file = assert(io.open(path))
  local text = file:read "*a"
  file:close()
  local connection = json.decode(text)
  if type(connection) ~= "table" or type(connection.key) ~= "string" then
    error(path .. ": expected a connection file of Jupyter's", 0)
  end
  if connection.key ~= "" and connection.signature_scheme ~= "hmac-sha256" then
    error(("%s: the signature scheme %s is not known, only hmac-sha256"):format(path,
      tostring(connection.signature_scheme)), 0)
  end
  return connection
end

--- The endpoint of "shell", "iopub" and so on.
function M.endpoint(connection, channel)
  local glue = connection.transport == "ipc" and "-" or ":"
  return ("%s://%s%s%d"):format(connection.transport, connection.ip, glue,
    connection[channel .. "_port"])
end

local Wire = {}
Wire.__index = Wire

--- What makes and reads the messages of one side.
function M.new(key)
  return setmetatable({ key = key, session = M.random(16), count = 0 }, Wire)
end

function Wire:sign(parts)
  if self.key == "" then return "" end
  local digest = hmac.new(self.key, "sha256"):final(table.concat(parts))
  return (digest:gsub(".", function(byte) return ("%02x"):format(byte:byte()) end))
end

--- The frames of a message.
-- @param envelope who gets it: routing ids, or a topic
-- @param kind the type, such as "status"
-- @param content its table
-- @param parent the message that it belongs to, or nil
function Wire:encode(envelope, kind, content, parent)
  self.count = self.count + 1
  local now = eddy.now()
  local parts = {
    encode {
      msg_id = ("%s_%d"):format(self.session, self.count), session = self.session,
      username = "eddy", msg_type = kind, version = "5.3",
      date = os.date("!%Y-%m-%dT%H:%M:%S", now / 1000) .. (".%03dZ"):format(now % 1000),
    },
    parent and parent.header_text or "{}", "{}", encode(content),
  }
  local msg = {}
  for i, frame in ipairs(envelope) do msg[i] = frame end
  msg[#msg + 1] = DELIMITER
  msg[#msg + 1] = self:sign(parts)
  for _, part in ipairs(parts) do msg[#msg + 1] = part end
  return msg
end

local function object(text)
  local value = json.decode(text)
  return type(value) == "table" and value or nil
end

--- A message with `envelope`, `header`, `content`, `kind`; or nil when it is none, or when whoever
-- sent it does not know the key.
function Wire:decode(msg)
  local at
  for i = 1, #msg do
    if msg[i] == DELIMITER then at = i break end
  end
  if not at or #msg < at + 5 then return end
  local parts = { msg[at + 2], msg[at + 3], msg[at + 4], msg[at + 5] }
  if self:sign(parts) ~= msg[at + 1] then return end
  local header, content = object(parts[1]), object(parts[4])
  if not header or type(header.msg_type) ~= "string" or not content then return end
  local envelope = {}
  for i = 1, at - 1 do envelope[i] = msg[i] end
  return { envelope = envelope, header = header, header_text = parts[1], content = content,
    kind = header.msg_type, parent = object(parts[2]) }
end

return M
