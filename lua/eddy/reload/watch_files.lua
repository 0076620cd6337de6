-- Looks at files from time to time, for those that have changed.
local loops = require "eddy.loop"

local LOOK_MS = 300

local M = {}

--- What is in a file, before it is loaded: a change that comes meanwhile is one.
-- @return its text, or nil
function M.read(name)
  local file = io.open(name, "rb")
  if not file then return nil end
  local text = file:read "*a"
  file:close()
  return text
end

-- Whether any has changed since the last look.
local function has_changed(self)
  local changed = false
  for _, name in ipairs(self.files()) do
    local now, before = M.read(name), self.texts[name]
    if now and before and now ~= before then changed = true end
    self.texts[name] = now or before
  end
  return changed
end

-- Notes what is in those that are new.
local function note(self)
  for _, name in ipairs(self.files()) do
    if self.texts[name] == nil then self.texts[name] = M.read(name) end
  end
end

-- A file that is being written changes once more before the next look.
local function look(self)
  local was_changed = self.is_changed
  self.is_changed = has_changed(self)
  if was_changed and not self.is_changed then self.report() end
end

--- Begins to watch on the current loop, which runs as long.
-- @param files fn(): a list of names
-- @param report fn(), called when one of them has changed
-- @param texts what was in some of them when they were loaded, by name
function M.start(files, report, texts)
  local self = { files = files, report = report, texts = texts, is_changed = false }
  note(self)
  loops.current():add_callback(note, self) -- what the script has loaded by then
  return loops.current():call_every(LOOK_MS, look, self)
end

return M
