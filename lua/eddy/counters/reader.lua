-- Reads a counters page, of which nothing is trusted: it may be cut off, half written, of another
-- version, or no page at all.
local constants = require "eddy.base.constants"
local c = require "eddy.base.libeddy"

local C, ffi = c.C, c.ffi

local M = {}

local HEAD, RECORD = ffi.sizeof "eddy_page", ffi.sizeof "eddy_page_record"
local MOST = 2 ^ 53

local types = { [C.EDDY_PAGE_JETSTREAM] = "JETSTREAM", [C.EDDY_PAGE_LINK] = "NATS" }
for name in ("PAIR PUB SUB REQ REP DEALER ROUTER PULL PUSH XPUB XSUB STREAM"):gmatch "%S+" do
  types[constants[name]] = name
end

-- A number that counts something: 0 for what does not.
local function number(value) return value >= 0 and value < MOST and value or 0 end

-- A text, without what would steer a terminal.
local function text(array, room)
  local bytes = ffi.string(array, room):match "^[^%z]*"
  return (bytes:gsub("%c", "?"):gsub("\194[\128-\159]", "?"))
end

local function times(from)
  local buckets = {}
  for i = 0, C.EDDY_PAGE_BUCKETS - 1 do buckets[i + 1] = number(from.buckets[i]) end
  return { count = number(from.count), total = number(from.total),
    longest = number(from.longest), buckets = buckets }
end

local function named(record, names)
  local made = {}
  for name in names:gmatch "%S+" do made[name] = number(record[name]) end
  return made
end

local states = { [C.EDDY_PAGE_STILL] = "still", [C.EDDY_PAGE_HANDLES] = "handles",
  [C.EDDY_PAGE_WAITS] = "waits" }

local function read_loop(record)
  local loop = named(record, [[since thread turns events missed_wakeups timers waiting callbacks
    errors lua_bytes looked]])
  loop.number, loop.state = number(record.record.number), states[record.state] or "still"
  loop.lag = times(record.lag)
  local running = record.running
  if running == C.EDDY_PAGE_NAMED then
    loop.what = text(record.what, C.EDDY_PAGE_WHAT)
  elseif running == C.EDDY_PAGE_UNNAMED then
    loop.what = "a callback, task or timer"
  elseif running > 0 then
    loop.stream = number(running) -- its id
  end
  return loop
end

local function read_stream(record)
  local stream = named(record, "loop id opened dropped_oldest dropped_newest no_room unanswered")
  for name, value in pairs(named(record.stats, [[messages_in bytes_in messages_out bytes_out queued
      queued_bytes high_water high_water_bytes dropped errors]])) do
    stream[name] = value
  end
  stream.number, stream.receiving = number(record.record.number), record.receiving ~= 0
  stream.type = types[record.type] or "?"
  stream.handling = times(record.handling)
  local name = text(record.name, C.EDDY_PAGE_NAME)
  stream.endpoint = text(record.endpoint, C.EDDY_PAGE_NAME)
  stream.name = name ~= "" and name or
    stream.type .. (stream.endpoint ~= "" and " " .. stream.endpoint or "")
  return stream
end

-- A stream that has counted nothing: as if it had the longer record.
local function read_idle(record)
  local full = ffi.new "eddy_page_stream"
  local head = ffi.offsetof("eddy_page_idle", "texts")
  ffi.copy(full, record, head)
  local name, endpoint = ffi.string(record.texts, record.record.size - head):match "(%Z*)%z?(%Z*)"
  full.name = name:sub(1, C.EDDY_PAGE_NAME - 1)
  full.endpoint = endpoint:sub(1, C.EDDY_PAGE_NAME - 1)
  return read_stream(full)
end

local metric_types = { "counter", "gauge", "histogram" }

