local files = require "spec.support.files"
local folders = require "spec.support.folders"
local ports = require "spec.support.ports"
local process = require "spec.support.process"

describe("eddy init", function()
  local folder
  folders.each(function(dir) folder = dir end)

  -- Runs a shell command in the folder; `eddy` is the host.
  local function shell(code, command)
    return process.check(code, process.shell(([[host=%s; eddy() { $host "$@"; }
      cd %s || exit; %s]]):format(process.quote(EDDY_HOST), folder, command)))
  end

  local function read(path) return files.read(folder .. "/" .. path) end

  it("makes a project that passes its own test at once", function()
    local out, err = shell(0, "eddy init my-shop")
    assert.same({ "my-shop is made: cd my-shop; eddy test; eddy my-shop.lua\n", "" }, { out, err })
    assert.matches("\n1 success / 0 failures / 0 errors", shell(0, "cd my-shop && eddy test"))
    for _, path in ipairs { "README.md", ".gitignore", "my-shop.service", "my-shop.lua" } do
      assert.is_nil(read("my-shop/" .. path):find "%f[%w]NAME%f[%W]")
    end
  end)

  it("makes a spec that notices when the project is broken", function()
    shell(0, "eddy init shop && sed -i 's/hello/hullo/' shop/greeter.lua")
    assert.matches("\n0 successes / 1 failure", shell(1, "cd shop && eddy test"))
  end)

  it("makes code that luacheck has nothing to say about", function()
    if process.shell "command -v luacheck" ~= 0 then
      return pending "needs luacheck; on Debian: apt-get install lua-check"
    end
    shell(0, "eddy init shop && luacheck --quiet shop")
  end)

  it("makes settings for editors that name the annotations", function()
    shell(0, "eddy init shop")
    local settings = require("cjson").decode(read "shop/.luarc.json")
    local library = settings["workspace.library"]
    assert.equal("LuaJIT", settings["runtime.version"])
    local built = EDDY_HOST:match "^.*/" .. "types"
    if process.shell("test -d " .. built) == 0 then
      assert.equal(select(2, process.shell("realpath " .. built)), library[1] .. "\n")
    else
      assert.matches("/share/eddy/types$", library[1])
    end
  end)

  it("makes a service that starts, answers, and ends", function()
    shell(0, "eddy init shop")
    local unit = read "shop/shop.service"
    local command = unit:match "\nExecStart=(%S+) /opt/shop/shop.lua\n"
    assert.equal(0, (process.shell("test -x " .. command)))
    assert.matches("\nType=notify\n", unit)
    assert.is_nil(unit:find "%%i")
    if process.shell "command -v systemd-analyze" == 0 then
      local _, err = shell(0, "sed -i 's:/opt/:" .. folder .. "/:' shop/shop.service && " ..
        "systemd-analyze verify shop/shop.service")
      assert.is_nil(err:find("shop.service", 1, true))
    end
    local endpoint = "tcp://127.0.0.1:" .. ports.free(1)
    local out = shell(0, ([[$host shop/shop.lua %s & pid=$!
      eddy -e 'local z = require "eddy.green"
        local s = z.instance():socket(z.REQ, { connect = ... })
        s:send "Joe" print(s:recv())' %s
      kill -TERM $pid; wait $pid]]):format(endpoint, endpoint))
    assert.matches("shop listens at " .. endpoint .. "\n", out, 1, true)
    assert.matches("hello, Joe\n1 requests were answered\n", out, 1, true)
  end)

  it("refuses what is there, and what is no name", function()
    shell(0, "mkdir old && echo text > file")
    for _, name in ipairs { "old", "file" } do
      local _, err = shell(1, "eddy init " .. name)
      assert.equal(("eddy: init: %s: it is there already: take another name, or move it away\n")
        :format(name), err)
    end
    assert.equal("text\n", read "file")
    local _, err = shell(1, "eddy init nowhere/shop")
    assert.equal("eddy: init: nowhere/shop: there is no folder nowhere\n", err)
    for _, name in ipairs { "''", "1shop", "'a b'", "a.b", "old/", "--", "greeter", "a b",
      ("x"):rep(65) } do
      _, err = shell(2, "eddy init " .. name)
      assert.matches("^eddy: init: .*%(eddy init %-%-help tells more%)\n$", err)
    end
    assert.equal("file\nold\n", (shell(0, "ls")))
    assert.matches("^usage: eddy init NAME\n", (shell(0, "eddy init --help")))
  end)
end)
