-- The rock: built by LuaRocks against the libzmq that is installed, into a tree of its own.
local folders = require "spec.support.folders"
local process = require "spec.support.process"

local LONG = 280 -- seconds: it compiles everything

-- Why it is not built.
local function why_not()
  local _, libraries = process.shell("ldd " .. EDDY_HOST)
  if libraries:find "lib[at]san" then return "the rock is not built with sanitizers" end
  if process.shell "command -v luarocks" ~= 0 then return "needs luarocks" end
end

describe("the rock", function()
  local reason = why_not()
  if reason then return pending(reason) end
  local folder

  -- Runs a command in the source tree, where $F is the folder, and R calls LuaRocks. Returns what
  -- it printed.
  local function run(command, seconds)
    local code, out, err = process.shell(([[
      set -e
      F=%s; cd %s; export HOME=$F
      R() { luarocks --lua-version 5.1 --tree $F/tree --only-server $F "$@"; }
      %s]]):format(folder, process.quote(EDDY_ROOT), command), seconds)
    assert.message(out .. err).equal(0, code)
    return out
  end

  setup(function()
    folder = folders.new()
    run("R make core/build/eddy-scm-1.rockspec", LONG)
  end)

  teardown(function() folders.remove(folder) end)

  it("has the command", function()
    assert.matches("received: goodbye", run "$F/tree/bin/eddy examples/first_steps/echo.lua")
    local version = run "$F/tree/bin/eddy --version":match "^eddy (%S+)"
    assert.equal(require("eddy").version, version)
  end)

  it("has the modules, which find the library beside them", function()
    local out = run [[
      eval "$(R path)"; cd /
      luajit -e 'print(require("eddy").version, package.searchpath("eddy", package.path))
        for line in io.lines "/proc/self/maps" do print(line:match "/.*/libeddy.*$") end']]
    local head = require("eddy").version .. "\t" .. folder .. "/tree/share/lua"
    assert.equal(head, out:sub(1, #head))
    assert.matches("\n" .. folder .. "/tree/lib/lua/5.1/libeddy.so.0\n", out, 1, true)
  end)

  it("goes again", function()
    run "R remove eddy"
    assert.equal("", run "find $F/tree -name '*eddy*'")
    run("R make core/build/eddy-scm-1.rockspec", LONG)
  end)
end)