-- The buckets of a script's histogram; nil when there is no sense in them.
local function read_buckets(metric, record)
  local count = record.bound_count
  if count < 1 or count > C.EDDY_PAGE_BOUNDS then return nil end
  metric.bounds, metric.buckets = {}, {}
  for i = 0, count do
    metric.buckets[i + 1] = number(record.buckets[i])
    local bound = i < count and record.bounds[i]
    if bound and not (bound < math.huge and bound > (metric.bounds[i] or -math.huge)) then
      return nil
    end
    metric.bounds[i + 1] = bound or nil
  end
  return metric
end

local function read_metric(record)
  local value, type = record.value, metric_types[record.type]
  local metric = { number = number(record.record.number), type = type,
    name = text(record.name, C.EDDY_PAGE_NAME), help = text(record.help, C.EDDY_PAGE_WHAT),
    labels = text(record.labels, C.EDDY_PAGE_LABELS) }
  metric.value = type ~= "gauge" and number(value) or value == value and value or 0
  if type == "histogram" then return read_buckets(metric, record) end
  return type and metric
end

-- By the kind of record: the list that it goes to, its struct, and what reads it.
local kinds = {
  [C.EDDY_PAGE_LOOP] = { "loops", "eddy_page_loop", read_loop },
  [C.EDDY_PAGE_STREAM] = { "streams", "eddy_page_stream", read_stream },
  [C.EDDY_PAGE_METRIC] = { "metrics", "eddy_page_metric", read_metric },
  [C.EDDY_PAGE_IDLE] = { "idle", "eddy_page_idle", read_idle },
}

-- Reads the records between two places. Where they make no sense, it ends.
local function read_records(page, bytes, at, last)
  local start = ffi.cast("const char *", bytes)
  while at + RECORD <= last do
    local head = ffi.cast("const eddy_page_record *", start + at)
    local size, kind = head.size, kinds[head.kind]
    if size < RECORD or size % 8 ~= 0 or at + size > last then return end
    if kind and size >= ffi.sizeof(kind[2]) then
      local record = ffi.cast("const " .. kind[2] .. " *", head)
      local list = page[kind[1]]
      list[#list + 1] = kind[3](record) or nil
    end
    at = at + size
  end
end

-- Puts those that have counted nothing among the streams: each once, in the order in which they
-- were opened.
local function join_idle(page)
  local counting = {}
  for _, stream in ipairs(page.streams) do counting[stream.number] = true end
  for _, stream in ipairs(page.idle) do
    if not counting[stream.number] then page.streams[#page.streams + 1] = stream end
    counting[stream.number] = true
  end
  page.idle = nil
  table.sort(page.streams, function(a, b) return a.number < b.number end)
end

-- What runs on a loop gets its name where it is a stream.
local function name_streams(page)
  for _, loop in ipairs(page.loops) do
    for _, stream in ipairs(page.streams) do
      if loop.stream and stream.loop == loop.number and stream.id == loop.stream then
        loop.what = stream.name
      end
    end
    if loop.stream and not loop.what then loop.what = "a stream that is closed" end
  end
end

--- Reads a page.
-- @param bytes what the file has
-- @return a table; or nil and why it is none
function M.read(bytes)
  if #bytes < HEAD or bytes:sub(1, 8) ~= "eddypage" then return nil, "no counters page" end
  local head = ffi.cast("const eddy_page *", bytes)
  if head.version ~= C.EDDY_PAGE_VERSION then
    return nil, ("a counters page of version %d, of another eddy"):format(head.version)
  end
  local page = named(head, "size started began began_clock ended left_out generation")
  page.pid, page.exit_code = head.pid, head.exit_code
  page.worker = head.worker >= 0 and head.worker or nil
  page.auth = named(head, "allowed refused later malformed")
  page.eddy, page.command = text(head.eddy, 16), text(head.command, C.EDDY_PAGE_COMMAND)
  page.loops, page.streams, page.metrics, page.idle = {}, {}, {}, {}
  if head.head >= HEAD and head.head % 8 == 0 then
    read_records(page, bytes, head.head, math.min(page.size, #bytes))
  end
  join_idle(page)
  name_streams(page)
  return page
end

return M
