-- What is wrong with the text of an endpoint that libzmq did not take.
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
-- @return what is wrong with it; nil when nothing is that can be seen
return function(endpoint)
  if endpoint == "" then return "the endpoint is empty; one is as tcp://127.0.0.1:5555" end
  local transport, address = endpoint:match "^([^:/]*)://(.*)$"
  if not transport then
    local better = meant(endpoint)
    return "an endpoint begins with its transport" .. (better and ": " .. better or
      ", as tcp://127.0.0.1:5555")
  end
  if transport == "tcp" then return port_problem(address) end
  if transport ~= "ipc" and transport ~= "inproc" then
    return ("libzmq has no transport '%s' here; take tcp, ipc or inproc"):format(transport)
  end
  if address == "" then return "there is nothing after " .. transport .. "://" end
end
