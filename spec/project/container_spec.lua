-- The service of the Dockerfile, run as its container runs it: with its command line, its health
-- check, its signal.
local examples = require "spec.support.examples"
local process = require "spec.support.process"
local support = require "spec.lua.support"

local FOLDER = EDDY_ROOT .. "/examples/services"

local dockerfile
do
  local file = assert(io.open(FOLDER .. "/Dockerfile"))
  dockerfile = file:read("*a"):gsub("\\\n", " ")
  file:close()
end

-- The words of an instruction, as the shell has them.
local function words_of(instruction)
  local words = {}
  for word in dockerfile:match("\n" .. instruction .. " (%b[])"):gmatch '"([^"]*)"' do
    words[#words + 1] = process.quote(word)
  end
  return table.concat(words, " ")
end

describe("the container", function()
  local folder
  before_each(function() folder = support.temp_dir() end)
  after_each(function() process.shell("rm -rf " .. folder) end)

  it("is built in two stages, from files that are there", function()
    local stages = {}
    for image in dockerfile:gmatch "\nFROM (%S+)" do stages[#stages + 1] = image end
    assert.same({ "debian:bookworm-slim", "debian:bookworm-slim" }, stages)
    for file in dockerfile:gmatch "\nCOPY ([%w_./]+) " do
      assert.equal(0, (process.shell(("test -e %s/%s"):format(EDDY_ROOT, file))))
    end
    assert.matches("\nUSER eddy\n", dockerfile, 1, true)
    assert.is_nil(dockerfile:lower():find "insecure")
  end)

  it("serves who has a key, is healthy as long as its loop turns, and ends in order", function()
    if not pcall(require, "argparse") then return pending "needs lua-argparse" end
    if not pcall(require, "cjson") then return pending "needs lua-cjson" end
    local client = process.script [[
      local zmq = require "eddy.zmq"
      local endpoint, secret = ...
      local socket = zmq.instance():socket(zmq.REQ, { linger = 0,
        rcvtimeo = secret and 20000 or 300,
        curve = secret and { secret = secret, server = "server.key" }, connect = endpoint })
      socket:send "hello"
      print(socket:recv())
    ]]
    local entry = words_of "ENTRYPOINT":match "^%S+ (.*)$"
      :gsub("/etc/eddy/service.lua", examples.path "secure_echo")
    local out, err = process.check(0, process.shell(([[
      cd %s; eddy() { %s "$@"; }; export XDG_RUNTIME_DIR=$PWD
      eddy keygen server && mkdir clients && eddy keygen joe && mv joe.key clients || exit
      mkfifo said
      %s %s server.key_secret clients tcp://127.0.0.1:* >said & pid=$!
      exec 3<said; read -r line <&3
      eddy %s ${line##* } joe.key_secret
      eddy %s ${line##* }
      healthy() { set -- %s; shift; set -- "${@/#1/$pid}"; eddy "$@"; }
      healthy >/dev/null && echo healthy
      kill -STOP $pid; healthy 2>/dev/null || echo hangs; kill -CONT $pid
      kill -%s $pid; wait $pid; echo ended with $?; cat <&3]]):format(folder,
      process.quote(EDDY_HOST), process.quote(EDDY_HOST), entry, client, client,
      words_of "HEALTHCHECK [^\n]* CMD", dockerfile:match "\nSTOPSIGNAL SIG(%u+)")))
    os.remove(client)
    assert.message(out .. err).matches("hello\nnil\t.*\nhealthy\nhangs\nended with 0\nstopping\n$",
      out)
  end)

  it("asks for what it needs", function()
    local code, _, err = process.eddy(examples.path "secure_echo")
    assert.equal(2, code)
    assert.matches("^usage: secure_echo ", err)
  end)
end)
