-- What the specs of eddy.jetstream share: a server for each file, and streams of their own.
local cjson = require "cjson"
local nats = require "spec.support.nats"

local M = { missing = nats.missing() }

--- A test of a file that cannot have its others: without what they need.
function M.is_pending(name)
  local spec = getfenv(2)
  spec.it(name, function() spec.pending(M.missing) end)
end

local server
local names = 0

--- Starts the server of a file before its tests and stops it after them.
-- @param more its configuration
function M.server(more)
  local spec = getfenv(2)
  spec.setup(function() server = nats.start(more) end)
  spec.teardown(function() server:remove() end)
  return setmetatable({}, { __index = function(_, key)
    local value = server[key]
    return type(value) == "function" and function(_, ...) return value(server, ...) end or value
  end })
end

--- A name that no other test has.
function M.name(kind)
  names = names + 1
  return kind .. names
end

--- Asks JetStream; the decoded answer. For tasks.
function M.api(link, call, request)
  local text = link:request("$JS.API." .. call, request and cjson.encode(request) or ""):await()
  return cjson.decode(text)
end

return M
