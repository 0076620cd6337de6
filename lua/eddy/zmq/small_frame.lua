-- Small frames: what is received into them is closed for many at once, so that none needs a
-- finalizer. When a group has no frame left, its messages are closed, and it serves again.
local c = require "eddy.base.libeddy"
local new_table = require "table.new"

local C, ffi = c.C, c.ffi

local COUNT = C.EDDY_GROUP_FRAMES
local LOOKED_AT = 3 -- groups that are looked at for each one that is needed

local frame_type = ffi.typeof("eddy_frame")
local weak = { __mode = "v" }

-- All groups there are. They are the keys, so that one that is made in the middle of making another
-- takes nothing from it.
local all = {}
local current, cursor

local function new()
  local core = C.eddy_frame_group_new()
  if core == nil then return nil end
  local group = { core = ffi.gc(core, C.eddy_frame_group_free),
    frames = setmetatable(new_table(COUNT, 0), weak) }
  all[group] = true
  return group
end

local function is_empty(frames)
  for i = 1, COUNT do
    if frames[i] then return false end
  end
  return true
end

-- A group that has no frames any more, or a new one; nil when there is no memory.
local function find()
  for _ = 1, LOOKED_AT do
    local group = next(all, cursor)
    cursor = group
    if group then
      local resets = C.eddy_frame_group_resets(group.core)
      if is_empty(group.frames) and C.eddy_frame_group_reset(group.core, resets) == 1 then
        return group
      end
    end
  end
  return new()
end

--- A frame for a received part of up to EDDY_SMALL_FRAME bytes; nil when there is no memory.
return function()
  local frame, group = frame_type(), current
  local place = group and C.eddy_frame_group_join(group.core, frame) or 0
  while place == 0 do
    group = find()
    if not group then return nil end
    place = C.eddy_frame_group_join(group.core, frame)
    current = group
  end
  group.frames[place] = frame
  return frame
end
