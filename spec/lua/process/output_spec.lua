local eddy = require "eddy"
local process = require "eddy.process"
local support = require "spec.lua.support"

describe("what a child writes", function()
  local loop
  support.each(function(made) loop = made end)

  local function spawn(text, options)
    local all = { "sh", "-c", text, stdout = "pipe", loop = loop }
    for key, value in pairs(options or {}) do all[key] = value end
    return process.spawn(all)
  end

  local function come(future) return support.task(loop, function() return future:await() end) end

  it("is told by lines, the last one also without its end, before the child's end is", function()
    local lines = {}
    local child = spawn "printf 'one\\n\\nthree'"
    child:on_line(function(...)
      lines[#lines + 1] = (...)
      assert.equal(1, select("#", ...))
    end)
    child.exit:add_done_callback(function() lines[#lines + 1] = "ended" end)
    come(child.exit)
    loop:_run_until_idle()
    assert.same({ "one", "", "three", "ended" }, lines)
  end)

  it("comes from the standard error, too", function()
    local out, err = {}, {}
    local child = spawn("echo a; echo b >&2; echo c", { stderr = "pipe" })
    child:on_line(function(line) out[#out + 1] = line end)
    child:on_line(function(line) err[#err + 1] = line end, "stderr")
    come(child.exit)
    assert.same({ { "a", "c" }, { "b" } }, { out, err })
  end)

  it("is told as it comes by on_data", function()
    local parts = {}
    local child = spawn "printf 'a\\nb'"
    child.stdout:on_data(function(data) parts[#parts + 1] = data end)
    come(child.exit)
    assert.equal("a\nb", table.concat(parts))
  end)

  it("cuts a line above 1 MiB", function()
    local sizes, cuts = {}, {}
    local child = spawn "head -c 2500000 /dev/zero | tr '\\0' x; echo; echo short"
    child:on_line(function(line, is_cut)
      sizes[#sizes + 1], cuts[#cuts + 1] = #line, is_cut
    end)
    come(child.exit)
    assert.same({ 1048576, 1048576, 402848, 5 }, sizes)
    assert.same({ true, true }, cuts)
  end)

  it("waits for whoever is set next, when a function is taken away", function()
    local lines = {}
    local child
    child = spawn("printf 'a\\nb\\nc\\n'", { stdout = function(line)
      lines[#lines + 1] = line
      child.stdout:on_line(nil)
    end })
    come(child.exit)
    assert.same({ "a" }, lines)
    child:on_line(function(line) lines[#lines + 1] = line end)
    loop:_run_until_idle()
    assert.same({ "a", "b", "c" }, lines)
  end)

  it("is read after the end, when nobody did before", function()
    local child = spawn "echo kept"
    come(child.exit)
    assert.equal("kept\n", come(child.stdout:read_all()))
    assert.equal("", come(child.stdout:read_all()))
  end)

  it("waits for a function that waits, in order", function()
    local lines, most, inside = {}, 0, 0
    local child = spawn "for i in 1 2 3 4 5; do echo $i; sleep 0.01; done"
    child:on_line(function(line)
      inside = inside + 1
      most = math.max(most, inside)
      eddy.sleep(15)
      lines[#lines + 1] = line
      inside = inside - 1
    end)
    support.wait(loop, function() return #lines == 5 end)
    assert.equal("1 2 3 4 5", table.concat(lines, " "))
    assert.equal(1, most)
    come(child.exit)
  end)

  it("goes on after an error in its function, which is logged with the child's name", function()
    local lines = {}
    local child = spawn("printf 'a\\nb\\n'", { stdout = function(line)
      lines[#lines + 1] = line
      if line == "a" then error "boom" end
    end })
    come(child.exit)
    assert.same({ "a", "b" }, lines)
    assert.matches('the standard output of process "sh" %(%d+%): .*boom', support.take_log())
  end)

  it("holds the child up while nobody reads it", function()
    local child = spawn "head -c 1000000 /dev/zero; echo done >&2"
    local done = false
    child.exit:add_done_callback(function() done = true end)
    support.turns(loop, 20)
    assert.is_false(done)
    assert.equal(1000000, #come(child.stdout:read_all()))
    assert.equal(0, come(child.exit))
  end)

  it("is read whole up to a bound", function()
    local child = spawn "yes"
    local text, err = come(child.stdout:read_all(100000))
    assert.is_nil(text)
    assert.equal("EMSGSIZE", err.name)
    assert.matches("more than 100000 bytes", err.message)
    come(child:stop())
  end)

  it("has one reader at a time", function()
    local child = spawn "cat"
    local whole = child.stdout:read_all()
    assert.has_error(function() child.stdout:read_all() end)
    assert.has_error(function() child:on_line(print) end)
    whole:cancel()
    child:on_line(print)
    assert.has_error(function() child.stdout:read_all() end)
    assert.has_error(function() child.stdout:on_data(1) end)
    child:on_line(nil)
    assert.has_error(function() child.stdout:read_all(-1) end)
    come(child.exit)
    assert.matches("^the standard output of process", tostring(child.stdout))
  end)
end)

describe("what is written to a child", function()
  local loop
  support.each(function(made) loop = made end)

  local function spawn(...) return process.spawn { stdin = "pipe", loop = loop, ... } end

  it("arrives, and is followed by the end of the input", function()
    local lines = {}
    local child = process.spawn { "cat", stdin = "pipe", loop = loop, stdout = function(line)
      lines[#lines + 1] = line
    end }
    assert.is_true(child:write "one\n")
    assert.is_true(child:write "two")
    child:close_stdin()
    child:close_stdin()
    assert.has_error(function() child:write "three" end)
    assert.equal(0, (support.task(loop, function() return child.exit:await() end)))
    assert.same({ "one", "two" }, lines)
    assert.same({ written = 7, queued = 0, unwritten = 0 }, child:stats())
  end)

  it("is queued while the child does not read, up to a bound; a task waits for room", function()
    local child = process.spawn { "sh", "-c", "read go; wc -c", stdin = "pipe", stdout = "pipe",
      loop = loop }
    local mib = ("x"):rep(2 ^ 20)
    for _ = 1, 64 do assert.is_true(child:write(mib)) end
    local result, err = child:write(mib)
    assert.is_nil(result)
    assert.equal("ENOBUFS", err.name)
    result, err = child:write(("x"):rep(2 ^ 26 + 1))
    assert.is_nil(result)
    assert.equal("EMSGSIZE", err.name)
    assert.is_true(child:stats().queued > 63 * 2 ^ 20)
    child:kill "KILL"
    support.task(loop, function() child.exit:await() end)
    assert.is_true(child:stats().unwritten > 63 * 2 ^ 20)

    child = process.spawn { "wc", "-c", stdin = "pipe", stdout = "pipe", loop = loop }
    local whole = child.stdout:read_all()
    support.task(loop, function()
      for _ = 1, 100 do assert.is_true(child:write(mib)) end
      child:close_stdin()
      assert.equal(100 * 2 ^ 20, tonumber((whole:await())))
    end)
  end)

  it("is refused with EPIPE when nobody reads it", function()
    local child = spawn "true"
    support.task(loop, function() child.exit:await() end)
    local result, err = child:write "x"
    assert.is_nil(result)
    assert.equal("EPIPE", err.name)
    child = spawn("sh", "-c", "exec <&-; sleep 60")
    repeat
      result, err = child:write "x"
    until not result
    assert.equal("EPIPE", err.name)
    child:kill()
    support.task(loop, function() child.exit:await() end)
  end)

  it("ends for those who wait for room when the child does", function()
    local child = spawn("sleep", "60")
    local mib = ("x"):rep(2 ^ 20)
    support.task(loop, function()
      for _ = 1, 64 do child:write(mib) end
      local waiting = eddy.spawn(function() return child:write(mib) end)
      eddy.sleep(1)
      child:kill "KILL"
      local result, err = waiting:await()
      assert.is_nil(result)
      assert.equal("EPIPE", err.name)
    end)
  end)

  it("is a string", function()
    local child = spawn "true"
    assert.has_error(function() child:write(1) end)
    support.task(loop, function() child.exit:await() end)
  end)
end)
