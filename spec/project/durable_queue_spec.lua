-- The durable queue: what crashes, and who leaves.
local examples = require "spec.support.examples"
local process = require "spec.support.process"

describe("durable_queue", function()
  -- Runs a script that has a queue at `file`: `start(lease)` and `kill()` it, `ask` by REQ sockets.
  local function with_queue(text)
    local script = process.script([[
      local eddy, example, folder = ...
      local zmq = require "eddy.zmq"
      local endpoint, file, pid = "ipc://" .. folder .. "/socket", folder .. "/file", nil
      local function start(lease)
        local pipe = io.popen(("'%s' '%s' serve %s %s %d & echo $!"):format(eddy, example, endpoint,
          file, lease or 60000))
        pid = pipe:read()
        return pipe:read():match "^%d+"
      end
      local function kill() -- and waits until it is a zombie at most, which has no command line
        os.execute(("kill -KILL %s; while grep -q . /proc/%s/cmdline; do sleep 0.01; done " ..
          "2>/dev/null"):format(pid, pid))
      end
      local function client()
        return zmq.instance():socket(zmq.REQ, { linger = 0, rcvtimeo = 10000, connect = endpoint })
      end
      local function ask(socket, ...)
        socket:send_multipart { ... }
        return table.concat(assert(socket:recv_multipart()), " ")
      end
    ]] .. text .. "\nkill()")
    local code, out, err = process.shell(("dir=$(mktemp -d); '%s' %s '%s' '%s' $dir; code=$?; " ..
      "rm -r $dir; exit $code"):format(EDDY_HOST, script, EDDY_HOST, examples.path "durable_queue"))
    os.remove(script)
    return (process.check(0, code, out, err))
  end

  it("runs by itself", function()
    assert.matches("OK\torder 3\nJOB\torder 1\t1 pears\nOK\torder 1\n2 messages wait",
      examples.run "durable_queue")
  end)

  it("survives kill -9, and a record that is half written", function()
    assert.equal("OK a\nOK b\nOK c\nOK a\nJOB a x\ny 1\nOK a\n2\nJOB b \nJOB c 3\nOK b\nOK c\n" ..
      "0\nOK a\nJOB a again\n", with_queue [[
      start()
      local one = client()
      for key, body in ("a=x\ny 1,b=,c=3,a=once more,"):gmatch "(.-)=(.-)," do
        print(ask(one, "PUT", key, body))
      end
      print(ask(one, "GET"))
      print(ask(one, "DONE", "a"))
      kill()
      local torn = io.open(file, "ab")
      torn:write "put 1 100\ndhalf of it"
      torn:close()
      print(start())
      one = client()
      print(ask(one, "GET"))
      print(ask(one, "GET"))
      print(ask(one, "DONE", "b"))
      print(ask(one, "DONE", "c"))
      kill()
      print(start())
      one = client()
      print(ask(one, "PUT", "a", "again"))
      print(ask(one, "GET"))
    ]])
  end)

  it("hands out again what was not done in time, or by one that has left", function()
    assert.equal("OK a\nJOB a 1\nJOB a 1\nOK a\nOK b\nJOB b 2\n", with_queue [[
      start(200)
      local one, two = client(), client()
      print(ask(one, "PUT", "a", "1"))
      print(ask(one, "GET"))
      print(ask(two, "GET")) -- waits until then
      print(ask(two, "DONE", "a"))
      kill()
      start(2000) -- for the case that it is noticed too late that somebody has left
      local gone = zmq.instance():socket(zmq.DEALER, { linger = 0, connect = endpoint })
      gone:send_multipart { "", "GET" }
      gone:send_multipart { "", "DONE", "x" }
      gone:recv_multipart() -- so both have come
      gone:close()
      local three = client()
      print(ask(three, "PUT", "b", "2"))
      print(ask(three, "GET"))
    ]])
  end)

  it("is written anew when most of it is done", function()
    assert.equal("true\n1\nJOB 0 stays\n", with_queue [[
      start()
      local one, body = client(), ("x"):rep(100000)
      ask(one, "PUT", "0", "stays")
      for i = 1, 30 do
        ask(one, "PUT", tostring(i), body)
        ask(one, "DONE", tostring(i))
      end
      local log = io.open(file)
      print(log:seek "end" < 2e6)
      kill()
      print(start())
      print(ask(client(), "GET"))
    ]])
  end)

  it("says what it expects", function()
    assert.equal("ERROR expected PUT, GET or DONE\nERROR expected PUT, key, body\n", with_queue [[
      start()
      print(ask(client(), "STEAL"))
      print(ask(client(), "PUT", "a"))
    ]])
  end)
end)
