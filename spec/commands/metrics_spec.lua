local json = require "eddy.zmq.json"
local folders = require "spec.support.folders"
local process = require "spec.support.process"

-- `eddy metrics` as others meet it: curl, Prometheus' own parser, peers that say nothing.
describe("eddy metrics", function()
  local has_http = pcall(require, "http.server")
  local has_curl = process.shell("command -v curl") == 0
  local runtime, started, pid, url

  after_each(function()
    for _, each in ipairs(started or {}) do each:kill() end
    started = nil
    if pid then
      process.shell(("kill %s; while kill -0 %s; do sleep 0.05; done"):format(pid, pid))
    end
    pid = nil
  end)
  folders.each(function(dir) runtime = dir end)

  -- Starts a script in a host whose page is in this test's folder.
  local function start(code)
    started = started or {}
    started[#started + 1] = process.start(code, "env XDG_RUNTIME_DIR=" .. runtime)
    return started[#started]
  end

  -- Starts the server at a free port; returns whether it can.
  local function serve()
    if not has_http then pending "needs lua-http; on Debian: apt-get install lua-http" end
    if not has_curl then pending "needs curl" end
    if not has_http or not has_curl then return false end
    local name = runtime .. "/said"
    local pipe = assert(io.popen(([[XDG_RUNTIME_DIR=%s %s metrics --listen 127.0.0.1:0 \
      >%s 2>%s.errors & echo $!]]):format(runtime, process.quote(EDDY_HOST), name, name)))
    pid = pipe:read "*l"
    pipe:close()
    local latest = os.time() + 30
    repeat
      local file = io.open(name)
      url = file and file:read "*a":match "serving (http%S+)\n"
      if file then file:close() end
    until url or os.time() > latest
    return assert(url, "it does not serve")
  end

  -- Asks by curl: returns the status and what came.
  local function ask(path, options)
    local _, out = process.shell(("curl -s -m 20 -w '|%%{http_code}' %s %s"):format(options or "",
      process.quote(url .. path)))
    return out:match "|(%d+)$", out:match "^(.*)|"
  end

  local function wait(path, pattern)
    local latest, text = os.time() + 20
    repeat
      text = select(2, ask(path))
      if text:find(pattern) then return text end
    until os.time() > latest
    error(path .. " has no " .. pattern .. ": " .. text, 2)
  end

  local BUSY = [[
    local eddy, zmq = require "eddy", require "eddy.zmq"
    local loop, context = eddy.loop.instance(), zmq.instance()
    local pull = context:socket(zmq.PULL, { linger = 0, bind = "inproc://jobs" })
    local jobs = eddy.stream(pull, loop)
    jobs.name = 'the "jobs"'
    local done = eddy.metrics.counter("spec_done", "Done.", { "kind" }):with { kind = "a\\b" }
    local took = eddy.metrics.histogram("spec_seconds", "How long.")
    eddy.metrics.gauge("spec_depth", "Depth."):set(-2.5)
    jobs:on_recv(function()
      done:inc()
      took:observe(0.01)
    end)
    local push = eddy.stream(context:socket(zmq.PUSH, { linger = 0, connect = "inproc://jobs" }))
    loop:call_every(1, function() push:send "x" end)
  ]]

  it("serves what Prometheus' parsers take, and counters that only grow", function()
    if not serve() then return end
    if process.shell [[/usr/bin/python3 -c "import prometheus_client"]] ~= 0 then
      return pending "needs python3-prometheus-client"
    end
    start(BUSY)
    wait("metrics", "spec_done_total{[^\n]* [1-9]")
    local script = process.script [[
import sys, urllib.request
from prometheus_client.parser import text_string_to_metric_families as plain
from prometheus_client.openmetrics.parser import text_string_to_metric_families as opened
def look(query, accept, parse):
    asked = urllib.request.Request(sys.argv[1] + "metrics" + query, headers={"Accept": accept})
    answer = urllib.request.urlopen(asked, timeout=20)
    text, found, kinds = answer.read().decode(), {}, {}
    for family in parse(text):
        assert family.name not in kinds, family.name
        assert family.documentation and family.type != "unknown", family.name
        kinds[family.name] = family.type
        for sample in family.samples:
            key = sample.name, tuple(sorted(sample.labels.items()))
            assert key not in found, key
            found[key] = sample.value
    return answer.headers["content-type"].split(";")[0], found, kinds
open_type = "application/openmetrics-text"
for query in "", "?by=worker", "?by=pid":
    last = {}
    for round in range(3):
        kind, found, kinds = look(query, "*/*", plain)
        assert kind == "text/plain", kind
        for key, value in found.items():
            if key[0].endswith(("_total", "_bucket", "_count", "_sum")):
                assert value >= last.get(key, 0), (key, value, last[key])
        for key in last:
            assert key in found or not key[0].startswith("spec_"), key
        last = found
    kind, more, kinds = look(query, open_type + ",text/plain;q=0.5", opened)
    assert kind == open_type, kind
    assert kinds["spec_done"] == "counter" and kinds["spec_seconds"] == "histogram"
    mine = {key[0]: (dict(key[1]), value) for key, value in more.items()
            if key[0].startswith("spec_")}
    assert mine["spec_done_total"][0]["kind"] == "a\\b", mine
    assert mine["spec_depth"][1] == -2.5
    assert mine["spec_seconds_count"][1] > 0
    names = [dict(key[1]).get("stream") for key in more if key[0] == "eddy_handler_seconds_count"]
    assert 'the "jobs"' in names, names
    for name in ("eddy_build_info", "eddy_loop_turns_total", "eddy_loop_lag_seconds_bucket",
                 "process_cpu_seconds_total", "process_resident_memory_bytes",
                 "process_open_fds", "process_max_fds", "process_start_time_seconds"):
        assert any(key[0] == name for key in more), name
print("good")
]]
    local out = process.check(0, process.shell("/usr/bin/python3 " .. script .. " " .. url))
    os.remove(script)
    assert.equal("good\n", out)
  end)

  it("tells of one that hangs, is stopped, or has died", function()
    if not serve() then return end
    local busy = start(BUSY)
    local hanging = start [[require("eddy").loop.instance():call_later(0, function()
      while true do end
    end)]]
    wait("readyz/" .. busy.pid, "^running\n")
    wait("readyz/" .. hanging.pid, "^hangs for [^\n]* %(busy%)\n")
    assert.equal("503", (ask("readyz/" .. hanging.pid)))
    assert.equal("503", (ask "readyz"))
    assert.equal("200", (ask("readyz/" .. busy.pid)))
    assert.equal("404", (ask "readyz/2147483"))
    assert.equal("200", (ask "healthz"))
    wait("metrics?by=pid", ('eddy_hang_seconds{[^\n]*pid="%d"} [1-9]'):format(hanging.pid))
    busy:stop()
    wait("readyz/" .. busy.pid, "^stopped by a signal\n")
    busy:kill()
    wait("readyz/" .. busy.pid, "^died, last seen")
    local text = select(2, ask "metrics?by=pid")
    assert.matches(('spec_done_total{[^\n]*pid="%d"[^\n]*} [1-9]'):format(busy.pid), text)
    assert.is_nil(text:match(('spec_depth{[^\n]*pid="%d"'):format(busy.pid)))
    for _, each in ipairs(json.decode(select(2, ask "data.json")).processes) do
      if each.pid == busy.pid then assert.equal("died", each.status.word) end
      if each.pid == hanging.pid then assert.equal("hangs", each.status.word) end
    end
  end)

  it("has a page that loads nothing from elsewhere", function()
    if not serve() then return end
    local status, text = ask("", "-i")
    assert.equal("200", status)
    assert.matches("content%-security%-policy: default%-src 'none'", text)
    assert.is_nil(text:match "https?://[^w]") -- but the name of SVG
    assert.matches("prefers%-color%-scheme: dark", text)
  end)

  it("refuses what it does not serve", function()
    if not serve() then return end
    assert.equal("404", (ask "nowhere"))
    assert.equal("404", (ask "../../etc/passwd"))
    assert.equal("400", (ask "metrics?by=name"))
    local status, text = ask("metrics", "-i -d x=1")
    assert.equal("405", status)
    assert.matches("allow: GET, HEAD", text)
    assert.equal("405", (ask("", "-X DELETE")))
    status, text = ask("metrics", "-I")
    assert.equal("200", status)
    assert.matches("content%-length: %d%d", text)
    assert.matches("^4", (ask("healthz", "-H 'x: " .. ("y"):rep(20000) .. "'")))
    local many = {}
    for i = 1, 150 do many[i] = ("-H 'x%d: y'"):format(i) end
    assert.equal("431", (ask("healthz", table.concat(many, " "))))
    assert.equal("200", (ask "healthz"))
  end)

  it("outlives peers that leave, talk nonsense, or say nothing, and answers beside them", function()
    if not serve() then return end
    start(BUSY)
    local port = url:match ":(%d+)/"
    local script = process.script(([[
import socket, urllib.request
def connect(text):
    one = socket.create_connection(("127.0.0.1", %s), 10)
    one.sendall(text)
    return one
slow = [connect(b"GET /metrics HTTP/1.1\r\nHost: x\r\nX-Slow: " + b"y" * i) for i in range(32)]
# Those that ask and never read.
slow += [connect(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 3) for i in range(8)]
for text in b"", b"GET", b"nonsense\r\n\r\n", b"\0\1\2\3\r\n\r\n", b"GET /metrics HTTP/1.1\r\n", \
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\npart", \
        b"GET  HTTP/1.1\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n":
    connect(text).close()
below = connect(b"GET / HTTP/1.0\r\nContent-Length: -5\r\n\r\n")
below.shutdown(socket.SHUT_WR)
while below.recv(65536):
    pass
for i in range(5):
    assert b"eddy_build_info" in urllib.request.urlopen("%smetrics", timeout=20).read()
for one in slow[:16]:
    one.close()
assert urllib.request.urlopen("%shealthz", timeout=20).read() == b"ok\n"
print("good")
]]):format(port, url, url))
    local out = process.check(0, process.shell("/usr/bin/python3 " .. script))
    os.remove(script)
    assert.equal("good\n", out)
    local errors = assert(io.open(runtime .. "/said.errors"))
    assert.equal("", errors:read "*a")
    errors:close()
  end)

  it("is not broken by files that are no pages", function()
    if not serve() then return end
    start(BUSY)
    wait("metrics", "spec_done_total{[^\n]* [1-9]")
    process.check(0, process.shell(([[cd %s/eddy && first=$(ls | grep -v dead | head -1)
      head -c 100 $first >4194301; head -c 3000000 /dev/urandom >4194302; mkdir 4194303
      ln -s /etc/passwd 4194300; mkfifo 4194299; : >4194298; cp $first 4194297
      { head -c 8 $first; head -c 500000 /dev/urandom; } >4194296]]):format(runtime)))
    local status, text = ask "metrics"
    assert.equal("200", status)
    assert.matches("spec_done_total{", text)
    assert.equal("200", (ask "data.json"))
  end)

  it("does not listen where other machines can reach it, unless it is told to", function()
    local out, err = process.check(1, process.eddy("metrics", "--listen", "0.0.0.0:1"))
    assert.equal("", out)
    assert.equal([[
eddy: metrics: --listen 0.0.0.0:1: other machines can reach this, and the server lets everybody in.
Take one of
  --listen 127.0.0.1:1  # this machine only
  --insecure  # everybody
]], err)
    process.check(1, process.eddy("metrics", "--listen", "[::]:1"))
  end)

  it("says what is wrong with an argument, and what is missing", function()
    for _, text in ipairs { "x", "127.0.0.1", "127.0.0.1:65536", "a b:1", ":1" } do
      local _, err = process.check(2, process.eddy("metrics", "--listen", text))
      assert.matches("--listen: expected HOST:PORT, got '" .. text .. "'", err, 1, true)
    end
    local found = assert(package.searchpath("argparse", package.path))
    local _, err = process.check(1, process.shell(
      ("cp %s %s && LUA_PATH='%s/?.lua' LUA_CPATH='' %s metrics"):format(found, runtime, runtime,
      process.quote(EDDY_HOST))))
    assert.equal("eddy: metrics: needs lua-http; on Debian: apt-get install lua-http\n", err)
    if not serve() then return end
    local taken = url:match "http://(.-)/"
    _, err = process.check(1, process.eddy("metrics", "--listen", taken))
    assert.matches("--listen " .. taken .. ": Address already in use", err, 1, true)
  end)

  it("ends at a signal, and is in the host's help", function()
    assert.matches("\n  metrics +serve", (process.check(0, process.eddy "--help")))
    assert.matches("^Usage: eddy metrics ", (process.check(0, process.eddy("metrics", "--help"))))
    if not serve() then return end
    process.check(0, process.shell(([[kill -TERM %s
      for i in $(seq 200); do kill -0 %s || exit 0; sleep 0.1; done; exit 1]]):format(pid, pid)))
    pid = nil
  end)
end)
