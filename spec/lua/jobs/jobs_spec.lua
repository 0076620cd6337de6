local eddy = require "eddy"
local jobs = require "eddy.jobs"
local process = require "spec.support.process"
local support = require "spec.lua.support"

describe("eddy.jobs", function()
  local loop
  support.each(function(made) loop = made end)

  local function open(options)
    options = options or {}
    options.module, options.loop = options.module or "spec.lua.jobs.resize", loop
    options.workers = options.workers or 1
    return jobs(options)
  end

  -- Runs fn in a task, to its end.
  local function task(fn) return support.task(loop, fn) end

  it("does what a module's function does, in another process", function()
    local pool = open()
    task(function()
      assert.equal(5, pool:call("add", 2, 3):await())
      assert.same({ 4, nil, "x", nil, true }, { pool:call("count", nil, "x", nil, true):await() })
      assert.not_equal(io.open("/proc/self/stat"):read "*n", pool:call("pid"):await())
      assert.same({}, { pool:call("print", ""):await() })
    end)
    support.take_log()
  end)

  it("takes and gives Lua values: tables, numbers, strings of any size and content", function()
    local pool = open()
    local value = { 1, 2.5, -0, 1 / 0, "a\0b\255", { x = { y = true } }, [3.5] = false, z = 7ULL }
    local large = ("0123456789abcdef"):rep(2 ^ 22) -- 64 MiB
    task(function()
      assert.same(value, pool:call("echo", value):await())
      assert.is_true(pool:call("echo", large):await() == large)
    end)
  end)

  it("refuses what cannot be sent, at the call, naming the argument", function()
    local pool = open()
    for text, value in pairs {
      ["argument 2: a function cannot be sent to another process"] = print,
      ['argument 2: a function at ["a"][1] cannot be sent'] = { a = { print } },
      ["argument 2: a thread cannot be sent"] = coroutine.create(print),
      ["argument 2: a userdata cannot be sent"] = io.stdout,
      ["argument 2: a cdata cannot be sent"] = require("ffi").new "int[3]",
      ["argument 2: a function at [a key] cannot be sent"] = { [print] = 1 },
    } do
      local ok, err = pcall(pool.call, pool, "echo", 1, value)
      assert.is_false(ok)
      assert.message(err).is_truthy(err:find(text, 1, true))
      assert.matches("jobs_spec", err)
    end
    local circle = {}
    circle[1] = circle
    assert.matches("argument 1 cannot be sent: it is too deep, or in a circle",
      select(2, pcall(pool.call, pool, "echo", circle)))
    assert.has_error(function() pool:call(1) end)
    assert.equal(0, pool:stats().workers)
    task(function()
      local ok, err = pcall(function() return pool:call("unsendable"):await() end)
      assert.is_false(ok)
      assert.matches("result 2: a function cannot be sent", err)
    end)
  end)

  it("fails with the job's error, which has its traceback and its fields", function()
    local pool = open()
    task(function()
      local ok, err = pcall(function() return pool:call("boom"):await() end)
      assert.is_false(ok)
      assert.matches("resize%.lua:%d+: boom$", err)
      ok, err = pcall(function() return pool:call("fail", { code = 7, more = { 1 } }):await() end)
      assert.is_false(ok)
      assert.same({ code = 7, more = { 1 } }, err)
      ok, err = pcall(function() return pool:call("bind"):await() end)
      assert.is_false(ok)
      assert.equal("EINVAL", err.name)
      assert.matches("^bind nonsense", tostring(err))
      assert.equal(err.message, tostring(err))
      ok, err = pcall(function() return pool:call("no_such"):await() end)
      assert.is_false(ok)
      assert.matches("module 'spec.lua.jobs.resize' has no function 'no_such'", err)
      ok, err = pcall(function() return pool:call("most"):await() end)
      assert.is_false(ok)
      assert.equal("module 'spec.lua.jobs.resize' has no function 'most': that is a number", err)
      assert.equal(5, pool:stats().failed)
      assert.equal(0, pool:stats().restarts)
    end)
  end)

  it("fails with a stack that overflows", function()
    -- Debian's LuaJIT crashes at times when that is compiled code.
    local pool = open { env = { EDDY_JIT = "off" } }
    task(function()
      local ok, err = pcall(function() return pool:call("overflow"):await() end)
      assert.is_false(ok)
      assert.matches("stack overflow", err)
      assert.equal(0, pool:stats().restarts)
    end)
  end)

  it("logs an error that nobody asked for with the traceback of its process", function()
    local pool = open()
    pool:call "boom"
    support.wait(loop, function() return pool:stats().failed == 1 end)
    support.turns(loop, 3)
    local log = support.take_log()
    assert.matches("^job spec%.lua%.jobs%.resize%.boom: .*resize%.lua:%d+: boom\nstack trace", log)
    assert.matches("\n%(in job spec%.lua%.jobs%.resize%.boom%)$", log)
    assert.is_nil(log:find "main chunk")
  end)

  it("says that a module is not to be found, or read: at once, else when a job needs it", function()
    assert.error_matches(function() open { module = "no.such.module" } end,
      "jobs: module 'no.such.module' not found:\n\tno field")
    local dir = support.temp_dir()
    local before, file = package.path, assert(io.open(dir .. "/broken.lua", "w"))
    file:write "x = = 1"
    file:close()
    package.path = dir .. "/?.lua;" .. before
    assert.error_matches(function() open { module = "broken" } end,
      "jobs: error loading module 'broken' from file '[^\n]*':\n\t[^\n]*:1: unexpected symbol")
    package.path = before
    os.remove(dir .. "/broken.lua")
    local pool = open { module = "no.such.module", cwd = dir }
    loop:spawn(function() return pool:call("x"):await() end)
    support.wait(loop, function() return pool:stats().failed == 1 end)
    support.turns(loop, 2)
    local _, count = support.take_log():gsub("module 'no.such.module' not found", "")
    assert.equal(1, count)
    os.remove(dir)
  end)

  it("finds its module where the program does", function()
    local before = package.path
    package.path = "/somewhere/?.lua;" .. before
    local pool = open()
    local path = task(function() return pool:call("path"):await() end)
    package.path = before
    assert.equal("/somewhere/?.lua;" .. before, path)
  end)

  it("awaits a future that the function returns", function()
    local pool = open()
    assert.equal("awaited", task(function() return pool:call("future"):await() end))
  end)

  it("logs what a job prints, with its name", function()
    local pool = open()
    task(function() pool:call("print", "one"):await() end)
    local log = support.take_log()
    assert.matches("job spec%.lua%.jobs%.resize%.print %(%d+%): printed one", log)
    assert.matches("job spec%.lua%.jobs%.resize%.print %(%d+%): complained one", log)
  end)

  it("has as many at a time as there are workers, the others wait in order", function()
    local pool, order = open { workers = 2 }, {}
    task(function()
      local list = {}
      for i = 1, 6 do
        list[i] = pool:call("sleep", 0.02)
        list[i]:add_done_callback(function() order[#order + 1] = i end)
      end
      assert.same({ 2, 2, 4 }, { pool:stats().workers, pool:stats().in_flight,
        pool:stats().backlog })
      eddy.gather(list):await()
      eddy.sleep(0)
      table.sort(order)
      assert.same({ 1, 2, 3, 4, 5, 6 }, order)
      local stats = pool:stats()
      assert.same({ 6, 0, 0, 0 }, { stats.done, stats.backlog, stats.in_flight, stats.failed })
      assert.is_true(stats.run >= 20)
      assert.is_true(stats.wait > 0)
    end)
  end)

  it("serves others while a job blocks", function()
    local pool, ticks = open(), 0
    local timer = loop:call_every(1, function() ticks = ticks + 1 end)
    task(function() pool:call("sleep", 0.2):await() end)
    timer:cancel()
    assert.is_true(ticks > 20)
  end)

  describe("when too many wait", function()
    it("refuses more; a task waits for room, in order", function()
      local pool, order = open { queue = 1 }, {}
      pool:call("sleep", 0.02)
      pool:call "pid"
      local future, err = pool:call "pid"
      assert.is_nil(future)
      assert.equal("ENOBUFS", err.name)
      assert.matches("jobs of spec.lua.jobs.resize: too many wait", err.message)
      task(function()
        local tasks = {}
        for i = 1, 4 do
          tasks[i] = loop:spawn(function()
            local result = pool:call("echo", i):await()
            order[#order + 1] = result
          end)
        end
        eddy.gather(tasks):await()
      end)
      assert.same({ 1, 2, 3, 4 }, order)
    end)

    it("does without a queue: what a worker can begin at once is taken", function()
      local pool = open { queue = 0, workers = 2 }
      local first, second = pool:call("sleep", 0.01), pool:call("sleep", 0.01)
      assert.is_nil((pool:call "pid"))
      task(function()
        eddy.gather(first, second):await()
        assert.is_true(pool:call("pid"):await() > 0)
      end)
    end)

    it("drops the oldest, or the newest", function()
      for policy, dropped in pairs { drop_oldest = 2, drop_newest = 3 } do
        local pool, list = open { queue = 1, on_full = policy }, {}
        list[1] = pool:call("sleep", 0.01)
        for i = 2, 3 do list[i] = pool:call("echo", i) end
        task(function()
          list[1]:await()
          for i = 2, 3 do
            local ok, result = pcall(list[i].await, list[i])
            assert.equal(i ~= dropped, ok)
            assert.equal(ok and i or "ENOBUFS", ok and result or result.name)
          end
        end)
        assert.equal(1, pool:stats().dropped)
      end
    end)
  end)

  it("cancels a job that waits, and one that runs, whose worker is replaced", function()
    local pool, path = open { grace = 0 }, os.tmpname()
    os.remove(path)
    task(function()
      local running, waiting = pool:call("begin", path), pool:call "pid"
      repeat eddy.sleep(1) until io.open(path)
      assert.is_true(waiting:cancel())
      assert.equal(0, pool:stats().backlog)
      assert.is_true(running:cancel())
      assert.equal(7, pool:call("add", 3, 4):await())
      local stats = pool:stats()
      assert.same({ 2, 1, 1, 0 }, { stats.cancelled, stats.restarts, stats.done, stats.failed })
    end)
    os.remove(path)
  end)

  it("lets a cancelled job come to its end within the grace, and keeps its worker", function()
    local pool = open { grace = 5000 }
    task(function()
      local pid = pool:call("pid"):await()
      local future = pool:call("sleep", 0.01)
      eddy.sleep(1)
      future:cancel()
      assert.equal(pid, pool:call("pid"):await())
      assert.equal(0, pool:stats().restarts)
    end)
  end)

  it("ends a job that takes too long", function()
    local pool = open { timeout = 20 }
    task(function()
      local result, err = pool:call("sleep", 60):await()
      assert.is_nil(result)
      assert.equal("ETIMEDOUT", err.name)
      assert.matches("^job spec.lua.jobs.resize.sleep", err.message)
    end)
    pool = open()
    task(function()
      local result, err = eddy.with_timeout(20, pool:call("sleep", 60)):await()
      assert.is_nil(result)
      assert.equal("ETIMEDOUT", err.name)
    end)
    assert.equal(1, pool:stats().cancelled)
  end)

  it("fails with how its worker ended, and replaces that", function()
    local pool = open()
    task(function()
      local ok, err = pcall(function() return pool:call("exit", 3):await() end)
      assert.is_false(ok)
      assert.same({ "EOWNERDEAD", 3 }, { err.name, err.exit_code })
      assert.matches("jobs.resize.exit: its worker ended with exit code 3", err.message)
      assert.equal(3, pool:call("add", 1, 2):await())
      ok, err = pcall(function() return pool:call("kill"):await() end)
      assert.is_false(ok)
      assert.same({ "EOWNERDEAD", "SIGKILL" }, { err.name, err.signal })
      assert.equal(3, pool:call("add", 1, 2):await())
      assert.equal(2, pool:stats().restarts)
    end)
  end)

  it("waits longer and longer before it replaces workers that do nothing but crash", function()
    local pool, times = open(), {}
    task(function()
      for i = 1, 4 do
        pcall(function() return pool:call("exit", 1):await() end)
        times[i] = loop:time()
      end
      assert.is_true(times[3] - times[2] >= 100)
      assert.is_true(times[4] - times[3] >= 200)
      assert.equal(3, pool:call("add", 1, 2):await())
      local began = pool:call("pid"):await()
      assert.equal(began, pool:call("pid"):await())
    end)
  end)

  it("keeps no loop alive while it has nothing to do", function()
    local pool, got = open(), nil
    pool:call("add", 1, 1):add_done_callback(function(future) got = future:result() end)
    loop:_run_until_idle()
    assert.equal(2, got)
    assert.equal(1, pool:stats().workers)
  end)

  it("closes in order: what waits and runs may end", function()
    local pool = open()
    task(function()
      local list = {}
      for i = 1, 3 do list[i] = pool:call("echo", i) end
      local ended = pool:close()
      assert.has_error(function() pool:call "pid" end)
      assert.equal(0, ended:await())
      assert.equal(0, pool:close():await())
      for i = 1, 3 do assert.equal(i, list[i]:result()) end
      assert.equal(0, pool:stats().workers)
    end)
    assert.equal("jobs of spec.lua.jobs.resize (closed)", tostring(pool))
  end)

  it("closes after a time whatever runs, and says how many jobs that ended", function()
    local pool = open()
    task(function()
      local running, waiting = pool:call("sleep", 60), pool:call "pid"
      assert.equal(2, pool:close(20):await())
      assert.is_true(running:cancelled() and waiting:cancelled())
    end)
    assert.equal(0, open():close():await())
  end)

  it("is waited for while idle workers end, also when its time is over or has no end", function()
    for _, ms in ipairs { 20, math.huge } do
      local pool = open { workers = 2 }
      loop:run_sync(function()
        local one, two = pool:call "pid", pool:call("sleep", ms == 20 and 60 or 0)
        one:await()
        assert.equal(ms == 20 and 1 or 0, pool:close(ms):await())
        assert.is_true(two:done())
      end)
    end
  end)

  it("has workers of the same program where a thread calls it", function()
    local thread = require("eddy.thread").start(function()
      local pools = require "eddy.jobs"
      return require("eddy.loop").instance():run_sync(function()
        return pools({ module = "spec.lua.jobs.resize", workers = 1 }):call("program"):await()
      end)
    end)
    assert.same({ true, require("spec.lua.jobs.resize").program() }, { thread:join(20000) })
  end)

  it("ends with its loop: jobs that are not done are cancelled", function()
    local own = eddy.loop.new()
    local pool = jobs { module = "spec.lua.jobs.resize", workers = 1, loop = own }
    local running, waiting = pool:call("sleep", 60), pool:call "pid"
    own:close()
    assert.is_true(running:cancelled() and waiting:cancelled())
    assert.has_error(function() pool:call "pid" end)
  end)

  it("refuses what makes no sense", function()
    for text, options in pairs {
      ["jobs: expected a table, got string"] = "x",
      ["module: expected the name of a module, got nil"] = {},
      ["no such option: 'worker'"] = { module = "x", worker = 1 },
      ["workers: expected a number of at least 1, got 0"] = { module = "x", workers = 0 },
      ["queue: expected a number of at least 0, got x"] = { module = "x", queue = "x" },
      ["on_full: no such policy: 'wait'"] = { module = "x", on_full = "wait" },
      ["timeout: expected a number of milliseconds"] = { module = "x", timeout = "x" },
      ["expected a loop, got number"] = { module = "x", loop = 1 },
    } do
      local ok, err = pcall(jobs, options)
      assert.is_false(ok)
      assert.message(err).is_truthy(err:find(text, 1, true))
    end
  end)

  it("works in a program of plain luajit", function()
    if support.is_sanitized() then return pending "luajit is built without ASan" end
    local library = EDDY_HOST:match "^.*/" .. "libeddy.so"
    local path = ("%s/?.lua;%s/lua/?.lua;;"):format(EDDY_ROOT, EDDY_ROOT)
    local code, out, err = process.shell(("EDDY_LIBRARY=%s LUA_PATH='%s' luajit -e %s")
      :format(library, path, process.quote [[
        local pool = require "eddy.jobs" { module = "spec.lua.jobs.resize", workers = 1 }
        print(pool:call("add", 1, 2):await())
        print(select(2, pcall(function() return pool:call("boom"):await() end)))]]))
    process.check(0, code, out, err)
    assert.matches("^3\n.*resize%.lua:%d+: boom\n$", out)
  end)
end)
