-- What script.c gives its bytes to: the first says to which of these.
local root = os.getenv("EDDY_FUZZ_ROOT")
package.path = root .. "/lua/?.lua;" .. root .. "/lua/?/init.lua;" .. package.path

local ffi = require "ffi"
local collectors = require "eddy.exporter.collector"
local eddy = require "eddy"
local exposition = require "eddy.exporter.exposition"
local host = require "eddy.host.main"
local monitor = require "eddy.zmq.monitor"
local pages = require "eddy.counters.reader"
local processes = require "eddy.exporter.processes"
local recordings = require "eddy.replay.format"
local zmq = require "eddy.zmq"

-- Text, cut at the given byte.
local function words(text, separator)
  local list = {}
  for word in (text .. separator):gmatch("(.-)%" .. separator) do list[#list + 1] = word end
  return list
end

-- An error of eddy's, or one that names a wrong argument: nothing else may be raised.
local function guarded(fn, ...)
  local ok, err = pcall(fn, ...)
  local is_expected = ok or (type(err) == "table" and err.code) or
    (type(err) == "string" and err:find("expected", 1, true))
  if not is_expected then error(err, 0) end
  return ok and err
end

local loop = eddy.loop.new()
local a, b = zmq.instance():socket(zmq.PAIR), zmq.instance():socket(zmq.PAIR)
a:bind("inproc://fuzz")
b:connect("inproc://fuzz")
local sender, receiver = eddy.stream(a, loop), eddy.stream(b, loop)

local targets = {
  function(text) -- monitor events
    local event = guarded(monitor.parse_monitor_message, words(text, "|"))
    if event and type(event.name) ~= "string" then error("an event without a name", 0) end
  end,
  function(text) -- the command line
    local args = words(text, "|")
    args[0] = "eddy"
    local job, code = host._parse(args)
    if not job and type(code) ~= "number" then error("neither a job nor an exit code", 0) end
  end,
  function(text) -- counters pages
    local head = ffi.new("eddy_page", { magic = "eddypage", version = 1,
      head = ffi.sizeof "eddy_page", size = ffi.sizeof "eddy_page" + #text })
    local bytes = ffi.string(head, ffi.sizeof(head)) .. text
    for _, each in ipairs { text, bytes, bytes:sub(1, #text), text .. bytes:sub(#text + 1) } do
      local page, problem = pages.read(each)
      if not page and type(problem) ~= "string" then error("no page, and no problem", 0) end
      if page then
        local entry = { pid = 1, page = page, status = { word = "died", text = "" } }
        exposition.write(processes.families(collectors.new(), { entry }, "pid", 0, {}))
      end
    end
  end,
  function(text) -- frames to Lua
    local parts, is_copy = words(text, "|"), #text % 2 == 0
    local msg
    sender:send_multipart(parts)
    receiver:on_recv(function(received) msg = received end, is_copy)
    receiver:flush(zmq.POLLIN, 1)
    for i, part in ipairs(parts) do
      local got = is_copy and msg[i] or msg[i].bytes
      if got ~= part then error("a part is not what was sent", 0) end
    end
    if #msg ~= #parts then error("parts were lost or found", 0) end
  end,
  function(text) -- recordings: what is read is written as it was
    local records, problem = recordings.read(recordings.HEAD .. text)
    if not records then return type(problem) == "string" or error("no reason", 0) end
    local whole = {}
    for i, record in ipairs(records) do
      if record.ns >= 2 ^ 53 then return end -- a number of Lua's has not all of it
      whole[i] = recordings.write(record)
    end
    whole = table.concat(whole)
    if text:sub(1, #whole) ~= whole then error("it is not what was read", 0) end
  end,
}

return function(bytes)
  if #bytes == 0 then return end
  targets[bytes:byte() % #targets + 1](bytes:sub(2))
end
