-- Plays examples/across-machines.md: its files are written, its commands run, its scripts talk.
local files = require "spec.support.files"
local folders = require "spec.support.folders"
local ports = require "spec.support.ports"
local process = require "spec.support.process"

describe("examples/across-machines.md", function()
  local folder
  folders.each(function(dir) folder = dir end)

  local port = tostring(ports.free(1))
  local blocks = {}
  do
    local text = files.read(EDDY_ROOT .. "/examples/across-machines.md"):gsub("5555", port)
      :gsub("10%.0%.0%.1", "127.0.0.1")
    for name, block in text:gmatch "```%l+ (%S+)\n(.-)```" do
      blocks[#blocks + 1] = { name = name, text = block }
    end
  end

  local function write(machine, block)
    files.write(("%s/%s/%s"):format(folder, machine, block.name), block.text)
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
    return out, files.read(folder .. "/server/log")
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
