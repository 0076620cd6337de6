local eddy = require "eddy"
local process = require "eddy.process"
local support = require "spec.lua.support"

local function state_of(pid)
  local file = io.open("/proc/" .. pid .. "/stat")
  local state = file and file:read("*a"):match("%) (%a)")
  if file then file:close() end
  return state
end

-- A shell that runs this.
local function sh(text, options)
  local all = { "sh", "-c", text }
  for key, value in pairs(options or {}) do all[key] = value end
  return all
end

describe("eddy.process", function()
  local loop
  support.each(function(made) loop = made end)

  local function spawn(options)
    options.loop = loop
    return process.spawn(options)
  end

  -- What a future comes to.
  local function come(future) return support.task(loop, function() return future:await() end) end

  -- What a program writes.
  local function output_of(options)
    options.loop = loop
    local code, out, err = come(process.run(options))
    assert.same({ 0, "" }, { code, err })
    return out
  end

  describe("spawn", function()
    it("starts a program, whose end is a future of its code", function()
      local child = spawn(sh "exit 3")
      assert.is_true(child:running())
      assert.equal("number", type(child.pid))
      assert.equal(3, come(child.exit))
      assert.is_false(child:running())
      assert.is_nil(state_of(child.pid))
      assert.equal(3, (child.exit:result())) -- also for whoever asks later
      assert.matches('^process "sh" %(%d+%) %(ended%)$', tostring(child))
    end)

    it("tells the name of the signal that ended it", function()
      local child = spawn { "sleep", "60" }
      assert.is_true(child:kill "KILL")
      assert.same({ nil, "SIGKILL" }, { come(child.exit) })
      assert.is_false(child:kill())
    end)

    it("uses no shell: each argument comes as it is", function()
      local command = { "printf", "%s|%s|\\n%s\\n", "$HOME *;", "a b", 1 }
      assert.equal("$HOME *;|a b|\n1\n", output_of(command))
    end)

    it("raises when it cannot start it, naming the command", function()
      for _, case in ipairs {
        { { "no-such-command", "x" }, "ENOENT", '^spawn "no%-such%-command": No such file' },
        { { "ls -l" }, "ENOENT", "no shell takes it apart" },
        { { "/etc/passwd" }, "EACCES", '"/etc/passwd": Permission denied' },
        { { "true", cwd = "/no/such/folder" }, "ENOENT", 'directory "/no/such/folder"' },
        { { "true", stdout = 9999 }, "EBADF", "descriptors of true" },
      } do
        local ok, err = pcall(spawn, case[1])
        assert.is_false(ok)
        assert.equal(case[2], err.name)
        assert.matches(case[3], err.message)
      end
      local stats = loop:stats()
      assert.equal(0, stats.handlers)
    end)

    it("says of a script without its interpreter that it is that which is missing", function()
      local path = os.tmpname()
      local file = assert(io.open(path, "w"))
      file:write("#!/no/such/interpreter\n")
      file:close()
      os.execute("chmod +x " .. path)
      local ok, err = pcall(spawn, { path })
      os.remove(path)
      assert.is_false(ok)
      assert.matches("what its first line names is not", err.message)
    end)

    it("refuses what makes no sense, at the caller's line", function()
      for text, options in pairs {
        ["expected a table, got string"] = "ls",
        ["expected a command and its arguments"] = {},
        ["word 2: expected a string, got nil"] = { "ls", nil, "x" },
        ["word 2: expected a string, got table"] = { "ls", {} },
        ["it has a zero byte"] = { "ls", "a\0b" },
        ["no such option: 'stdinn'"] = { "ls", stdinn = "pipe" },
        ['stdin: expected "null", "inherit", "pipe", a descriptor or a file, got "x"'] =
          { "ls", stdin = "x" },
        ['stdout: expected "null", "inherit", "pipe", a function, a descriptor'] =
          { "ls", stdout = true },
        ['stderr: expected "null", "inherit", "pipe", "stdout", a function'] =
          { "ls", stderr = {} },
        ["env: expected a table, got string"] = { "ls", env = "A=1" },
        ['no name of a variable: "A=B"'] = { "ls", env = { ["A=B"] = "1" } },
        ["env: A: expected a string, got table"] = { "ls", env = { A = {} } },
        ["cwd: expected a string, got boolean"] = { "ls", cwd = true },
        ["parent_death: no such signal: 'FOO'"] = { "ls", parent_death = "FOO" },
        ["descriptors: expected a table"] = { "ls", descriptors = 3 },
        ["from 3 on"] = { "ls", descriptors = { [2] = 1 } },
        ["stdin: expected"] = { "ls", stdin = print },
      } do
        if type(options) == "table" then options.loop = loop end
        local ok, err = pcall(process.spawn, options)
        assert.is_false(ok)
        assert.message(tostring(err)).is_truthy(tostring(err):find(text, 1, true))
        assert.matches("spawn_spec", tostring(err))
      end
      local ok, err = pcall(process.spawn, { "ls", loop = 1 })
      assert.is_false(ok)
      assert.matches("expected a loop, got number", err)
    end)

    it("begins with its own environment and folder", function()
      assert.equal("one\n/\n", output_of(sh("echo $EDDY_A $HOME; pwd",
        { env = { EDDY_A = "one", HOME = false }, cwd = "/" })))
      assert.equal("A=1\n", output_of { "/usr/bin/env", env = { A = 1 }, clear_env = true })
    end)

    it("begins with default actions, no blocked signals, and no descriptor of ours", function()
      local file = assert(io.open("/dev/zero")) -- which exec would not close
      loop:on_signal("USR1", print)
      local text = output_of { "sh", "-c", "cat /proc/self/status; ls /proc/self/fd" }
      file:close()
      assert.equal(("0"):rep(16), text:match "SigBlk:%s*(%x+)")
      assert.equal(("0"):rep(16), text:match "SigIgn:%s*(%x+)")
      assert.equal("0\n1\n2\n3\n", text:match "\n(0\n1\n.*)$") -- the last one is ls's own
    end)

    it("has files and descriptors for its streams, and others by number", function()
      local path = os.tmpname()
      local file = assert(io.open(path, "w+"))
      file:write("before\n")
      assert.equal(0, come(spawn(sh("echo out; echo err >&2; echo three >&5",
        { stdout = file, stderr = "stdout", descriptors = { [5] = file } })).exit))
      file:close()
      file = assert(io.open(path))
      assert.equal("before\nout\nerr\nthree\n", file:read "*a")
      file:seek "set"
      assert.equal("before\nout\nerr\nthree\n", output_of { "cat", stdin = file })
      file:close()
      os.remove(path)
    end)

    it("leads a group of its own, which stop ends: also what the child started", function()
      local grandchild
      local child
      child = spawn(sh("sleep 60 & echo $!; wait", { stdout = function(line)
        grandchild = tonumber(line)
        child:stop()
      end }))
      assert.same({ nil, "SIGTERM" }, { come(child.exit) })
      repeat local state = state_of(grandchild) until not state or state == "Z"
    end)

    it("stops one that is deaf to SIGTERM with SIGKILL, when the time is over", function()
      local child
      child = spawn(sh("trap '' TERM; echo; while :; do sleep 1; done",
        { stdout = function() child:stop(20) end }))
      assert.same({ nil, "SIGKILL" }, { come(child.exit) })
    end)

    it("keeps its loop alive until it ends, unless it is unreferenced", function()
      local child, code = spawn(sh "sleep 0.02; exit 2"), nil
      child.exit:add_done_callback(function(future) code = future:result() end)
      loop:_run_until_idle()
      assert.equal(2, code)
      child = spawn({ "sleep", "60" }):unref()
      loop:_run_until_idle()
      assert.is_true(child:running())
      child:ref()
      child:kill()
      loop:_run_until_idle()
      assert.is_false(child:running())
    end)

    it("may be awaited, though it is unreferenced", function()
      assert.equal(0, support.task(loop, function()
        return spawn({ "sleep", "0.02" }):unref().exit:await()
      end))
    end)

    it("has an end that a limit of one who waits does not take from others", function()
      local child = spawn { "sleep", "0.1" }
      support.task(loop, function()
        local _, err = eddy.with_timeout(1, child.exit):await()
        assert.equal("ETIMEDOUT", err.name)
        assert.equal(0, child.exit:await())
      end)
    end)

    it("can be waited for by the main program", function()
      assert.equal(5, (spawn(sh "exit 5").exit:await()))
    end)

    it("leaves no zombie of a thousand whose handles are dropped", function()
      local pids = {}
      for _ = 1, 20 do
        for _ = 1, 50 do pids[#pids + 1] = spawn({ "true" }).pid end
        collectgarbage()
        loop:_run_until_idle()
      end
      for _, pid in ipairs(pids) do assert.is_nil(state_of(pid)) end
    end)

    it("needs no more memory for three thousand than for a thousand", function()
      local function run(count)
        for _ = 1, count do
          spawn({ "/bin/true", stdout = "pipe", stderr = "pipe" })
          loop:_run_until_idle()
        end
        collectgarbage()
        collectgarbage()
        return support.resident_kib()
      end
      if support.is_sanitized() then return pending "ASan keeps what was freed" end
      local before = run(1000)
      assert.is_true(run(2000) - before < 2048)
    end)

    it("ends with its loop: by SIGTERM, or, if it is deaf to that, SIGKILL", function()
      local own = eddy.loop.new()
      local pids = {}
      for _, text in ipairs { "sleep 60", "trap '' TERM; echo; while :; do sleep 1; done" } do
        local child = process.spawn(sh(text, { loop = own, stdout = "pipe" }))
        pids[#pids + 1] = child.pid
        if text:find "echo" then
          child:on_line(function() own:stop() end)
        end
      end
      support.run(own)
      own:close()
      for _, pid in ipairs(pids) do assert.is_nil(state_of(pid)) end
    end)

    it("does not when it is detached", function()
      local own = eddy.loop.new()
      local child = process.spawn { "sleep", "60", detach = true, loop = own }
      own:_run_until_idle() -- it keeps none alive
      own:close()
      assert.is_string(state_of(child.pid))
      os.execute("kill " .. child.pid)
      repeat until state_of(child.pid) == "Z"
      come(spawn({ "true" }).exit)
      assert.is_nil(state_of(child.pid))
    end)

    it("refuses a closed loop, and signals that are none", function()
      local own = eddy.loop.new()
      own:close()
      assert.has_error(function() process.spawn { "true", loop = own } end)
      local child = spawn { "true" }
      for _, bad in ipairs { "FOO", -1, 0, 1.5, 65 } do
        assert.has_error(function() child:kill(bad) end)
      end
      assert.has_error(function() child:stop "x" end)
      assert.has_error(function() child:on_line(print) end)
      assert.has_error(function() child:on_line(print, "stdin") end)
      assert.has_error(function() child:write "x" end)
      assert.has_error(function() child:close_stdin() end)
      come(child.exit)
    end)
  end)

  describe("run", function()
    local function run(options)
      options.loop = loop
      return process.run(options)
    end

    it("is a future of the code and of what was written, also much of it", function()
      local code, out, err, signal = come(run(sh "echo out; echo err >&2; exit 4"))
      assert.same({ 4, "out\n", "err\n" }, { code, out, err, signal })
      local text = ("0123456789abcdef"):rep(2 ^ 16)
      code, out = come(run { "cat", input = text })
      assert.equal(0, code)
      assert.is_true(out == text)
    end)

    it("tells of a signal", function()
      assert.same({ nil, "", "", "SIGKILL" }, { come(run(sh "kill -9 $$")) })
    end)

    it("does not wait for what the child left behind with its output", function()
      local code, out = come(run(sh "sleep 60 & echo $!"))
      assert.equal(0, code)
      os.execute("kill " .. out)
    end)

    it("stops what takes too long, writes too much, or is cancelled", function()
      local late = run { "sleep", "60", timeout = 10 }
      local _, err = come(late)
      assert.equal("ETIMEDOUT", err.name)
      assert.matches('process "sleep"', err.message)
      local code, problem = come(run { "yes", max_output = 1000 })
      assert.is_nil(code)
      assert.equal("EMSGSIZE", problem.name)
      local cancelled = run { "sleep", "60" }
      cancelled:cancel()
      loop:_run_until_idle() -- none of them is left
    end)

    it("raises when it cannot start, and for options that are none", function()
      assert.has_error(function() run { "no-such-command" } end)
      for _, options in ipairs { { "true", inputt = "" }, { "true", input = 1 },
        { "true", max_output = "x" }, { "true", timeout = "x" } } do
        assert.has_error(function() run(options) end)
      end
      assert.equal(0, loop:stats().handlers)
    end)

    it("takes a function for the lines in place of the text", function()
      local lines = {}
      local code, out = come(run(sh("echo a; echo b", { stdout = function(line)
        lines[#lines + 1] = line
      end })))
      assert.same({ 0, "", { "a", "b" } }, { code, out, lines })
    end)
  end)
end)
