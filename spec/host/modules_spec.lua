-- Where `require` finds a script's modules.
local folders = require "spec.support.folders"
local process = require "spec.support.process"

local check, shell = process.check, process.shell
local host = process.quote(EDDY_HOST)

describe("require", function()
  local dir
  folders.each(function(path)
    dir = path
    assert(os.execute("mkdir -p " .. dir .. "/app/lib " .. dir .. "/else") == 0)
  end)
  local function write(files) folders.write(dir, files) end

  -- Runs commands in the folder, with the host as $E.
  local function run(commands)
    return shell("unset LUA_PATH LUA_CPATH; cd " .. dir .. "; E=" .. host .. "; " .. commands)
  end

  local function prints(expected, commands)
    assert.equal(expected, (check(0, run(commands))))
  end

  before_each(function()
    write {
      ["app/main.lua"] = "print(require 'where', require 'lib', (pcall(require, 'here')))",
      ["app/where.lua"] = "return 'the script'",
      ["app/lib/init.lua"] = "return 'lib'",
      ["else/where.lua"] = "return 'elsewhere'",
      ["else/here.lua"] = "return 'here'",
    }
  end)

  it("looks in the script's folder first, from wherever it is called", function()
    prints("the script\tlib\tfalse\n", "$E app/main.lua")
    prints("the script\tlib\tfalse\n", "cd app; $E main.lua")
    prints("the script\tlib\tfalse\n", "cd else; $E ../app/main.lua")
    prints("the script\tlib\tfalse\n", "cd else; $E -- $OLDPWD/app/main.lua")
    write { ["app/moves.lua"] = "require('ffi').cdef 'int chdir(const char *);'" ..
      "require('ffi').C.chdir('/') print(require 'where')" }
    prints("the script\n", "cd app; $E moves.lua")
  end)

  it("takes the folder in which a linked script really is", function()
    prints("the script\tlib\tfalse\n", "ln -s ../app/main.lua else/link; cd else; $E link")
  end)

  it("looks in the current folder for code that is in no file", function()
    prints("elsewhere\n", [[cd else; $E -e 'print(require "where")']])
    prints("elsewhere\n", [[cd else; echo 'print(require "where")' | $E -]])
    prints("elsewhere\n", [[cd else; $E <(echo 'print(require "where")')]])
  end)

  it("finds libraries of the system, C ones and those of the script's folder, too", function()
    prints("table\n", [[$E -e 'print(type(require "cjson"))']])
    write { ["app/c.lua"] = "print(type(require 'cjson'), " ..
      "package.searchpath('cjson', package.cpath))" }
    prints("table\t" .. dir .. "/app/cjson.so\n", "cp $($E -e 'print(package.searchpath(" ..
      "\"cjson\", package.cpath))') app/cjson.so; cd else; $E ../app/c.lua")
  end)

  it("respects LUA_PATH: what its user put there stays, the current folder too", function()
    prints("true\n", [[cd else; export LUA_PATH='./?.lua'
      $E -e 'print(package.path:sub(-7) == "./?.lua")']])
    prints("the script\tlib\ttrue\n", "cd else; LUA_PATH='./?.lua;;' $E ../app/main.lua")
    prints("the script\tlib\ttrue\n", "LUA_PATH=\";;$PWD/else/?.lua\" $E app/main.lua")
    prints("the script\tlib\tfalse\n", "cd else; LUA_PATH=';;' $E ../app/main.lua")
    prints("0\ttrue\n", [[LUA_PATH='/a;;/b;;/c' LUA_CPATH='/a;;/b' $E -e '
      local function count(text) return select(2, text:gsub("%f[.]%./", "")) end
      local middle = package.path:match("/a;(.*);/b;")
      print(count(package.path) + count(package.cpath),
        package.path:match("/b;(.*);/c$") == middle and #middle > 10)']])
  end)

  it("finds eddy's own modules, whatever lies in the folder", function()
    write {
      ["app/eddy.lua"] = "error 'a file that lies there'",
      ["app/own.lua"] = [[print(require("eddy").loop == require "eddy.loop",
        type(require "eddy.stream"), (pcall(require, "eddy.nosuch")))]],
      ["else/argparse.lua"] = "error 'a file that lies there'",
      ["else/cjson.lua"] = "error 'a file that lies there'",
    }
    os.execute("mkdir " .. dir .. "/app/eddy")
    for _, name in ipairs { "init", "loop", "stream", "base/errors" } do
      os.execute("mkdir -p " .. dir .. "/app/eddy/base")
      write { ["app/eddy/" .. name .. ".lua"] = "error 'a file that lies there'" }
    end
    prints("true\ttable\tfalse\n", "$E app/own.lua")
    prints("true\ttable\tfalse\n", "cd app; $E own.lua")
    assert.matches("usage", (check(0, run "cd else; $E log-watch --help")))
  end)

  it("says when the folder's name cannot be in a path", function()
    os.execute("mkdir '" .. dir .. "/a;b'")
    write { ["a;b/s.lua"] = "print(1)" }
    local out, err = check(0, run "$E 'a;b/s.lua'")
    assert.equal("1\n", out)
    assert.matches("eddy: require does not find modules in .*a;b: a folder's name with ; or", err)
  end)

  it("is busted's own in `eddy test`: also in the current folder", function()
    write { ["else/x_spec.lua"] = [[
      it("finds", function() assert.equal("elsewhere", require "where") end)]] }
    local out = check(0, run "cd else; $E test --output=plainTerminal x_spec.lua")
    assert.matches("1 success", out)
  end)
end)
