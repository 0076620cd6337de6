-- A file in which messages stay until they are done: what happened is appended to it. When it is
-- opened, and when most of it is about what is done already, it is written anew with the rest.
local ffi = require "ffi"

ffi.cdef "int fileno(void *file); int fsync(int fd);"

local Journal = {}
Journal.__index = Journal

local ENOUGH = 1024 * 1024 -- below so many bytes it is not written anew

-- What a file has, up to where it ends in the middle: a crash left it so, and nobody was told that
-- this last record is safe.
local function read(path)
  local messages, order = {}, {}
  local file = io.open(path, "rb")
  if not file then return messages, order end
  while true do
    local line = file:read "*l"
    local key_size, size = (line or ""):match "^put (%d+) (%d+)$"
    if key_size then
      local text = file:read(key_size + size + 1)
      if not text or #text < key_size + size + 1 then break end
      local key = text:sub(1, key_size)
      messages[key] = text:sub(key_size + 1, -2)
      order[#order + 1] = key
    else
      key_size = (line or ""):match "^done (%d+)$"
      local text = key_size and file:read(key_size + 1)
      if not text or #text < key_size + 1 then break end
      messages[text:sub(1, -2)] = nil
    end
  end
  file:close()
  return messages, order
end

--- Opens a journal, or makes a new one.
-- @return it; and the messages in it: a table by key, and a list of keys in their order
function Journal.open(path)
  local self = setmetatable({ path = path, bytes = 0, live = 0, is_dirty = false }, Journal)
  local messages, keys = read(path)
  return self, messages, self:rewrite(messages, keys)
end

function Journal:append(text)
  assert(self.file:write(text))
  self.bytes, self.is_dirty = self.bytes + #text, true
end

local function record(key, body) return ("put %d %d\n%s%s\n"):format(#key, #body, key, body) end

--- Notes a message; it is safe after the next `sync`.
function Journal:put(key, body)
  local text = record(key, body)
  self.live = self.live + #text
  self:append(text)
end

--- Notes that a message is done.
function Journal:done(key, body)
  self.live = self.live - #record(key, body)
  self:append(("done %d\n%s\n"):format(#key, key))
end

local function sync(file)
  assert(file:flush())
  assert(ffi.C.fsync(ffi.C.fileno(file)) == 0, "fsync failed: nothing is safe any more")
end

--- When it returns, what was noted survives the end of the process, and of the machine.
function Journal:sync()
  if self.is_dirty then sync(self.file) end
  self.is_dirty = false
end

--- Whether most of it is about what is done.
function Journal:is_stale() return self.bytes > ENOUGH and self.live < self.bytes / 2 end

--- Writes it anew. Until the new file is complete, the old one is there.
-- @param messages what is to be in it, by key
-- @param keys a list with all of their keys, and perhaps others, or one twice
-- @return a list of their keys, in the same order
function Journal:rewrite(messages, keys)
  if self.file then self.file:close() end
  local name = self.path .. ".new"
  self.file = assert(io.open(name, "wb"))
  self.bytes = 0
  local order, is_there = {}, {}
  for _, key in ipairs(keys) do
    if messages[key] and not is_there[key] then
      self:append(record(key, messages[key]))
      order[#order + 1], is_there[key] = key, true
    end
  end
  self.live, self.is_dirty = self.bytes, false
  sync(self.file)
  assert(os.rename(name, self.path))
  local folder = assert(io.open(self.path:match "^(.*)/[^/]*$" or ".")) -- its entry, too
  ffi.C.fsync(ffi.C.fileno(folder))
  folder:close()
  return order
end

function Journal:close() self.file:close() end

return Journal
