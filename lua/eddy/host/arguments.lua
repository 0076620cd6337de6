-- The command line of `eddy SCRIPT`: its options, and what to run.
local C = require("eddy.base.libeddy").C
local nearest = require "eddy.base.nearest"
local commands = require "eddy.commands.list"
local options = require "eddy.commands.options"
local journal = require "eddy.base.journal"
local place = require "eddy.control.place"
local callback_errors = require "eddy.loop.callback_errors"
local watchdog = require "eddy.loop.watchdog"

local M = {}

local OK, USAGE = 0, 2
local DRAIN_MS = 5000
local MOST_DRAIN_MS = 1e9
local MOST_WORKERS = 1000

-- "report=100,abort=5000" as a table; nil when it is something else.
local function limits_of(text)
  local limits = {}
  for item in (text .. ","):gmatch("([^,]*),") do
    local name, ms = item:match("^(%l+)=(.+)$")
    if not watchdog.is_limit(name, tonumber(ms)) then return nil end
    limits[name] = tonumber(ms)
  end
  return limits
end

-- How many workers; nil when it is no number of them.
local function workers_of(text)
  local count = text == "cores" and C.eddy_processors() or tonumber(text)
  return count and count >= 1 and count <= MOST_WORKERS and count % 1 == 0 and count or nil
end

-- Each takes an option's value into the job, and returns what is wrong with it.
local takers = {
  ["-e"] = function(job, code) job.code, job.arg[0] = code, "-e" end,
  ["-i"] = function(job) job.interactive = true end,
  ["--insecure"] = function(job) job.insecure = true end,
  ["--drain"] = function(job, text)
    job.drain = tonumber(text)
    if not job.drain or not (job.drain >= 0 and job.drain <= MOST_DRAIN_MS) then
      return "needs a number of milliseconds"
    end
  end,
  ["--watchdog"] = function(job, text)
    job.limits = limits_of(text)
    if not job.limits then
      return "needs limits, such as report=100,interrupt=1000,abort=10000"
    end
  end,
  ["--watch"] = function(job) job.watch = true end,
  ["--workers"] = function(job, text)
    job.workers = workers_of(text)
    if not job.workers then
      return ("needs a number of processes up to %d, or `cores`"):format(MOST_WORKERS)
    end
  end,
  ["--worker"] = function(job, text) job.worker = text end,
  ["--control"] = function(job, text)
    local problem
    job.control, problem = place.read(text or "")
    return problem
  end,
  ["--profile"] = function(job, file) job.profile = file end,
  ["--record"] = function(job, file) job.record = file end,
  ["--replay"] = function(job, file) job.replay = file end,
  ["--debug"] = function(job) job.debug = true end,
  ["--version"] = function(job) job.wants_version = true end,
  ["--help"] = function(job) job.wants_help = true end,
}

local by_name = {}
for _, option in ipairs(options) do
  by_name[option[1]] = option
  if option.short then by_name[option.short] = option end
end

local opening = [[
usage: eddy [options] [--] SCRIPT [ARG...]
       eddy [options] -i [SCRIPT] [ARG...]
       eddy [options] -e CODE [ARG...]
       eddy [options] test [BUSTED OPTION...] [SPEC...]
       eddy COMMAND [options] [ARG...]

Runs a Lua script whose functions are the handlers of ZeroMQ sockets, timers,
descriptors and signals, and then its loop, if it left something alive on it.
SCRIPT is a file, or - for the standard input; without one, Lua code is typed in
while the loop runs. `test` runs busted on files and folders of specs, `spec`
unless some are named.
]]

