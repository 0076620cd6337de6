-- Plays examples/across-machines.md: its files are written, its commands run, its scripts talk.
local ports = require "spec.support.ports"
local process = require "spec.support.process"
local support = require "spec.lua.support"

describe("examples/across-machines.md", function()
  local folder
  before_each(function() folder = support.temp_dir() end)
  after_each(function() process.shell("rm -rf " .. folder) end)

  local port = tostring(ports.free(1))
  local blocks = {}
  do
    local file = assert(io.open(EDDY_ROOT .. "/examples/across-machines.md"))
    local text = file:read("*a"):gsub("5555", port):gsub("10%.0%.0%.1", "127.0.0.1")
    file:close()
    for name, block in text:gmatch "```%l+ (%S+)\n(.-)```" do
      blocks[#blocks + 1] = { name = name, text = block }
    end
  end

  local function write(machine, block)
    local file = assert(io.open(("%s/%s/%s"):format(folder, machine, block.name), "w"))
    file:write(block.text)
    file:close()
  end

  -- Runs the commands of a block, or others, in a folder.
  local function run(machine, commands)
    local script = "cd %s/%s || exit; eddy() { %s \"$@\"; }; %s"
    return process.check(0, process.shell(script:format(folder, machine,
      process.quote(EDDY_HOST), commands)))
  end

  -- Runs a server and a client; what each printed.
  local function talk()
    local host = process.quote(EDDY_HOST)
    local out = run("server", ("%s server.lua >log & cd ../joe; timeout 20 %s client.lua; " ..
      "code=$?; kill $!; wait; exit $code"):format(host, host))
    local file = assert(io.open(folder .. "/server/log"))
    local log = file:read "*a"
    file:close()
    return out, log
  end

  it("goes from a local echo to one with keys in three steps", function()
    local names = {}
    for i, block in ipairs(blocks) do names[i] = block.name end
    assert.same({ "server.lua", "client.lua", "server", "joe", "server.lua", "client.lua" }, names)
    assert.equal(0, (process.shell(("mkdir %s/server %s/joe"):format(folder, folder))))
    write("server", blocks[1])
    write("joe", blocks[2])
    assert.same({ "hello\n", "" }, { talk() })

    local open = blocks[1].text:gsub("127%.0%.0%.1", "*")
    write("server", { name = "open.lua", text = open })
    local code, _, err = process.shell(("cd %s/server && EDDY_INSECURE= %s open.lua"):format(folder,
      process.quote(EDDY_HOST)))
    assert.equal(1, code)
    assert.matches("EACCES", err)
    assert.matches('curve = { secret = "server.key_secret", allow = "clients/" }', err, 1, true)

    run("server", blocks[3].text)
    run("joe", blocks[4].text)
    run("joe", "cp ../server/server.key . && cp joe.key ../server/clients/")
    write("server", blocks[5])
    write("joe", blocks[6])
    assert.same({ "hello\n", "from joe\n" }, { talk() })
  end)
end)
