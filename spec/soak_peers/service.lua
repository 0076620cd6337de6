-- The service of the soak: a sink, answers, and news. Arguments: a folder for the endpoints,
-- and the minutes. SIGUSR1 ends it, with its figures.
local eddy = require "eddy"
local zmq = require "eddy.zmq"
local ffi = require "ffi"
local C = require "eddy.base.libeddy".C

local folder, minutes = ...
local PAGE_KIB, TICK_MS, SAMPLE_MS, END_MS = 4, 10, 1000, 15000
local RSS_GROWTH_KIB = 8192 -- per hour after the first third, or as much as noise is

local loop, context = eddy.loop.instance(), zmq.instance()

ffi.cdef [[
void *opendir(const char *name);
void *readdir(void *directory);
int closedir(void *directory);
]]

local function descriptors()
  local directory, count = ffi.C.opendir("/proc/self/fd"), -3 -- ".", "..", and this one
  if directory == nil then return nil end
  while ffi.C.readdir(directory) ~= nil do count = count + 1 end
  ffi.C.closedir(directory)
  return count
end

local function resident_kib()
  local file = io.open("/proc/self/statm")
  if not file then return nil end -- no descriptor left
  local pages = file:read("*n", "*n")
  file:seek("set")
  local text = file:read("*l")
  file:close()
  return pages and tonumber(text:match("^%d+ (%d+)")) * PAGE_KIB
end

local function bound(kind)
  local socket = context:socket(kind, { linger = 0 })
  socket:bind("tcp://127.0.0.1:*")
  return eddy.stream(socket), socket.last_endpoint
end

local sink, sink_at = bound(zmq.PULL)
local answers, answers_at = bound(zmq.ROUTER)
local news, news_at = bound(zmq.PUB)

local figures = { numbers = 0, answers = 0, news = 0, lives = 0, wrong = 0, errors = 0 }
local last, complaints = {}, {}

local function wrong(text)
  figures.wrong = figures.wrong + 1
  if #complaints < 20 then complaints[#complaints + 1] = text end
end

sink:on_recv(function(msg)
  local life, what, value = msg[1], msg[2], msg[3]
  if what == "wrong" then return wrong(life .. ": " .. value) end
  local number = tonumber(value)
  if #msg ~= 4 or #msg[4] ~= number % 3000 then wrong(life .. ": a part is missing") end
  if not last[life] then
    figures.lives = figures.lives + 1
    last[life] = 0
  end
  if number ~= last[life] + 1 then
    wrong(("%s: number %d after %d"):format(life, number, last[life]))
  end
  last[life] = number
  figures.numbers = figures.numbers + 1
end)

answers:on_recv(function(msg)
  figures.answers = figures.answers + 1
  answers:send_multipart(msg)
end)

for _, stream in ipairs { sink, answers, news } do
  stream:on_err(function() figures.errors = figures.errors + 1 end)
end

-- How late ticks were, in tenths of ms, counted: what is kept here does not grow.
local MOST_LATE = 10000
local late, due, most_late = ffi.new("uint32_t[?]", MOST_LATE + 1), nil, 0
local ticker = loop:call_every(TICK_MS, function()
  local now = loop:time()
  local lateness = due and now - due or 0
  due = now - now % TICK_MS + TICK_MS
  lateness = math.max(0, lateness)
  most_late = math.max(most_late, lateness)
  local tenths = math.min(MOST_LATE, math.floor(lateness * 10))
  late[tenths] = late[tenths] + 1
  figures.news = figures.news + 1
  news:send_multipart { tostring(figures.news), ("n"):rep(figures.news % 200) }
end)

-- Of how late all but one in a thousand were, at most.
local function late_999()
  local total, seen = 0, 0
  for i = 0, MOST_LATE do total = total + late[i] end
  for i = 0, MOST_LATE do
    seen = seen + late[i]
    if seen >= total * 0.999 then return i / 10 end
  end
end

local ROOM = tonumber(minutes) * 60 + 600
local times, sizes, count = ffi.new("double[?]", ROOM), ffi.new("double[?]", ROOM), 0
local sampler = loop:call_every(SAMPLE_MS, function()
  local kib = resident_kib()
  if not kib or count == ROOM then return end
  times[count], sizes[count], count = loop:time() / 3.6e6, kib, count + 1
end)

-- Slope of the resident memory in KiB an hour, by least squares over the last two thirds.
local function slope()
  local first = math.floor(count / 3)
  local n, sx, sy, sxx, sxy = 0, 0, 0, 0, 0
  for i = first, count - 1 do
    local x, y = times[i] - times[first], sizes[i]
    n, sx, sy, sxx, sxy = n + 1, sx + x, sy + y, sxx + x * x, sxy + x * y
  end
  local spread = n * sxx - sx * sx
  return spread > 0 and (n * sxy - sx * sy) / spread or 0, n
end

local function report(open_before, open_after)
  local stats = loop:stats()
  local growth = slope()
  local first, final = math.floor(count / 3), count - 1
  print(("soak of %s min: %d numbers in order, %d answers, %d news, %d lives of peers"):format(
    minutes, figures.numbers, figures.answers, figures.news, figures.lives))
  print(("missed wake-ups %d; wrong %d; failed sends and receives %d"):format(
    stats.missed_wakeups, figures.wrong, figures.errors))
  print(("memory %.1f MiB after a third, %.1f MiB at the end, slope %.1f MiB/h"):format(
    sizes[first] / 1024, sizes[final] / 1024, growth / 1024))
  print(("descriptors %d before, %d after; timer lateness p99.9 %.1f ms, most %.1f ms"):format(
    open_before, open_after, late_999(), most_late))
  print(("%d turns, %.1f s of CPU"):format(stats.turns, os.clock()))
  for _, text in ipairs(complaints) do print("wrong: " .. text) end
  local hours = math.max(times[final] - times[first], 1 / 60)
  local grew = sizes[final] - sizes[first] > RSS_GROWTH_KIB * math.max(1, hours)
  local ok = stats.missed_wakeups == 0 and figures.wrong == 0 and figures.numbers > 0 and
    open_after <= open_before and not grew
  print(ok and "soak: passed" or "soak: FAILED")
  return ok and 0 or 1
end

local open_before
loop:call_later(200, function()
  collectgarbage()
  open_before = descriptors()
  local file = assert(io.open(folder .. "/ports.new", "w"))
  file:write(table.concat({ sink_at, answers_at, news_at }, " "), "\n")
  file:close()
  os.rename(folder .. "/ports.new", folder .. "/ports")
end)

loop:on_signal("USR1", function()
  ticker:cancel()
  local deadline = C.eddy_time() + END_MS
  loop:call_every(100, function()
    local open = descriptors()
    if open > open_before and C.eddy_time() < deadline then return end
    sampler:cancel()
    os.exit(report(open_before, open))
  end)
end)
