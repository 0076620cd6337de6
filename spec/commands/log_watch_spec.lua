local ports = require "spec.support.ports"
local process = require "spec.support.process"
local zmq = require "eddy.zmq"

describe("eddy log-watch", function()
  local socket, out
  before_each(function()
    out = os.tmpname()
    socket = zmq.instance():socket(zmq.XPUB, { linger = 1000, bind = "tcp://127.0.0.1:*" })
  end)
  after_each(function()
    socket:close()
    os.remove(out)
  end)

  -- Starts a watcher whose output goes to a file; returns when it is there, with its pid.
  local function start(...)
    local words = { ... }
    for i, word in ipairs(words) do words[i] = process.quote(word) end
    local pipe = io.popen(("timeout -k 1 20 %s log-watch %s %s >%s 2>&1 & echo $!"):format(
      process.quote(EDDY_HOST), table.concat(words, " "), socket.last_endpoint, out))
    local pid = pipe:read("*l")
    pipe:close()
    assert.equal(zmq.POLLIN, socket:poll(10000))
    return pid, socket:recv()
  end

  -- Ends the watcher once it has printed `lines` lines, and returns them.
  local function finish(pid, lines)
    process.shell(("while [ $(wc -l < %s) -lt %d ]; do sleep 0.01; done; kill -TERM %s; " ..
      "while [ -e /proc/%s/exe ]; do sleep 0.01; done"):format(out, lines, pid, pid))
    local file = assert(io.open(out))
    local text = file:read("*a")
    file:close()
    return text
  end

  it("prints what is published", function()
    local pid = start()
    socket:send_multipart { "app.INFO", "hello\n" }
    socket:send_multipart { "app.ERROR.sub", "two\nlines\n" }
    socket:send_multipart { "three", "frames", "" }
    socket:send_multipart { "one" }
    assert.equal("app.INFO | hello\napp.ERROR.sub | two\nlines\nthree | frames | \none\n",
      finish(pid, 5))
  end)

  it("binds, so that publishers connect to it", function()
    local path = os.tmpname()
    os.remove(path)
    local pipe = io.popen(("timeout -k 1 20 %s log-watch --bind -t a ipc://%s >%s 2>&1 & echo $!")
      :format(process.quote(EDDY_HOST), path, out))
    local pid = pipe:read("*l")
    pipe:close()
    for i = 1, 2 do
      local publisher = zmq.instance():socket(zmq.XPUB,
        { linger = 1000, connect = "ipc://" .. path })
      assert.equal(zmq.POLLIN, publisher:poll(10000))
      publisher:send_multipart { "b", "no" }
      publisher:send_multipart { "a" .. i, "yes" }
      publisher:close()
    end
    local lines = finish(pid, 2)
    assert.matches("a1 | yes\n", lines, 1, true)
    assert.matches("a2 | yes\n", lines, 1, true)
    assert.equal(2 * #"a1 | yes\n", #lines)
  end)

  it("binds where strangers can connect only when it is told so", function()
    local _, err = process.check(1, process.eddy("log-watch", "--bind", "tcp://*:0"))
    assert.matches("other machines can reach this", err)
    local pipe = io.popen(("timeout -k 1 20 %s log-watch --bind --insecure 'tcp://*:*' >%s " ..
      "2>&1 & echo $!"):format(process.quote(EDDY_HOST), out))
    local pid = pipe:read("*l")
    pipe:close()
    assert.equal("", finish(pid, 0))
  end)

  it("shows the topics that it is asked for", function()
    local pid, first = start("-t", "a.", "--topic=b")
    assert.equal(zmq.POLLIN, socket:poll(10000))
    local both = { first, socket:recv() }
    table.sort(both)
    assert.same({ "\1a.", "\1b" }, both)
    for _, topic in ipairs { "a.x", "c", "b" } do socket:send_multipart { topic, "x\n" } end
    assert.equal("a.x | x\nb | x\n", finish(pid, 2))
  end)

  it("has times, separators, and columns", function()
    local pid = start("--timestamp", "<%Y>", "--separator", "\t", "--align")
    socket:send_multipart { "long.INFO", "1\n" }
    socket:send_multipart { "INFO", "2\n" }
    local year = "<" .. os.date("%Y") .. ">"
    assert.equal(year .. "\tlong.INFO\t1\n" .. year .. "\tINFO     \t2\n", finish(pid, 2))
  end)

  it("has colors, and times without a format", function()
    local pid = start("--color", "--timestamp")
    socket:send_multipart { "a.ERROR.b", "x\n" }
    assert.matches("^%d+%-%d%d%-%d%d %d%d:%d%d:%d%d | a%.\27%[31mERROR\27%[0m%.b | x\n$",
      finish(pid, 1))
  end)

  it("does not let strangers steer the terminal", function()
    local pid = start()
    socket:send_multipart { "t\27]0;x\7", "a\tb\0\27[2J\n" }
    assert.equal("t\\x1b]0;x\\x07 | a\tb\\x00\\x1b[2J\n", finish(pid, 1))
  end)

  for _, signal in ipairs { "INT", "TERM" } do
    it("ends in order at SIG" .. signal, function()
      local code, _, err = process.shell(([[
        %s log-watch tcp://127.0.0.1:%d & pid=$!
        until grep -q '^SigCgt:.*[4-7c-f]...$' /proc/$pid/status; do sleep 0.01; done
        kill -%s $pid; wait $pid]]):format(process.quote(EDDY_HOST), ports.free(1), signal))
      assert.message(err).equal(0, code)
      assert.equal("", err)
    end)
  end

  it("ends when nobody reads what it prints", function()
    local publisher = process.script [[
      local eddy, zmq = require "eddy", require "eddy.zmq"
      local pub = zmq.instance():socket(zmq.PUB, { linger = 0, bind = ... })
      eddy.loop.instance():call_every(1, function() pub:send_multipart { "t", "x\n" } end)]]
    local code, printed = process.shell(([[
      endpoint=tcp://127.0.0.1:%d
      %s %s $endpoint & pid=$!
      set -o pipefail
      %s log-watch $endpoint | head -n 2; code=$?
      kill $pid; wait $pid; exit $code]]):format(ports.free(1), EDDY_HOST, publisher, EDDY_HOST))
    os.remove(publisher)
    assert.equal("t | x\nt | x\n", printed)
    assert.equal(128 + 13, code)
  end)

  it("explains itself", function()
    local code, printed = process.eddy("log-watch", "--help")
    assert.equal(0, code)
    assert.matches("^usage: eddy log%-watch", printed)
    code, printed = process.eddy("--help")
    assert.equal(0, code)
    assert.matches("\n  log%-watch ENDPOINT ", printed)
  end)

  it("says in one line what is wrong with the command line, and exits with 2", function()
    for expected, args in pairs {
      ["no endpoint"] = {}, ["unknown option %-%-frob"] = { "--frob", "inproc://x" },
      ["more than one endpoint: b"] = { "a", "b" }, ["%-t needs a topic"] = { "a", "-t" },
      ["%-%-separator needs a text"] = { "a", "--separator" },
      ["%-%-align takes no value"] = { "--align=x", "a" },
      ["connect nonsense: .*Invalid argument"] = { "nonsense" },
    } do
      local code, printed, err = process.eddy("log-watch", unpack(args))
      assert.message(err).equal(2, code)
      assert.equal("", printed)
      assert.matches("^eddy: log%-watch: [^\n]*" .. expected .. "[^\n]*\n$", err)
    end
  end)
end)
