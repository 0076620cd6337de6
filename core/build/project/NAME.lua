-- NAME: answers each request with a greeting.
--   eddy NAME.lua [ENDPOINT]
local eddy = require "eddy"
local greeter = require "greeter"

local ENDPOINT = "tcp://127.0.0.1:5555"

local server = greeter.start { endpoint = ... or ENDPOINT }
print("NAME listens at " .. server.endpoint)
eddy.loop.instance():on_stop(function() print(server.count .. " requests were answered") end)
