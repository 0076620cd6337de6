local files = require "spec.support.files"
local folders = require "spec.support.folders"
local process = require "spec.support.process"

describe("eddy bundle", function()
  local folder
  folders.each(function(dir)
    folder = dir
    process.shell("mkdir -p " .. folder .. "/src/lib " .. folder .. "/elsewhere")
  end)

  local function write(name, text) files.write(folder .. "/" .. name, text) end

  -- Runs a command in the folder, where $E is eddy.
  local function shell(command)
    return process.shell(("cd %s && E=%s; %s"):format(folder, process.quote(EDDY_HOST), command))
  end

  -- Makes elsewhere/app of src/app.lua, and takes the sources away.
  local function bundle(options)
    local out = process.check(0, shell("$E bundle src/app.lua -o elsewhere/app " ..
      (options or "")))
    process.shell(("rm -r %s/src"):format(folder))
    return out
  end

  local function run(arguments)
    return shell("elsewhere/app " .. (arguments or ""))
  end

  it("makes one file, which needs no eddy, and runs with its arguments", function()
    write("src/app.lua", [[
      local zmq = require "eddy.zmq"
      local double = require "lib.double"
      print(arg[0], double(21), zmq.REP, ...)
    ]])
    write("src/lib/double.lua", "return function(n) return n * require('lib.two') end")
    write("src/lib/two.lua", "return 2")
    local out = bundle()
    assert.matches("^elsewhere/app: %d+%.%d MiB: app%.lua, lib/double%.lua, lib/two%.lua\n$", out)
    local printed = process.check(0, run "--version -x 'a b'")
    assert.equal("elsewhere/app\t42\t4\t--version\t-x\ta b\n", printed)
    local _, libraries = shell "ldd elsewhere/app"
    assert.is_nil(libraries:find "libeddy")
    local _, mode = shell "umask 022; stat -c %a elsewhere/app"
    assert.equal("755\n", mode)
  end)

  it("runs the loop that its script leaves", function()
    write("src/app.lua", [[
      local eddy = require "eddy"
      eddy.loop.instance():call_later(1, function() print "later" os.exit(3) end)
    ]])
    bundle()
    assert.equal("later\n", process.check(3, run()))
  end)

  it("names the script's files in tracebacks", function()
    write("src/app.lua", "local fail = require 'lib.fail'\n\nfail()\n")
    write("src/lib/fail.lua", "return function()\n  error 'it failed'\nend\n")
    bundle()
    local _, err = process.check(1, run())
    assert.matches("^eddy: lib/fail%.lua:2: it failed\n", err)
    assert.matches("\n\tapp%.lua:3: in main chunk", err)
  end)

  it("has what threads, jobs and workers need", function()
    write("src/app.lua", [[
      local eddy = require "eddy"
      print("thread", eddy.thread.start("sink.lua", 20):join())
      local pool = eddy.jobs { module = "primes", workers = 1 }
      eddy.spawn(function()
        print("job", pool:call("next", 5):await())
        print("worker", eddy.worker.index)
        eddy.loop.instance():stop()
      end)
    ]])
    write("src/sink.lua", "return ... + require 'lib.one'")
    write("src/primes.lua", "return { next = function(n) return n + require 'lib.one' + 1 end }")
    write("src/lib/one.lua", "return 1")
    bundle "-- --workers=1"
    local out = process.check(0, run())
    for _, line in ipairs { "thread\ttrue\t21\n", "job\t7\n", "worker\t1\n" } do
      assert.matches(line, out, 1, true)
    end
  end)

  it("is the command with --eddy first", function()
    write("src/app.lua", "print 'the app'")
    bundle()
    assert.matches("^eddy %d", process.check(0, run "--eddy --version"))
    assert.equal("2\n", process.check(0, run "--eddy -e 'print(1 + 1)'"))
    -- And makes bundles that do not have its own script.
    write("other.lua", "print 'the other'")
    process.check(0, run "--eddy bundle other.lua -o other")
    assert.equal("the other\n", process.check(0, shell "./other"))
    assert.equal("0\n", select(2, shell "grep -c 'the app' other"))
  end)

  it("runs with the options of eddy's that it was given", function()
    write("src/app.lua", [[
      local eddy = require "eddy"
      local socket = eddy.zmq.instance():socket(eddy.zmq.REP, { bind = "tcp://*:*" })
      print "bound"
      socket:close()
    ]])
    process.check(0, shell "$E bundle src/app.lua -o careful")
    local _, err = process.check(1, shell "./careful")
    assert.matches("insecure", err)
    bundle "-- --insecure --drain=10"
    assert.equal("bound\n", process.check(0, run()))
  end)

  it("puts in what --with names, from where it is installed, too", function()
    write("src/app.lua", "local name = ...\nprint(require(name).value)")
    write("src/late.lua", "return { value = 'late' }")
    write("lib.lua", "")
    process.shell("mkdir -p " .. folder .. "/installed/deep")
    write("installed/deep/init.lua", "return { value = require 'deep.inner' }")
    write("installed/deep/inner.lua", "return 'inner'")
    process.check(0, shell [[I=$PWD/installed; LUA_PATH="$I/?.lua;$I/?/init.lua;;" \
      $E bundle src/app.lua -o elsewhere/app --with late --with deep]])
    process.shell(("rm -r %s/src %s/installed"):format(folder, folder))
    assert.equal("late\n", process.check(0, run "late"))
    assert.equal("inner\n", process.check(0, run "deep"))
    local _, err = process.check(1, run "absent")
    assert.matches("no module 'absent' in the bundle: eddy bundle --with absent\n", err, 1, true)
  end)

  it("says what is not in it: installed modules, files that it names", function()
    write("src/app.lua", [[
      pcall(require, "no_such_module")
      print(io.open "settings.json" ~= nil)
    ]])
    write("src/settings.json", "{}")
    local out = bundle()
    assert.matches("\nit needs, where it runs, the modules no_such_module\n", out, 1, true)
    assert.matches("\nit names files that are not in it: settings.json\n", out, 1, true)
    assert.equal("false\n", process.check(0, run()))
  end)

  it("takes the script's name, and overwrites nothing", function()
    write("src/app.lua", "print 'first'")
    process.check(0, shell "cd src; $E bundle app.lua")
    local _, err = process.check(1, shell "cd src; $E bundle app.lua")
    assert.equal("eddy: bundle: app is there already, and is not overwritten: remove it, or " ..
      "name another with -o\n", err)
    assert.equal("first\n", process.check(0, shell "src/app"))
  end)

  it("says what is wrong, and writes nothing", function()
    write("src/app.lua", "\nlocal a = require 'absent'\n")
    write("src/bad.lua", "local = 5\n")
    write("src/ok.lua", "require 'bad'\n")
    write("src/fine.lua", "")
    shell "luajit -b src/fine.lua src/bytes.lua"
    local cases = {
      { "src/app.lua -o x", 1, "app.lua:2 requires 'absent', which is not in the folder" },
      { "src/ok.lua -o x", 1, "src/bad.lua:1: " },
      { "src/none.lua -o x", 1, "cannot read src/none.lua: No such file or directory" },
      { "src -o x", 1, "cannot read src: Is a directory" },
      { "src/bytes.lua -o x", 1, "src/bytes.lua: it is bytecode, not a script" },
      { "/bin/true -o x", 1, "/bin/true:1: " },
      { "src/fine.lua -o x --with none", 1, "--with none: there is no such module" },
      { "src/fine.lua -o x --with none.lua", 1, "cannot read src/none.lua" },
      { "src/fine.lua -o x --with eddy.zmq", 1, "--with eddy.zmq: it is in every eddy" },
      { "src/fine.lua -o none/x", 1, "there is no folder for none/x: make it first" },
      { "src", 2, "src does not end in .lua: name the executable with -o" },
      { "src/fine.lua -o x -- --nonsense", 2, "unknown option --nonsense" },
      { "src/fine.lua -o x -- --drain", 2, "--drain needs a number of milliseconds" },
      { "src/fine.lua -o x -- --watch", 2, "--watch: a bundle's files do not change" },
      { "src/fine.lua -o x -- -e code", 2, "-e: options are like --drain=1000, in one word" },
      { "", 2, "missing argument 'script'" },
    }
    for _, case in ipairs(cases) do
      local code, out, err = shell("$E bundle " .. case[1])
      assert.message(case[1] .. ": " .. out .. err).equal(case[2], code)
      assert.matches("eddy: bundle: " .. case[3], err, 1, true)
      assert.not_equal(0, (shell "test -e x"))
    end
  end)

  it("says so when it is damaged", function()
    write("src/app.lua", "print 'the app'")
    bundle()
    shell [[tail -c 30 elsewhere/app | sed 's/bundle 0000/bundle ffff/' > line
      cat $E line > broken; chmod +x broken]]
    local _, err = process.check(1, shell "./broken")
    assert.matches("the bundle in this executable cannot be read", err)
  end)
end)
