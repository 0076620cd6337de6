-- The Clone example by its protocol, with plain sockets, and its clients when the server is gone.
local examples = require "spec.support.examples"
local process = require "spec.support.process"

describe("clone", function()
  -- Runs a script beside a server, with its three endpoints, and functions for plain sockets.
  local function with_server(text)
    local script = process.script([[
      local eddy, example, folder = ...
      local zmq = require "eddy.zmq"
      local host = "ipc://" .. folder .. "/clone"
      local pid
      local function start()
        local pipe = io.popen(("'%s' '%s' server %s 1 & echo $!"):format(eddy, example, host))
        pid = pipe:read()
        assert(pipe:read():find "clone server at")
      end
      local function kill(signal) os.execute(("kill -%s %s"):format(signal or "TERM", pid)) end
      local function socket(kind, port, subscribe)
        return zmq.instance():socket(kind, { linger = 0, rcvtimeo = 10000, sndtimeo = 10000,
          connect = host .. ":" .. port, subscribe = subscribe })
      end
      local function snapshot(subtree)
        local dealer, list, count = socket(zmq.DEALER, 1), {}, 0
        dealer:send_multipart { "ICANHAZ?", subtree or "" }
        local msg
        repeat
          msg = assert(dealer:recv_multipart())
          assert(#msg == 5 and #msg[2] == 8 and msg[3] == "" and msg[4] == "")
          list[#list + 1] = msg[1] .. "=" .. msg[5]
        until msg[1] == "KTHXBAI"
        dealer:close()
        local last = table.remove(list)
        table.sort(list)
        list[#list + 1] = last
        return table.concat(list, " "), msg[2]
      end
      -- A PUB that is connected, as its first key has come through.
      local function writer()
        local pub = socket(zmq.PUB, 3)
        local function set(key, value, properties, uuid)
          pub:send_multipart { key, ("\0"):rep(8), uuid or "", properties or "", value }
        end
        repeat set("ready", "1") until snapshot "ready" ~= "KTHXBAI=ready"
        return set, pub
      end
      start()
    ]] .. text .. "\nkill()")
    local code, out, err = process.shell(("dir=$(mktemp -d); '%s' %s '%s' '%s' $dir; code=$?; " ..
      "rm -r $dir; exit $code"):format(EDDY_HOST, script, EDDY_HOST, examples.path "clone"))
    os.remove(script)
    return (process.check(0, code, out, err))
  end

  it("runs by itself", function()
    assert.equal("/shop/apples\t2\nthe watcher has its snapshot\n/shop/pears\t3\n" ..
      "/shop/pears\tis deleted\n", examples.run "clone")
  end)

  it("says how it is called", function()
    assert.equal(2, (process.eddy(examples.path "clone", "serve")))
    assert.equal(2, (process.eddy(examples.path "clone", "server", "tcp://127.0.0.1", "x")))
  end)

  it("gives snapshots of all or of a subtree, and numbered updates", function()
    assert.equal("KTHXBAI=\n/a/ KTHXBAI\ntrue\n/a/1 one uuid\nuuid-of-16-bytes\nx=y\n true\n" ..
      "/a/1=one KTHXBAI=/a/\n/a/1=one /b/1=two ready=1 KTHXBAI=\n/a/1 \ntrue\n" ..
      "/b/1=two ready=1 KTHXBAI=\n", (with_server [[
      print((snapshot()))
      print((snapshot "/a/":gsub("(.*)=(.*)", "%2 %1")))
      local sub = socket(zmq.SUB, 2, "/a/")
      local set, pub = writer()
      local at = select(2, snapshot())
      -- Until the subscription has come through.
      local msg
      sub.rcvtimeo = 20
      repeat
        set("/a/0", tostring(math.random()))
        msg = sub:recv_multipart()
      until msg
      print(msg[2] > at)
      set("/a/0", "")
      sub.rcvtimeo = 10000
      repeat msg = sub:recv_multipart() until msg[5] == ""
      local before = msg[2]
      set("/b/1", "two")
      set("/a/1", "one", "x=y\n", "uuid-of-16-bytes")
      msg = sub:recv_multipart()
      print(msg[1], msg[5], "uuid")
      print(msg[3])
      print(msg[4], msg[2] > before)
      print((snapshot "/a/"))
      print((snapshot()))
      set("/nowhere", "") -- changes nothing
      pub:send_multipart { "broken" }
      set("HUGZ", "x")
      set("/a/1", "")
      local deleted = sub:recv_multipart()
      print(deleted[1], deleted[5])
      print(deleted[2] > msg[2])
      print((snapshot()))
    ]]:gsub("\t", " ")))
  end)

  it("deletes keys when their time is up, unless they are set anew, and sends HUGZ", function()
    assert.equal("/t \n/t=for good ready=1 KTHXBAI=\nHUGZ 0000000000000000\n", (with_server [[
      local set = writer()
      local sub = socket(zmq.SUB, 2, "")
      repeat
        sub.rcvtimeo = 20
        set("probe", tostring(math.random()))
      until sub:recv_multipart()
      set("probe", "")
      sub.rcvtimeo = 10000
      set("/t", "for a time", "other=1\nttl=0.05\n")
      local msg
      repeat msg = sub:recv_multipart() until msg[1] == "/t" and msg[5] == ""
      print(msg[1], msg[5])
      set("/t", "for a time", "ttl=0.2\n")
      set("/t", "for good")
      set("/u", "for a time", "ttl=0.3\n")
      repeat msg = sub:recv_multipart() until msg[1] == "/u" and msg[5] == ""
      print((snapshot()))
      repeat msg = sub:recv_multipart() until msg[1] == "HUGZ"
      print(msg[1], (msg[2]:gsub(".", function(byte) return ("%02x"):format(byte:byte()) end)))
    ]]:gsub("\t", " ")))
  end)

  it("has clients that take over what a server has that begins anew", function()
    assert.equal("/shop/a 1\n/shop/a is deleted\n/shop/b 2\n", (with_server [[
      local function run(text) return ("'%s' '%s' " .. text):format(eddy, example, host) end
      assert(os.execute(run "set %s 1 /shop/a 1") == 0)
      local pipe = io.popen(run "watch %s 1 /shop/ & echo $!")
      local watcher = pipe:read()
      print(pipe:read())
      kill "KILL"
      start()
      print(pipe:read())
      assert(os.execute(run "set %s 1 /weather rain") == 0)
      assert(os.execute(run "set %s 1 /shop/b 2") == 0)
      print(pipe:read())
      os.execute("kill -TERM " .. watcher)
    ]]:gsub("\t", " ")))
  end)
end)
