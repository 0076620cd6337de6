-- All processes of which this user can read the counters page.
local c = require "eddy.base.libeddy"
local reader = require "eddy.counters.reader"
local status = require "eddy.counters.status"
local system = require "eddy.counters.process"

local C, ffi = c.C, c.ffi

local M = {}

local DEAD = ".dead" -- what the names end with of pages whose processes have ended
local UNWRITTEN = ("\0"):rep(8) -- in place of the first bytes: its process is just making it
local FIRST_BYTES, MOST_BYTES = 65536, 256 * 2 ^ 20

-- Calls fill(buffer, room), which returns how many bytes there are, with room for all of them.
local function filled(fill)
  local room = FIRST_BYTES
  while true do
    local buffer = ffi.new("char[?]", room)
    local size = fill(buffer, room)
    if size < 0 then return nil end
    if size < room or room >= MOST_BYTES then return ffi.string(buffer, math.min(size, room)) end
    room = math.min(math.max(room * 4, size + 1), MOST_BYTES)
  end
end

local function words(text)
  local list = {}
  for word in (text or ""):gmatch "%Z+" do list[#list + 1] = word end
  return list
end

local function folders()
  return words(filled(function(buffer, room) return C.eddy_page_folders(buffer, room) end))
end

local function names_in(folder)
  return words(filled(function(buffer, room) return C.eddy_key_folder(folder, buffer, room) end))
end

-- Reads one; nil when it is none any more.
local function read(folder, name)
  local bytes = filled(function(buffer, room)
    return C.eddy_page_read(folder, name, buffer, room)
  end)
  if not bytes or bytes:sub(1, 8) == UNWRITTEN:sub(1, #bytes) then return nil end
  local page, problem = reader.read(bytes)
  local pid = tonumber(name:match "^%d+")
  if page and page.pid ~= pid then page, problem = nil, "not its process's page" end
  local entry = { folder = folder, path = folder .. "/" .. name, pid = pid }
  if not page then
    entry.problem = problem
    return entry
  end
  entry.page, entry.clock = page, C.eddy_time()
  entry.process = pid .. "" == name and system.look(pid, page.started) or nil
  entry.status = status.of(page, entry.process, entry.clock)
  return entry
end

--- Reads all pages.
-- @param pid only this process's; nil: everybody's
-- @return a list by pid of { pid, folder, path, page, process, status, clock }: what the page has,
-- what the system knows of the process (nil once it is gone), what it is doing, and when that was;
-- with a `problem` in place of all but the first three where a page is none
function M.all(pid)
  local list = {}
  for _, folder in ipairs(folders()) do
    for _, name in ipairs(pid and { pid .. "", pid .. DEAD } or names_in(folder)) do
      local is_page = name:match "^%d+$" or name:match "^%d+%.dead$"
      local entry = is_page and read(folder, name)
      if entry then list[#list + 1] = entry end
    end
  end
  table.sort(list, function(a, b)
    if a.pid ~= b.pid then return a.pid < b.pid end
    return a.process and not b.process
  end)
  return list
end

return M
