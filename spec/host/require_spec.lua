-- `require` in the host: as Lua's own, and modules may wait while they are loaded.
local files = require "spec.support.files"
local folders = require "spec.support.folders"
local process = require "spec.support.process"

local check, eddy = process.check, process.eddy

describe("require", function()
  local folder, names

  before_each(function() folder, names = folders.new(), {} end)
  after_each(function()
    for _, name in ipairs(names) do os.remove(name) end
    os.remove(folder)
  end)

  local function write(name, text)
    names[#names + 1] = folder .. "/" .. name .. ".lua"
    files.write(names[#names], text)
  end

  local function run(code, text)
    return check(code, eddy("-e", ("package.path = %q .. package.path "):format(
      folder .. "/?.lua;") .. "local eddy = require 'eddy' " .. text))
  end

  it("lets a module wait at its top level, in tasks, handlers and the main program", function()
    write("slow", "require('eddy').sleep(1) return { ... }")
    write("nested", "return { require 'slow' }")
    local load = " print(require('nested')[1][1], require 'nested' == package.loaded.nested) "
    local expected = "slow\ttrue\n"
    assert.equal(expected, run(0, load))
    assert.equal(expected, run(0, "eddy.spawn(function()" .. load .. "end)"))
    assert.equal(expected, run(0, "eddy.loop.instance():call_later(1, function()" .. load ..
      "end)"))
  end)

  it("loads a module once, for all who want it meanwhile", function()
    write("slow", "count = (count or 0) + 1 require('eddy').sleep(5) return { count }")
    assert.equal("1\n1\n1\n", run(0, [[
      for i = 1, 3 do eddy.spawn(function() print(require("slow")[1]) end) end]]))
  end)

  it("says that a module failed to all who want it, with the module's line", function()
    write("bad", "require('eddy').sleep(5) error('on purpose')")
    local _, err = run(1, "for i = 1, 2 do eddy.spawn(function() require 'bad' end) end")
    assert.matches("bad.lua:1: on purpose\nstack traceback:\n.-bad.lua:1: in main chunk", err)
    assert.matches("%(%-e%):1: loop or previous error loading module 'bad'", err)
  end)

  it("finds circles, also of modules that wait", function()
    write("a", "require('eddy').sleep(1) return require 'b'")
    write("b", "require('eddy').sleep(1) return require 'a'")
    local _, err = run(1, "eddy.spawn(require, 'a') eddy.spawn(require, 'b')")
    assert.matches("loop or previous error loading module '[ab]'", err)
    write("c", "return require 'c'")
    _, err = run(1, "require 'c'")
    assert.matches("%(%-e%):1: loop or previous error loading module 'c'", err)
  end)

  it("keeps what a library in C returned, which may use it when it is loaded again", function()
    run(0, [[
      package.preload.file = io.tmpfile
      local weak = setmetatable({ require "file" }, { __mode = "v" })
      for _ = 1, 3 do
        package.loaded.file = nil
        collectgarbage()
        collectgarbage()
        assert(require "file" ~= weak[1] and weak[1])
      end
      local has_luv, uv = pcall(require, "luv")
      if not has_luv then return end
      uv, package.loaded.luv = nil, nil
      collectgarbage()
      collectgarbage()
      uv = require "luv"
      uv.new_timer():start(1, 0, function() os.exit(0) end)
      uv.run()]])
  end)

  it("is Lua's in all else", function()
    write("plain", "return nil")
    write("no", "return false")
    write("set", "package.loaded[...] = 'set'")
    assert.equal("true false set 5 true\n", run(0, [[
      package.preload["5"] = function(name) return tonumber(name) end
      io.write(table.concat({ tostring(require "plain"), tostring(require "no"),
        require "set", require(5), tostring(require "string" == string) }, " "), "\n")]]))
    local _, err = run(1, "require 'nosuch'")
    assert.matches("^eddy: %(%-e%):1: module 'nosuch' not found:\n\tno field package.preload" ..
      "%['nosuch'%]\n\tno file '[^\n]-/nosuch.lua'\n", err)
    _, err = run(1, "require {}")
    assert.matches("^eddy: %(%-e%):1: bad argument #1 to 'require' %(string expected, got table%)",
      err)
    _, err = run(1, "package.loaders = nil require 'nosuch'")
    assert.matches("'package.loaders' must be a table", err)
    write("broken", "return )")
    _, err = run(1, "require 'broken'")
    assert.matches("error loading module 'broken' from file '.-broken.lua':", err)
  end)
end)
