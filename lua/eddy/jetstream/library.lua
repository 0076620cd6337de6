-- The library of links to NATS, loaded at the first use.
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"

local library, problem = c.extension "jetstream"
if not library then
  errors.misuse("eddy.jetstream needs libnats, and an eddy that was built with it; on Debian: " ..
    "apt-get install libnats-dev, and build eddy again (" .. tostring(problem) .. ")")
end

return library
