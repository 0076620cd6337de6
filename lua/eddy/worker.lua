--- Which of the workers of `eddy --workers N` this process is.
local C = require("eddy.base.libeddy").C

---@class eddy.worker
---@field index integer
---@field count integer
local M = {}

--- Its number, from 1 on: a worker that takes the place of another one has that one's. 1 without
-- `--workers`.
M.index = math.max(1, C.eddy_worker_index())

--- How many there are. 1 without `--workers`.
M.count = math.max(1, C.eddy_worker_count())

return M
