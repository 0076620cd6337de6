-- JSON, by lua-cjson, which is loaded at the first use.
local errors = require "eddy.base.errors"

local M = {}

local codec

local function load()
  local ok, found = pcall(require, "cjson.safe")
  if not ok then errors.misuse("JSON needs lua-cjson; on Debian: apt-get install lua-cjson") end
  codec = found
  return codec
end

--- An object's JSON text. Raises when there is none.
function M.encode(object)
  local text, problem = (codec or load()).encode(object)
  if not text then errors.misuse("no JSON for this: " .. problem) end
  return text
end

--- Raises unless lua-cjson is there.
function M.check()
  if not codec then load() end
end

--- The object of a JSON text. Raises EBADMSG when it is none: somebody else wrote it. The
-- error's `received` is what came.
function M.decode(text)
  local object, problem = (codec or load()).decode(text)
  if problem then
    local err = errors.new(errors.numbers.EBADMSG, "not JSON: " .. problem)
    err.received = text
    error(err, 0)
  end
  return object
end

return M
