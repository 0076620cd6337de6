-- The chat: what its server says to plain sockets, and its client for terminals, also when the
-- server is killed in the middle.
local examples = require "spec.support.examples"
local process = require "spec.support.process"

describe("chat", function()
  it("shows who comes late what was said", function()
    local out = examples.run "chat"
    assert.equal("-- ann is in kitchen\n-- ben is in kitchen\nann: is there tea?\n" ..
      "ben: in a minute\nann: splendid\nand what cleo gets, who comes later:\n" ..
      "ben: in a minute\nann: splendid\n-- cleo is in kitchen\n", out)
  end)

  -- Runs a script beside a server, with `member(name)`, a plain socket that has joined.
  local function with_server(text)
    local script = process.script([[
      local endpoint = ...
      local zmq = require "eddy.zmq"
      local function connect()
        local socket = zmq.instance():socket(zmq.DEALER, { linger = 0, rcvtimeo = 20000,
          connect = endpoint })
        local function ask(...) assert(socket:send_multipart { ... }) end
        -- What it is told, without what only numbers a line; of the kind that is waited for.
        local function told(kind)
          local msg
          repeat msg = assert(socket:recv_multipart()) until not kind or msg[1] == kind
          if msg[1] == "line" then table.remove(msg, 3) end
          return table.concat(msg, " ")
        end
        return ask, told, socket
      end
      local function member(name, room, seen)
        local ask, told, socket = connect()
        ask("join", room or "hall", name, "token-" .. name, seen or "0")
        return ask, told, socket
      end
    ]] .. text)
    local out, err = examples.beside("chat serve ipc://$dir/chat",
      ('"$EDDY" %s $at'):format(script))
    os.remove(script)
    return out, err
  end

  it("has rooms, and names that are somebody's", function()
    local out = with_server [[
      local ann, ann_told = member "ann"
      print(ann_told())
      local ben, ben_told = member("ben", "attic")
      print(ben_told())
      ben("say", "nobody in the hall hears that")
      print(ben_told())
      local thief, thief_told = connect()
      thief("say", "hello")
      print(thief_told())
      thief("join", "hall", "ann", "another-token", "0")
      print(thief_told())
      for _, name in ipairs { "", "a b", ("x"):rep(31), "\27[2J" } do
        thief("join", "hall", name, "t")
        assert(thief_told():find "^refused names are")
      end
      thief("join", "hall")
      thief("join")
      thief("dance")
      thief(("x"):rep(100), "", "")
      for _ = 1, 4 do assert(thief_told():find "^refused") end
      ben("join", "hall", "ben", "token-ben", "0")
      print(ann_told(), ben_told())
      ann("who")
      print(ann_told())
      ben "leave"
      print(ann_told())
      ann("say", "\27[31mred\194\155\n" .. ("x"):rep(3000))
      local line = ann_told()
      print(#line, line:sub(1, 23))
      ann("say", "")
      ann "ping"
      print(ann_told())
    ]]
    assert.equal("note ann is in hall\nnote ben is in attic\n" ..
      "line attic ben nobody in the hall hears that\nunknown say hello\n" ..
      "refused ann is somebody else in hall\nnote ben is in hall\tnote ben is in hall\n" ..
      "names ann ben\nnote ben has left\n2014\tline hall ann  [31mred \npong\n", out)
  end)

  it("gives the last hundred lines, or those after the last one that was seen", function()
    local out = with_server [[
      local ann, _, socket = member "ann"
      for i = 1, 130 do ann("say", "line " .. i) end
      local numbers = {}
      repeat
        local msg = socket:recv_multipart()
        if msg[1] == "line" then numbers[#numbers + 1] = msg[3] end
      until #numbers == 130
      for i = 2, 130 do assert(tonumber(numbers[i]) > tonumber(numbers[i - 1])) end
      local function history(seen)
        local _, told, late = member("late" .. seen, "hall", seen)
        local list, line = {}, told()
        while line:find "^line" do list[#list + 1], line = line, told() end
        late:close()
        return list
      end
      local all = history "0"
      print(#all, all[1], all[100])
      local some = history(numbers[127])
      print(#some, some[1])
      print(#history "no-number")
    ]]
    assert.equal("100\tline hall ann line 31\tline hall ann line 130\n" ..
      "3\tline hall ann line 128\n100\n", out)
  end)

  it("knows one again who comes over a new connection, and tells who is gone", function()
    local out = with_server [[
      local ann, ann_told = member "ann"
      print(ann_told())
      local _, ben_told, socket = member "ben"
      print(ann_told(), ben_told())
      local again, again_told = member "ben"
      again("say", "here I am again")
      print(ann_told(), again_told())
      -- The first of them has no place any more.
      socket:send "who"
      print(ben_told())
      local _, cleo_told, cleo = member "cleo"
      print(ann_told "note", cleo_told "note")
      cleo:close()
      repeat again("say", "is cleo there?") until ann_told():find "cleo is gone"
    ]]
    assert.equal("note ann is in hall\nnote ben is in hall\tnote ben is in hall\n" ..
      "line hall ben here I am again\tline hall ben here I am again\nunknown who\n" ..
      "note cleo is in hall\tnote cleo is in hall\n", out)
  end)

  it("is typed in, and says again what a server that was killed did not hear", function()
    local code, out, err = process.shell(([[
      EDDY='%s'; chat='%s'; dir=$(mktemp -d); cd $dir
      wait_for() {
        for i in $(seq 400); do grep -q "$1" ann && return; sleep 0.05; done; cat ann; exit 1
      }
      "$EDDY" $chat serve ipc://$dir/s >served & server=$!
      mkfifo typed; "$EDDY" $chat join ipc://$dir/s hall ann <typed >ann & ann=$!
      exec 3>typed
      wait_for 'ann is in hall'
      printf '/help\n/who\nhello\n' >&3
      wait_for 'ann: hello'
      kill -KILL $server; wait $server 2>/dev/null
      echo 'does anybody hear me?' >&3
      "$EDDY" $chat serve ipc://$dir/s >served 3>&- & server=$!
      wait_for 'ann: does anybody'
      printf '/join attic\nup here\n' >&3
      wait_for 'ann: up here'
      exec 3>&-
      wait $ann; echo "ended with $?"
      kill -TERM $server; wait $server; echo "ended with $?"
      # A busy machine takes its time to start a server.
      sed 's/^[0-9][0-9]:[0-9][0-9]/HH:MM/;/^-- no answer/d;/^-- the server is back/d' ann
      cd /; rm -r $dir]]):format(EDDY_HOST, examples.path "chat"))
    assert.message(out .. err).equal(0, code)
    assert.equal("ended with 0\nended with 0\n-- ann is in hall\n" ..
      "/join ROOM, /who, /quit; all else is said\n-- here: ann\nHH:MM ann: hello\n" ..
      "-- ann is in hall\nHH:MM ann: does anybody hear me?\n-- ann is in attic\n" ..
      "HH:MM ann: up here\n", out)
  end)

  it("has a client that shows each line once, and joins and says it again when told to", function()
    local script = process.script(([[
      package.path = %q .. "/examples/services/?.lua;" .. package.path
      local eddy, zmq, Client = require "eddy", require "eddy.zmq", require "chat.client"
      local server = require("eddy.green").instance():socket(zmq.ROUTER, { bind = "inproc://s" })
      local client = Client.join({ connect = "inproc://s" }, "hall", "ann", {
        line = function(name, text) print(name, text) end, note = print }, 60000)
      local function told()
        local msg = server:recv_multipart()
        return msg[1], (table.concat(msg, " ", 2):gsub(client.token, "TOKEN"))
      end
      local ann, joined = told()
      print(joined)
      for _, line in ipairs { "5 once", "5 once", "4 before", "7 two" } do
        local number, text = line:match "(%%d) (%%w+)"
        server:send_multipart { ann, "line", "hall", number, "ben", text }
      end
      server:send_multipart { ann, "line", "attic", "9", "ben", "elsewhere" }
      server:send_multipart { ann, "unknown", "ping" }
      server:send_multipart { ann, "unknown", "say", "hello" }
      for _ = 1, 3 do print(select(2, told())) end
      client:close()
      server:close()
    ]]):format(EDDY_ROOT))
    local code, out, err = process.eddy(script)
    os.remove(script)
    process.check(0, code, out, err)
    assert.equal("join hall ann TOKEN 0\nben\tonce\nben\ttwo\njoin hall ann TOKEN 7\n" ..
      "join hall ann TOKEN 7\nsay hello\n", out)
  end)

  it("has names from keys", function()
    local code, out, err = process.shell(([[
      EDDY='%s'; chat='%s'; dir=$(mktemp -d); cd $dir; mkdir keys; mkfifo typed said
      for name in server ann; do "$EDDY" keygen $name >/dev/null; done
      cp ann.key keys
      "$EDDY" $chat serve 'tcp://127.0.0.1:*' server.key_secret keys >said & server=$!
      exec 4<said; read -r line <&4
      "$EDDY" $chat join ${line##* } hall somebody server.key ann.key_secret <typed >ann & ann=$!
      exec 3>typed
      for i in $(seq 600); do grep -q 'is in hall' ann && break; sleep 0.05; done
      echo /quit >&3; wait $ann; echo $?; cat ann
      kill -TERM $server; wait $server; echo $?
      cd /; rm -r $dir]]):format(EDDY_HOST, examples.path "chat"))
    assert.message(out .. err).equal(0, code)
    assert.equal("0\n-- ann is in hall\n0\n", out)
  end)

  it("says how it is used", function()
    local code, _, err = process.eddy(examples.path "chat", "join", "tcp://127.0.0.1:1")
    assert.equal(2, code)
    assert.matches("^usage: chat", err)
  end)
end)
