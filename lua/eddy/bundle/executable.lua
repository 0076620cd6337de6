-- The executable with a bundle at its end: core/host/bundle.c reads it.
local errors = require "eddy.base.errors"
local C = require("eddy.base.libeddy").C

local M = {}

local LINE, LINE_BYTES = "\neddy bundle %016x\n", 30

-- A table of strings, in an order that does not change, as Lua code.
local function code_of(strings)
  local lines = {}
  for key, value in pairs(strings) do lines[#lines + 1] = ("[%q]=%q,\n"):format(key, value) end
  table.sort(lines)
  return "{\n" .. table.concat(lines) .. "}"
end

local function list_of(words)
  local quoted = {}
  for i, word in ipairs(words) do quoted[i] = ("%q"):format(word) end
  return "{" .. table.concat(quoted, ",") .. "}"
end

-- The executable of this process, without what is at its end.
local function own()
  local file = assert(io.open("/proc/self/exe", "rb"))
  local bytes = file:read("*a")
  file:close()
  local size = bytes:sub(-LINE_BYTES):match "^\neddy bundle (%x+)\n$"
  return size and bytes:sub(1, -LINE_BYTES - tonumber(size, 16) - 1) or bytes
end

-- What a new program's mode is.
local function mode()
  for line in io.lines "/proc/self/status" do
    local mask = line:match "^Umask:%s*(%d+)"
    if mask then return bit.band(tonumber("777", 8), bit.bnot(tonumber(mask, 8))) end
  end
  return tonumber("755", 8)
end

--- Writes an executable that does not exist yet.
-- @param packed what eddy.base.bundle reads
-- @return its size; or nil and an error object
function M.write(path, packed)
  local code = ("return {script=%q,options=%s,modules=%s,files=%s}"):format(packed.script,
    list_of(packed.options), code_of(packed.modules), code_of(packed.files))
  local bytes = own() .. code .. LINE:format(#code)
  local result = C.eddy_key_file_create(path, bytes, #bytes, mode())
  if result < 0 then return nil, errors.new(-result, path) end
  return #bytes
end

return M
