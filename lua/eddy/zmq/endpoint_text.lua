-- What is wrong with the text of an endpoint that libzmq did not take.
local nearest = require "eddy.base.nearest"

local LAST_PORT = 65535

-- The endpoint that was meant by one without a transport.
local function meant(endpoint)
  local rest = endpoint:match "^tcp:/*(.+)$"
  if rest then return "tcp://" .. rest end
  if endpoint:find "^[%w.%-*]+:[%d*]+$" or endpoint:find "^%[.*%]:[%d*]+$" then
    return "tcp://" .. endpoint
  end
  if endpoint:find "^[./].*/" then return "ipc://" .. endpoint end
end

local transports = { tcp = true, ipc = true, inproc = true }

-- Who connects has to say where: a star is all interfaces, or any port, of who binds.
local function star_problem(address)
  local host, port = address:match "^(.*):([^:]*)$"
  if host == "*" then
    return "to connect, name a host: tcp://127.0.0.1:" .. port .. " is this one"
  end
  if port == "*" or port == "!" then return "to connect, name the port that the other side has" end
end

local function port_problem(address)
  local port = address:match ":([^:%]]*)$"
  if not port then return "it has no port; an endpoint is as tcp://127.0.0.1:5555" end
  if port == "*" or port == "!" then return end
  local number = tonumber(port)
  if not number or number % 1 ~= 0 or number < 0 or number > LAST_PORT then
    return ("a port is a number up to %d, not '%s'"):format(LAST_PORT, port)
  end
end

--- Explains an endpoint.
-- @param endpoint the text
-- @param call "bind", "connect" ...
-- @return what is wrong with it; nil when nothing is that can be seen
return function(endpoint, call)
  if endpoint == "" then return "the endpoint is empty; one is as tcp://127.0.0.1:5555" end
  local transport, address = endpoint:match "^([^:/]*)://(.*)$"
  if not transport then
    local better = meant(endpoint)
    return "an endpoint begins with its transport" .. (better and ": " .. better or
      ", as tcp://127.0.0.1:5555")
  end
  if transport == "tcp" then
    return port_problem(address) or call == "connect" and star_problem(address) or nil
  end
  if not transports[transport] then
    return ("libzmq has no transport '%s' here%s; take tcp, ipc or inproc"):format(transport,
      nearest(transport, transports))
  end
  if address == "" then return "there is nothing after " .. transport .. "://" end
end
