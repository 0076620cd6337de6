-- The script that may be loaded again, and how far its host is with it. Small: every script has it.
local loops = require "eddy.loop"

local M = {
  file = false,    -- its name
  load = false,    -- fn(): its function; or nil and what is wrong
  loaded = false,  -- the modules that were there before it ran
  number = 1,      -- the generation that runs
  hangup = false,  -- the number of the signal that reloads, where there is one
  watches = false, -- its files are watched
  drives = false,  -- what its host does: "main" while the first generation's code runs, "start"
                   -- while a later one's waits for the end of its loop
  begun = false,   -- of a generation that took over: its main program's coroutine and loop
  switched = false, -- one took over, and the host is to go on with that
  -- What is open that is not the script's: a set; eddy's own may be put in.
  others = setmetatable({}, { __mode = "k" }),
  begins = false,  -- fn(), called when a reload begins, and
  ends = false,    -- when it has ended
  tells = false,   -- the log has a line of each reload
}

--- A script is about to run.
-- @param fields as above
function M.begin(fields)
  for name, value in pairs(fields) do M[name] = value end
  M.number, M.begun, M.switched, M.loaded = 1, false, false, {}
  for loop in pairs(loops._all()) do
    for _, target in pairs(loop._targets) do
      M.others[target], M.others[target.socket or target] = true, true
    end
  end
  for name, module in pairs(package.loaded) do M.loaded[name] = module end
end

return M
