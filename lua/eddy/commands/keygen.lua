-- The command `eddy keygen`: makes the two files of a pair of keys.
local auth = require "eddy.auth"

local M = {}

local OK, FAILED, USAGE = 0, 1, 2

local usage = [[
usage: eddy keygen [options] NAME

Makes a pair of CURVE keys, and writes NAME.key, which may be given to everybody, and
NAME.key_secret, which only its owner may read. PyZMQ and CZMQ read them, too. Files
that are there already are never overwritten. NAME may begin with a folder.

options:
  -m, --metadata KEY=VALUE  what both files tell of who has the key; may be repeated
  --help                    print this and exit
]]

local function complain(text) io.stderr:write("eddy: keygen: ", text, "\n") end

local function misuse(text)
  complain(text .. " (eddy keygen --help tells more)")
  return nil, USAGE
end

-- Adds "KEY=VALUE" to the job's metadata. Returns what is wrong with it.
local function add_metadata(job, text)
  local name, value = (text or ""):match "^([^=]+)=(.*)$"
  if not name then return "-m needs KEY=VALUE" end
  if job.metadata[name] then return "-m " .. name .. " comes twice" end
  job.metadata[name] = value
end

local function check_name(name)
  local ending = name:match "%.key$" or name:match "%.key_secret$"
  if ending then
    return ("leave %s away: eddy keygen %s"):format(ending, name:sub(1, -#ending - 1))
  end
  if name == "" or name:find "/$" then return "no name" end
end

-- Reads the arguments after "keygen". Returns the job, or nil and an exit code.
local function parse(args)
  local job, i, no_options = { metadata = {} }, 1, false
  while args[i] do
    local word, problem = args[i], nil
    local value = not no_options and word:match "^%-%-metadata=(.*)$"
    if no_options or word:sub(1, 1) ~= "-" then
      if job.name then return misuse("more than one name: " .. word) end
      job.name, problem = word, check_name(word)
    elseif word == "--" then
      no_options = true
    elseif word == "--help" or word == "-h" then
      io.stdout:write(usage)
      return nil, OK
    elseif word == "-m" or word == "--metadata" then
      problem, i = add_metadata(job, args[i + 1]), i + 1
    elseif value then
      problem = add_metadata(job, value)
    else
      problem = "unknown option " .. word
    end
    if problem then return misuse(problem) end
    i = i + 1
  end
  if not job.name then return misuse("no name") end
  return job
end

local reasons = {
  EEXIST = "%s is there already, and is not overwritten: take another name, or move it away",
  ENOENT = "there is no folder for %s: make it first",
  EACCES = "you may not write %s",
  EROFS = "you may not write %s: its disk is read-only",
}

local function explain(err)
  local reason = type(err) == "table" and reasons[err.name]
  if reason then return reason:format((err.message:match "^(.*): "):gsub("^%./", "") .. "") end
  return tostring(err):gsub("^.-create_certificates: ", "")
end

--- Runs the command.
-- @param args the arguments after its name
-- @return the exit code
function M.main(args)
  local job, code = parse(args)
  if not job then return code end
  local folder, name = job.name:match "^(.*/)([^/]*)$"
  local ok, public, secret = pcall(auth.create_certificates, folder or ".", name or job.name,
    job.metadata)
  if not ok then
    complain((explain(public)))
    return type(public) == "table" and FAILED or USAGE
  end
  if not folder then public, secret = public:gsub("^%./", ""), secret:gsub("^%./", "") end
  print(("%s  the public key: %s"):format(public, (auth.load_certificate(public))))
  print(("%s  the secret key: leave it here, and show it to nobody"):format(secret))
  return OK
end

return M
