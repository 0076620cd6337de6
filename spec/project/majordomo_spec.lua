-- The Majordomo example by its protocol: with peers in PyZMQ, and with some that break it.
local examples = require "spec.support.examples"
local process = require "spec.support.process"

describe("majordomo", function()
  local python, missing = examples.python("zmq", "python3-zmq")

  local script, remove_scripts = process.scripts()
  after_each(remove_scripts)

  -- Runs a script of plain sockets beside a broker. It has a `peer` for either side of it.
  local function with_broker(heartbeat, text)
    local name = script([[
      local endpoint, broker_pid, dir = ...
      local zmq = require "eddy.zmq"
      local CLIENT, WORKER = "MDPC01", "MDPW01"
      local READY, REQUEST, REPLY, HEARTBEAT, DISCONNECT = "\1", "\2", "\3", "\4", "\5"
      local function peer()
        local socket = zmq.instance():socket(zmq.DEALER, { linger = 0, rcvtimeo = 5000,
          connect = endpoint })
        return {
          say = function(...) socket:send_multipart { "", ... } end,
          hear = function(command)
            while true do
              local msg = assert(socket:recv_multipart())
              if msg[2] ~= WORKER or msg[3] ~= HEARTBEAT or command == HEARTBEAT then return msg end
            end
          end,
          socket = socket,
        }
      end
      local function show(msg) print((table.concat(msg, "|"):gsub("%c", function(byte)
        return "<" .. byte:byte() .. ">" end))) end
    ]] .. text)
    return examples.beside("majordomo broker tcp://127.0.0.1:* " .. heartbeat,
      '"$EDDY" ' .. name .. ' "$at" "$example" "$dir"')
  end

  it("runs by itself", function()
    local out = examples.run "majordomo"
    for _, line in ipairs { "ALL IN CAPITALS", "cba", "eno rehtona dna", "200", "404" } do
      assert.matches("\n" .. line .. "\n", out, 1, true)
    end
  end)

  it("says how it is called", function()
    local code, _, err = process.eddy(examples.path "majordomo", "broke", "x")
    assert.equal(2, code)
    assert.matches("usage: majordomo", err)
  end)

  it("hands on frames as they are, to a worker that comes later, and back by relays", function()
    assert.equal("|MDPW01|<2>|A|hop||one||two\n|MDPW01|<2>|A|||\nhop||MDPC01|echo|<1>|\n" ..
      "|MDPC01|echo|\n", (with_broker(2500, [[
      local client, worker = peer(), peer()
      client.socket:send_multipart { "hop", "", CLIENT, "echo", "one", "", "two" }
      client.say(CLIENT, "echo", "", "")
      local function serve(...)
        local msg = worker.hear()
        local id = msg[4]
        msg[4] = "A"
        show(msg)
        local reply = { "", WORKER, REPLY, id }
        for i = 5, #msg do
          reply[#reply + 1] = msg[i]
          if msg[i] == "" then break end
        end
        for _, frame in ipairs { ... } do reply[#reply + 1] = frame end
        worker.socket:send_multipart(reply)
      end
      worker.say(WORKER, READY, "echo")
      serve("\1", "")
      serve("")
      show(client.hear())
      show(client.hear())
    ]])))
  end)

  it("gives each worker one request at a time, who has been idle for longest first", function()
    assert.equal("second 1\nfirst 2\nsecond 3\n", (with_broker(2500, [[
      local client, first, second = peer(), peer(), peer()
      local function ready(worker)
        worker.say(WORKER, READY, "s")
        -- Its heartbeat is answered by nothing; mmi tells that it is known.
        repeat client.say(CLIENT, "mmi.service", "s") until client.hear()[4] == "200"
      end
      ready(second)
      ready(first)
      first.say(WORKER, HEARTBEAT)
      for i = 1, 3 do client.say(CLIENT, "s", tostring(i)) end
      local function take(worker, name)
        local msg = worker.hear()
        print(name .. " " .. msg[6])
        worker.say(WORKER, REPLY, msg[4], "", "done")
      end
      take(second, "second")
      take(first, "first")
      take(second, "second")
    ]])))
  end)

  it("sends those away that break the protocol, and outlives any message", function()
    assert.equal(("|MDPW01|<5>\n"):rep(5) .. "|MDPC01|mmi.service|404\n" ..
      "|MDPC01|mmi.other|501\n|MDPC01|mmi.service|404\n", (with_broker(2500, [[
      for _, messages in ipairs {
        { { HEARTBEAT } }, -- who is that?
        { { REPLY, "x", "", "y" } },
        { { READY, "s" }, { READY, "s" } }, -- twice
        { { READY, "s" }, { REPLY, "x", "", "y" } }, -- nobody asked
        { { READY, "mmi.mine" } }, -- reserved
      } do
        local worker = peer()
        for _, frames in ipairs(messages) do worker.say(WORKER, unpack(frames)) end
        show(worker.hear())
      end
      local other = peer()
      for _, frames in ipairs { {}, { "" }, { "", WORKER }, { "", WORKER, READY }, { "", CLIENT },
        { "", "MDPC99", "s" }, { "a", "b", "", WORKER, READY, "s" }, { "", WORKER, "\9" } } do
        other.socket:send_multipart(#frames > 0 and frames or { "x" })
      end
      local client = peer()
      client.say(CLIENT, "mmi.service", "s")
      show(client.hear())
      client.say(CLIENT, "mmi.other")
      show(client.hear())
      client.say(CLIENT, "mmi.service")
      show(client.hear())
    ]])))
  end)

  it("beats, forgets idle workers that do not, and tells all when it ends", function()
    assert.equal("|MDPW01|<4>\n|MDPC01|mmi.service|404\n|MDPW01|<5>\n", (with_broker(50, [[
      local client, worker = peer(), peer()
      worker.say(WORKER, READY, "s")
      show(worker.hear(HEARTBEAT))
      local answer
      repeat
        client.say(CLIENT, "mmi.service", "s")
        answer = client.hear()
      until answer[4] == "404"
      show(answer)
      worker.say(WORKER, DISCONNECT) -- from one that is forgotten: nothing to say
      local busy = peer()
      busy.say(WORKER, READY, "t")
      client.say(CLIENT, "t", "x")
      busy.hear()
      for _ = 1, 5 do busy.hear(HEARTBEAT) end -- it says nothing, but has a request
      os.execute(("touch %s/ended; kill -TERM %s"):format(dir, broker_pid))
      show(busy.hear())
    ]])))
  end)

  it("has a worker that begins anew when nothing is heard of the broker", function()
    local fake = script [[
      local eddy, example = ...
      local zmq = require "eddy.zmq"
      local socket = zmq.instance():socket(zmq.ROUTER, { rcvtimeo = 10000,
        bind = "tcp://127.0.0.1:*" })
      local pipe = io.popen(("'%s' '%s' worker %s s 50 & echo $!"):format(eddy, example,
        socket.last_endpoint))
      local pid = pipe:read()
      local ready = {}
      repeat
        local msg = assert(socket:recv_multipart())
        if msg[4] == "\1" then ready[#ready + 1] = msg[1] .. msg[5] end
      until #ready == 2
      os.execute("kill -TERM " .. pid)
      pipe:close()
      print(ready[1] ~= ready[2])
    ]]
    assert.equal("true\n", (process.check(0, process.eddy(fake, EDDY_HOST,
      examples.path "majordomo"))))
  end)

  it("has a worker and a client that outlive the broker", function()
    local code, out, err = process.shell(([[
      EDDY='%s'; at='%s'; dir=$(mktemp -d); end=ipc://$dir/socket
      "$EDDY" $at worker $end upper 50 & worker=$!
      "$EDDY" $at broker $end 50 >/dev/null & broker=$!
      timeout 20 "$EDDY" $at client $end upper one
      kill -KILL $broker; wait $broker 2>/dev/null
      timeout 20 "$EDDY" $at client $end upper two & client=$!
      "$EDDY" $at broker $end 50 >/dev/null & broker=$!
      wait $client
      timeout 20 "$EDDY" $at client $end upper "" three; echo $?
      kill -TERM $worker; wait $worker; echo $?
      kill -TERM $broker; wait $broker; echo $?
      rm -r $dir]]):format(EDDY_HOST, examples.path "majordomo"))
    assert.message(err).equal(0, code)
    -- The worker's exit code tells of the handler that failed, whose client was answered.
    assert.equal("ONE\nTWO\n\nTHREE\n0\n1\n0\n", out)
    assert.matches("nothing to do", err)
  end)

  if not python then return pending("with PyZMQ: " .. missing) end

  it("serves a client and a worker in PyZMQ, and its own with either", function()
    local peers = script [[
import subprocess, sys, threading, zmq
endpoint, eddy, example = sys.argv[1:]
context = zmq.Context.instance()

def work():
    socket = context.socket(zmq.DEALER)
    socket.connect(endpoint)
    socket.send_multipart([b"", b"MDPW01", b"\1", b"python"])
    while True:
        msg = socket.recv_multipart()
        if msg[2] == b"\2":
            empty = msg.index(b"", 3)
            head = [b"", b"MDPW01", b"\3"] + msg[3:empty + 1]
            socket.send_multipart(head + msg[:empty:-1])
        elif msg[2] == b"\4":
            socket.send_multipart([b"", b"MDPW01", b"\4"])

threading.Thread(target=work, daemon=True).start()
ours = subprocess.Popen([eddy, example, "worker", endpoint, "upper"])
client = context.socket(zmq.REQ)
client.rcvtimeo = 10000
client.connect(endpoint)
for service, *body in ((b"python", b"1", b"2"), (b"upper", b"abc")):
    client.send_multipart([b"MDPC01", service] + body)
    print(client.recv_multipart())
sys.stdout.flush()
subprocess.check_call([eddy, example, "client", endpoint, "python", "asked in Lua"])
ours.terminate()
print(ours.wait())
client.close()
sys.stdout.flush()
import os
os._exit(0)
]]
    local out = examples.beside("majordomo broker tcp://127.0.0.1:*",
      ('%s %s "$at" "$EDDY" %s'):format(python, peers, examples.path "majordomo"))
    assert.equal("[b'MDPC01', b'python', b'2', b'1']\n[b'MDPC01', b'upper', b'ABC']\n" ..
      "asked in Lua\n0\n", out)
  end)
end)
