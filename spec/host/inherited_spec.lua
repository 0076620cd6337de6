-- What a parent may leave a process with: closed descriptors, blocked and ignored signals, few
-- descriptors.
local process = require "spec.support.process"

local check, shell = process.check, process.shell
local host, quote = process.quote(EDDY_HOST), process.quote

local BLOCKED = [[local function blocked(text) return text:match("SigBlk:%s*(%x+)") end ]]
local NONE = ("0"):rep(16) .. "\n"

describe("a host whose parent", function()
  describe("closed a standard descriptor", function()
    it("writes no traceback into what it opens", function()
      for _, closed in ipairs { "<&-", ">&-", "2>&-", "<&- >&- 2>&-" } do
        local _, err = check(0, shell(([[
          dir=$(mktemp -d); cd $dir
          %s -e %s %s
          code=$?; cat data >&2; rm -r $dir; test $code = 1]]):format(host, quote [[
            local zmq = require "eddy.zmq"
            local file = io.open("data", "w")
            local pull = zmq.instance():socket(zmq.PULL, { bind = "tcp://127.0.0.1:*" })
            local push = zmq.instance():socket(zmq.PUSH, { connect = pull.last_endpoint })
            print("printed")
            io.stderr:write("written\n")
            push:send("x")
            file:write(pull:recv())
            file:close()
            error("boom")]], closed)))
        local complained = closed:find("2>&-", 1, true) and "" or err:gsub("x$", "")
        assert.equal(complained .. "x", err)
      end
    end)

    it("has /dev/null there, as have its children", function()
      local out = check(0, shell(host .. " -e " .. quote [[
        print(io.read("*a") == "", io.popen("readlink /proc/self/fd/0"):read("*l"))
        print(io.popen("ls -l /proc/$PPID/fd/2 | grep -o '/dev/null'; true"):read("*l"))]] ..
        " <&- 2>&-"))
      assert.equal("true\t/dev/null\n/dev/null\n", out)
    end)
  end)

  -- Starts the host through python, which sets signals as it says first.
  local function run(setup, code)
    return shell(("python3 -c %s %s -e %s"):format(quote("import os, signal, sys\n" .. setup ..
      "\nos.execv(sys.argv[1], sys.argv[1:])"), host, quote(code)))
  end

  it("blocked signals has none blocked, nor have its children", function()
    local out = check(0, run("signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))", BLOCKED .. [[
      print(blocked(io.open("/proc/self/status"):read("*a")))
      print(blocked(io.popen("cat /proc/self/status"):read("*a")))]]))
    assert.equal(NONE:rep(2), out)
  end)

  it("ignored SIGCHLD and SIGPIPE knows how its children end, and they begin with them", function()
    local out = check(0, run([[
for each in (signal.SIGCHLD, signal.SIGPIPE): signal.signal(each, signal.SIG_IGN)]], [[
      print(os.execute("exit 3") / 256)
      local ignored = io.popen("cat /proc/self/status"):read("*a"):match("SigIgn:%s*(%x+)")
      print(("%x"):format(bit.band(tonumber(ignored:sub(-8), 16), 0x11000)))]]))
    assert.equal("3\n0\n", out)
  end)

  it("ignored SIGHUP, as nohup does, goes on ignoring it", function()
    local out = check(0, run("signal.signal(signal.SIGHUP, signal.SIG_IGN)", [[
      local ffi = require "ffi"
      ffi.cdef "int raise(int);"
      ffi.C.raise(1)
      print("here")]]))
    assert.equal("here\n", out)
  end)

  it("left it few descriptors says what cannot be done", function()
    for limit = 5, 24 do
      local code, out, err = shell(("ulimit -n %d; %s -e %s"):format(limit, host, quote [[
        print("runs")
        local zmq = require "eddy.zmq"
        zmq.instance():socket(zmq.PULL, { bind = "inproc://x" })]]))
      assert.message(limit .. err).is_true(code == 0 and err == "" or code == 1 and
        err:find("EMFILE", 1, true) ~= nil)
      assert.equal("runs\n", out)
    end
  end)
end)
