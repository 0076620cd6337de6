-- The command `eddy log-watch`: shows what is logged at an endpoint.
local loops = require "eddy.loop"
local new_stream = require "eddy.stream"
local zmq = require "eddy.zmq"

local M = {}

local OK, FAILED, USAGE = 0, 1, 2
local EPIPE = zmq.EPIPE
local SIGPIPE = 13

local usage = [[
usage: eddy log-watch [options] ENDPOINT

Connects to a publisher of logs (or of anything) and prints what it publishes, a
line for each message, until SIGINT or SIGTERM.

options:
  --bind                bind to the endpoint instead: publishers connect to it
  --insecure            let it be where strangers can connect, too
  -t, --topic TOPIC     show what begins with TOPIC; may be repeated (everything)
  --timestamp [FORMAT]  begin lines with the time, as strftime has it
                        (%Y-%m-%d %H:%M:%S; a FORMAT has a %)
  --separator S         between time, topic and text (" | ")
  --align               pad topics to the width of the widest one so far
  --color               color the levels
  --help                print this and exit
]]

local colors = {
  DEBUG = "36", INFO = "32", WARN = "33", WARNING = "33", ERROR = "31", CRITICAL = "1;31",
}

local function complain(text) io.stderr:write("eddy: log-watch: ", text, "\n") end

local function misuse(text)
  complain(text .. " (eddy log-watch --help tells more)")
  return nil, USAGE
end

local short = { ["-t"] = "--topic", ["-h"] = "--help" }

-- Each takes the job, its value and the next argument; returns how many arguments it used.
local options = {
  ["--topic"] = function(job, value) table.insert(job.topics, value) end,
  ["--separator"] = function(job, value) job.separator = value end,
  ["--bind"] = function(job) job.binds = true end,
  ["--insecure"] = function(job) job.insecure = true end,
  ["--align"] = function(job) job.align = true end,
  ["--color"] = function(job) job.color = true end,
}
local needs_value = { ["--topic"] = "a topic", ["--separator"] = "a text" }

-- Reads the arguments after "log-watch". Returns the job, or nil and an exit code.
local function parse(args)
  local job, i = { topics = {}, separator = " | " }, 1
  while args[i] do
    local name, value = args[i]:match("^(%-%-%l+)=(.*)$")
    name = name or short[args[i]] or args[i]
    i = i + 1
    if name == "--help" then
      io.stdout:write(usage)
      return nil, OK
    elseif name == "--timestamp" then
      local word = args[i] or ""
      if not value and word:find("%%") and not word:find("://", 1, true) then
        value, i = word, i + 1
      end
      job.timestamp = value or "%Y-%m-%d %H:%M:%S"
    elseif options[name] then
      if needs_value[name] and not value then
        if not args[i] then return misuse(args[i - 1] .. " needs " .. needs_value[name]) end
        value, i = args[i], i + 1
      elseif value and not needs_value[name] then
        return misuse(name .. " takes no value")
      end
      options[name](job, value)
    elseif name:sub(1, 1) == "-" then
      return misuse("unknown option " .. name)
    elseif job.endpoint then
      return misuse("more than one endpoint: " .. name)
    else
      job.endpoint = name
    end
  end
  if not job.endpoint then return misuse("no endpoint") end
  if #job.topics == 0 then job.topics[1] = "" end
  return job
end

-- What strangers publish must not steer the terminal.
local function harmless(text)
  return (text:gsub("[%z\1-\8\11-\31\127]", function(byte)
    return ("\\x%02x"):format(byte:byte())
  end))
end

local function colored(topic)
  return (topic:gsub("%u+", function(word)
    local color = colors[word]
    return color and "\27[" .. color .. "m" .. word .. "\27[0m"
  end))
end

local function line_of(job, msg)
  local fields = {}
  if job.timestamp then fields[1] = os.date(job.timestamp) end
  if #msg > 1 then
    local topic = harmless(msg[1])
    job.width = math.max(job.width or 0, #topic)
    local padding = job.align and (" "):rep(job.width - #topic) or ""
    fields[#fields + 1] = (job.color and colored(topic) or topic) .. padding
  end
  for i = math.min(2, #msg), #msg do
    fields[#fields + 1] = harmless((msg[i]:gsub("\n$", "")))
  end
  return table.concat(fields, job.separator) .. "\n"
end

local function watch(job)
  local socket = zmq.instance():socket(zmq.SUB,
    { linger = 0, subscribe = job.topics, insecure = job.insecure })
  if job.binds then socket:bind(job.endpoint) else socket:connect(job.endpoint) end
  io.stdout:setvbuf("full") -- a failed write of a single line goes unsaid
  local loop, code = loops.instance(), OK
  local stream = new_stream(socket, loop)
  stream:on_recv(function(msg)
    io.stdout:write(line_of(job, msg))
    local ok, err, number = io.stdout:flush()
    if ok then return end
    -- Whoever read our output may have had enough.
    if number == EPIPE then
      code = 128 + SIGPIPE
    else
      complain(err)
      code = FAILED
    end
    loop:stop()
  end)
  loop:start()
  stream:close(0)
  return code
end

--- Runs the command.
-- @param args the arguments after its name
-- @return the exit code
function M.main(args)
  local job, code = parse(args)
  if not job then return code end
  local ok, result = pcall(watch, job)
  if ok then return result end
  complain(tostring(result))
  return type(result) == "table" and result.name == "EINVAL" and USAGE or FAILED
end

return M
