-- What is written down of a run: its profile, what it receives and sends; or such a recording is
-- played.
local shutdown = require "eddy.host.shutdown"
local loops = require "eddy.loop"
local profile = require "eddy.profile"

local M = {}

-- The file is written at the end, and opened now, as that may be far away.
local function write_profile(name, complain)
  local file, problem = io.open(name, "w")
  if not file then
    complain("--profile: cannot write " .. problem)
    return false
  end
  profile.start()
  shutdown.first(function()
    local text = profile.running() and profile.stop() or "" -- the script may have ended it
    local written = file:write(text)
    if file:close() and written then return true end
    complain("--profile: cannot write " .. name)
    return false
  end)
  return true
end

local function record(name, complain)
  local finish, problem = require("eddy.replay.recorder").begin(name, complain)
  if not finish then
    complain("--record: cannot write " .. problem)
    return false
  end
  shutdown.first(function()
    if finish(loops._default()) then return true end
    complain("--record: cannot write " .. name)
    return false
  end)
  return true
end

local function replay(name, complain)
  local file, problem = io.open(name, "rb")
  local text = file and file:read("*a")
  if file then file:close() end
  local records, is_cut
  if text then records, is_cut = require("eddy.replay.format").read(text) end
  if not records then
    complain(("--replay: cannot read %s: %s"):format(name, text and is_cut or problem or
      "no file to read"))
    return false
  end
  if is_cut then complain("--replay: the recording is cut off: it is played as far as it goes") end
  shutdown.first(require("eddy.replay.player").begin(records, complain))
  return true
end

--- Begins what the command line asks for. Returns false when that cannot be, which was said.
function M.begin(job, complain)
  if job.record and job.replay then
    complain "--record and --replay: one of them at a time"
    return false
  end
  return (not job.record or record(job.record, complain)) and
    (not job.replay or replay(job.replay, complain)) and
    (not job.profile or write_profile(job.profile, complain))
end

return M
