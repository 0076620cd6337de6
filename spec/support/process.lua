-- Runs commands as a user would, and keeps what they print.
local C = require("eddy.base.libeddy").C
local files = require "spec.support.files"
local full = require "spec.support.full"

local M = {}

local MOST_SECONDS = full.size(60, 7200)

local read = files.read

local function quote(word) return "'" .. tostring(word):gsub("'", "'\\''") .. "'" end

--- Runs a shell command, for a bounded time.
-- @param seconds how long at most; a minute unless given
-- @return its exit code (128 + n for a signal), standard output, and standard error
function M.shell(command, seconds)
  local out, err = os.tmpname(), os.tmpname()
  local script = ("timeout -k 1 %d bash -c %s >%s 2>%s </dev/null; echo $?"):format(
    seconds or MOST_SECONDS, quote(command), out, err)
  local pipe = assert(io.popen(script))
  local code = tonumber(pipe:read("*l"))
  pipe:close()
  local printed, complained = read(out), read(err)
  os.remove(out)
  os.remove(err)
  return code, printed, complained
end

--- Runs the host with these arguments. As `shell`.
function M.eddy(...)
  local words = { quote(EDDY_HOST) }
  for i = 1, select("#", ...) do words[i + 1] = quote((select(i, ...))) end
  return M.shell(table.concat(words, " "))
end

--- Writes a script to a temporary file, which `remove` deletes.
-- @return its name
function M.script(text)
  local name = os.tmpname()
  local file = assert(io.open(name, "w"))
  file:write(text)
  file:close()
  return name
end

--- For the scripts of a test: what writes one, as `script`, and what removes them all.
function M.scripts()
  local names = {}
  return function(text)
    names[#names + 1] = M.script(text)
    return names[#names]
  end, function()
    for i, name in ipairs(names) do
      os.remove(name)
      names[i] = nil
    end
  end
end

--- Fails unless a command ended with this code.
-- @return what it printed, and its complaints
function M.check(expected_code, code, out, err)
  if code ~= expected_code then
    error(("exit code %d instead of %d: %s%s"):format(code, expected_code, out, err), 2)
  end
  return out, err
end

--- What a script for `signalled` begins with: a loop, and a function that says it is ready.
M.READY = [[
  local path = ...
  local loop = require("eddy").loop.instance()
  local function ready()
    local pipe = io.open(path, "w") pipe:write("ready\n") pipe:close()
  end
]]

--- Runs a script that calls `ready` when it is, and then shell commands, which have the host's
-- process id as $pid.
-- @param options of the host, and what runs it, such as `nice`: strings
-- @return as `shell`: the host's exit code
function M.signalled(text, commands, options, through)
  local name = M.script(text)
  local code, out, err = M.shell(([[
    dir=$(mktemp -d); mkfifo $dir/ready
    %s %s %s %s $dir/ready & started=$!; pid=$started
    read line < $dir/ready
    %s
    wait $started; code=$?
    rm -r $dir; exit $code]]):format(through or "", quote(EDDY_HOST), options or "", name,
    commands))
  os.remove(name)
  return code, out, err
end

--- How long fn takes, in ms, and what it returns.
function M.timed(fn, ...)
  local began = C.eddy_time()
  local code, out, err = fn(...)
  return C.eddy_time() - began, code, out, err
end

local Process = {}
Process.__index = Process

--- Starts a host with a script beside this process.
-- @param through a command that runs the host, such as `nice`; none unless given
-- @param options of the host
-- @return an object with its process id: `pid`
function M.start(text, through, options)
  local name = M.script(text)
  local pipe = assert(io.popen(("%s %s %s %s >/dev/null & echo $!"):format(through or "",
    quote(EDDY_HOST), options or "", name)))
  local pid = tonumber(pipe:read("*l"))
  pipe:close()
  return setmetatable({ pid = pid, name = name }, Process)
end

--- A field of its status: "State", "VmRSS"; nil when it is gone.
function Process:status(field)
  local file = io.open("/proc/" .. self.pid .. "/status")
  local value = file and file:read("*a"):match(field .. ":%s*(%S+)")
  if file then file:close() end
  return value
end

--- Stops it, until it is killed.
function Process:stop()
  os.execute("kill -STOP " .. self.pid)
  repeat until self:status "State" == "T"
end

--- Kills it and removes its script. What it had is free then.
function Process:kill()
  os.execute(("kill -KILL %d 2>/dev/null"):format(self.pid))
  os.remove(self.name)
  -- The first thread may end before others, which have its descriptors.
  local state
  repeat state = self:status "State"
  until not state or state == "Z" and tonumber(self:status "Threads" or 0) <= 1
end

M.quote = quote

return M
