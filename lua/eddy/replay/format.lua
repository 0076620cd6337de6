-- The file of a recording, version 1. It begins with HEAD; then come records, which have, with the
-- lowest byte first:
--   4 bytes: how many follow; 1: the kind; 8: ns on the monotonic clock; 4 each: the loop's number,
--   its turn, the number of what it is about, and how many fields there are; of each field 4 bytes
--   for its size, and its bytes.
-- What the kinds are and their fields, `eddy.replay.recorder` says.
local bit = require "bit"

local band, rshift = bit.band, bit.rshift

local M = {}

M.HEAD = "eddy recording 1\n"
local FIXED = 1 + 8 + 4 * 4 -- the bytes of a record without its fields
local TWO32 = 2 ^ 32

local function u32(number)
  return string.char(band(number, 255), band(rshift(number, 8), 255), band(rshift(number, 16), 255),
    rshift(number, 24))
end

--- A record as bytes.
-- @param record { kind = a letter, ns =, loop =, turn =, about =, and its fields, strings }
function M.write(record)
  local texts = { record.kind, u32(record.ns % TWO32), u32(math.floor(record.ns / TWO32)),
    u32(record.loop), u32(record.turn), u32(record.about), u32(#record) }
  for _, field in ipairs(record) do
    texts[#texts + 1] = u32(#field)
    texts[#texts + 1] = field
  end
  local bytes = table.concat(texts)
  return u32(#bytes) .. bytes
end

local function read_u32(text, at)
  local a, b, c, d = text:byte(at, at + 3)
  return a + b * 2 ^ 8 + c * 2 ^ 16 + d * 2 ^ 24
end

-- The record at a place that has `size` bytes; nil when its fields are not as long as it is.
local function record_at(text, at, size)
  local record = {
    kind = text:sub(at, at), ns = read_u32(text, at + 1) + read_u32(text, at + 5) * TWO32,
    loop = read_u32(text, at + 9), turn = read_u32(text, at + 13), about = read_u32(text, at + 17),
  }
  local count, over = read_u32(text, at + 21), at + size
  at = at + FIXED
  for i = 1, count do
    if at + 4 > over then return nil end
    local length = read_u32(text, at)
    at = at + 4
    if at + length > over then return nil end
    record[i], at = text:sub(at, at + length - 1), at + length
  end
  return at == over and record or nil
end

--- Reads a file's bytes.
-- @return its records, and whether the last one was cut off, as when the process was killed; or nil
-- and what is wrong
function M.read(text)
  if text:sub(1, #M.HEAD) ~= M.HEAD then
    local version = text:match "^eddy recording (%d+)\n"
    return nil, version and ("it has version %s, and this eddy reads version 1"):format(version) or
      "it is no recording"
  end
  local records, at = {}, #M.HEAD + 1
  while at <= #text do
    if at + 4 + FIXED > #text + 1 then return records, true end
    local size = read_u32(text, at)
    if at + 4 + size > #text + 1 then return records, true end
    local record = size >= FIXED and record_at(text, at + 4, size)
    if not record then return nil, ("it is garbled at byte %.0f"):format(at) end
    records[#records + 1], at = record, at + 4 + size
  end
  return records, false
end

return M
