-- What the lines of this process begin with where others write beside it: "[2] " of worker 2.
local C = require("eddy.base.libeddy").C

return function()
  local index = C.eddy_worker_index()
  return index > 0 and "[" .. index .. "] " or ""
end