local function usage()
  local lines = { opening, "options:" }
  for _, option in ipairs(options) do
    local value = option[2] and (option[2]:sub(1, 1) == "[" and "[=" .. option[2]:sub(2)
      or " " .. option[2]) or ""
    for i, text in ipairs(option[3]) do
      lines[#lines + 1] = ("  %-18s %s"):format(i == 1 and option[1] .. value or "", text)
    end
  end
  lines[#lines + 1] = "\ncommands (eddy COMMAND --help tells more):"
  for _, row in ipairs(commands.rows) do
    lines[#lines + 1] = ("  %-18s %s"):format(row[1] .. " " .. row[2], row[3])
  end
  return table.concat(lines, "\n") .. "\n"
end

--- Says what is wrong.
function M.complain(text) callback_errors.write(text, journal.ERROR) end

local function misuse(text)
  M.complain(text .. " (eddy --help tells more)")
  return nil, USAGE
end

-- Takes the option at `i`. Returns the next place, or nil and what is wrong.
local function take(job, args, i, option, value)
  local kind = option[2]
  i = i + 1
  if kind and kind:sub(1, 1) ~= "[" and not value then
    value, i = args[i], i + 1
    if not value then return nil, ("%s needs %s"):format(option[1], option.needs) end
  elseif value and not kind then
    return nil, option[1] .. " takes no value"
  end
  local problem = takers[option[1]](job, value)
  if problem then return nil, ("%s %s"):format(option[1], problem) end
  return i
end

-- What of the command line cannot be where code is typed in.
local function refuses_prompt(job)
  for _, name in ipairs { "watch", "workers", "worker", "record", "replay" } do
    if job[name] then return "--" .. name end
  end
  return job.test and "test" or job.file == "-" and "a script from the standard input" or nil
end

local function add(words, args, first, last)
  for i = first, last do words[#words + 1] = args[i] end
end

--- Reads the command line.
-- @param args from 0
-- @param print_version prints the versions
-- @return what to do, with `command`, the words for a worker; or nil and an exit code, when that
-- is all
function M.read(args, print_version)
  local job, i = { drain = DRAIN_MS, command = {}, arg = { [-1] = args[0] } }, 1
  local kept = 0 -- of the command's words, how many were read
  while args[i] do
    local word = args[i]
    local name, value = word:match "^(%-%-[%l-]+)=(.*)$"
    local option = by_name[name or word]
    if option then
      local at, problem = take(job, args, i, option, value)
      if not at then return misuse(problem) end
      if not option.is_supervisors then add(job.command, args, i, at - 1) end
      i, kept = at, at - 1
      if job.wants_help then
        io.stdout:write(usage())
        return nil, OK
      elseif job.wants_version then
        print_version()
        return nil, OK
      end
      if option.is_last then break end
    elseif word == "--" then
      job.file, job.arg[0], i = args[i + 1], args[i + 1], i + 2
      break
    elseif word:sub(1, 1) == "-" and word ~= "-" then
      return misuse("unknown option " .. word .. nearest(word, by_name))
    else
      if word == "test" then job.test = true else job.file = word end
      job.arg[0], i = word, i + 1
      break
    end
  end
  local asked = os.getenv "EDDY_CONTROL"
  if asked and asked ~= "" and not job.control then
    local problem
    job.control, problem = place.read(asked)
    if problem then return misuse("EDDY_CONTROL: " .. problem) end
  end
  local has_script = job.code or job.file or job.test
  if not has_script and not job.interactive then
    job.interactive = not refuses_prompt(job) and
      require("eddy.terminal.screen").is_there()
    if not job.interactive then return misuse("no script") end
  end
  local unfit = job.interactive and refuses_prompt(job)
  if unfit then return misuse("-i: code is typed into one process, by whom it stays: " ..
    "it does not go with " .. unfit) end
  if job.watch and (not job.file or job.file == "-") then
    return misuse("--watch needs a file that it can watch")
  end
  if job.workers and (job.test or job.file == "-") then
    return misuse("--workers needs a script that each process can read")
  end
  add(job.command, args, kept + 1, #args)
  for at = i, #args do job.arg[at - i + 1] = args[at] end
  return job
end

return M
