-- Where scripts come from, and the arguments that they get.
local folders = require "spec.support.folders"
local process = require "spec.support.process"

local check, shell = process.check, process.shell
local host = process.quote(EDDY_HOST)

describe("a script", function()
  local dir
  folders.each(function(path) dir = path end)

  -- Runs commands in the folder, with the host as $E.
  local function run(commands)
    return shell("cd " .. dir .. "; E=" .. host .. "; " .. commands)
  end

  it("may come from a pipe, a named one, or the standard input", function()
    for _, command in ipairs {
      "$E <(echo 'print(...)') a", "echo 'print(...)' | $E /dev/stdin a",
      "echo 'print(...)' | $E - a", "echo 'print(...)' >s; $E - a <s",
      "mkfifo f; (echo 'print(...)' >f) & $E f a",
    } do
      assert.equal("a\n", (check(0, run(command))))
    end
  end)

  it("may begin with a byte order mark, and with #!", function()
    local MARK = [[\357\273\277]]
    for _, text in ipairs {
      MARK .. "print(1)", [[#!/bin/x\nprint(1)]], MARK .. [[#!x\nprint(1)]],
    } do
      assert.equal("1\n", (check(0, run("printf '" .. text .. "' | $E -"))))
      assert.equal("1\n", (check(0, run("printf '" .. text .. "' >s; $E s"))))
    end
  end)

  it("may be empty, or large", function()
    assert.equal("", (check(0, run ": >s; $E s && $E - </dev/null")))
    local out = check(0, run [[(for i in $(seq 30000); do echo "local function f() return $i end"
      echo 'f()'; done | sed 's/^local f/f/'; echo 'print(f())') >s; $E s; $E <(cat s)]])
    assert.equal("30000\n30000\n", out)
  end)

  it("that cannot be read is said so in one line, with 2", function()
    for command, expected in pairs {
      ["$E ."] = "eddy: cannot read the script .: Is a directory\n",
      ["$E - <."] = "eddy: cannot read the script stdin: Is a directory\n",
      ["$E nosuch"] = "eddy: cannot read the script nosuch: No such file or directory\n",
    } do
      local _, err = check(2, run(command))
      assert.equal(expected, err)
    end
  end)

  it("that is bytecode is refused from wherever it comes", function()
    local file = assert(io.open(dir .. "/s", "wb"))
    file:write(string.dump(function() end))
    file:close()
    for _, command in ipairs { "$E s", "$E - <s", "$E <(cat s)" } do
      local _, err = check(1, run(command))
      assert.matches("it is bytecode, not a script\n$", err)
    end
  end)

  it("has its name in messages", function()
    local _, err = check(1, run "echo 'x x' >s; $E s")
    assert.matches("^eddy: s:1: ", err)
    _, err = check(1, run "echo 'x x' | $E -")
    assert.matches("^eddy: stdin:1: ", err)
    _, err = check(1, run "echo 'error(0)' | $E -")
    assert.matches("^eddy: stdin:1: 0\n", err)
  end)

  describe("gets its arguments", function()
    it("however many there are", function()
      for _, count in ipairs { 0, 1, 6999, 7000, 7001, 8100, 20000 } do
        local out, err = check(0, run([[
          $E -e 'print(#arg, select("#", ...), arg[#arg], (select(-1, "-e", ...)))' \
          $(seq ]] .. count .. ")"))
        local last = count > 0 and count or "-e"
        assert.equal(("%d\t%d\t%s\t%s\n"):format(count, count, last, last), out)
        assert.equal("", err)
      end
    end)

    it("in arg, where there are too many for `...`, and says so if that is used", function()
      local out, err = check(0, run "$E -e 'print(#arg, arg[100000], (...))' $(seq 100000)")
      assert.equal("100000\t100000\t1\n", out)
      assert.equal("eddy: `...` has the first 20000 of 100000 arguments; `arg` has all\n", err)
      out, err = check(0, run [[
        $E -e 'local function f(...) return ... end print(#arg, f(1))' $(seq 100000)]])
      assert.same({ "100000\t1\n", "" }, { out, err })
    end)

    it("as they are", function()
      local out = check(0, run [[
        $E -e 'for _, each in ipairs(arg) do print(("%q"):format(each)) end' \
          '' $'a\xff\t' '-e' '--']])
      assert.equal('""\n"a\255\\9"\n"-e"\n"--"\n', out)
    end)

    it("also when it is a command of the host's", function()
      local _, err = check(2, run "$E log-watch $(seq 9000)")
      assert.matches("more than one endpoint: 2", err)
    end)
  end)

  it("that fails among many arguments has its traceback", function()
    local _, err = check(1, run "$E -e 'error(\"boom\")' $(seq 9000)")
    assert.matches("^eddy: %(%-e%):1: boom\nstack traceback:", err)
  end)
end)
