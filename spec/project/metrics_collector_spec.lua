-- The collector of metrics: what was taken is in the database, also after SIGTERM.
local examples = require "spec.support.examples"
local ports = require "spec.support.ports"
local process = require "spec.support.process"

describe("metrics_collector", function()
  if not pcall(require, "luasql.sqlite3") then
    return pending("needs lua-sql-sqlite3; on Debian: apt-get install lua-sql-sqlite3")
  end

  local script, remove_scripts = process.scripts()
  after_each(remove_scripts)

  it("runs by itself", function()
    assert.matches("\ntemperature\t1000 20 24.5 29\t1\nit's; %-%-\t1 1 1 1\t1\npressure\t0\t1\n$",
      examples.run "metrics_collector")
  end)

  it("keeps what it has taken over its end, and counts what it cannot take", function()
    local port, following = ports.free(2)
    -- Two that follow each other are rarely both taken: the host is another one of 127.0.0.0/8.
    local host = ("tcp://127.0.%d.%d"):format(following % 200, port % 200 + 1)
    local send = script [[
      local host, port = ...
      local zmq = require "eddy.zmq"
      local push = zmq.instance():socket(zmq.PUSH, { connect = host .. ":" .. port })
      for _, value in ipairs { "1", "2", "6", "nan", "inf", "much", "" } do
        push:send_multipart { "a", value }
      end
      push:send_multipart { "alone" }
      push:send_multipart { "last", "1" }
      push:close()
    ]]
    local ask = script [[
      local host, port, name, want = ...
      local zmq = require "eddy.zmq"
      local req = zmq.instance():socket(zmq.REQ, { rcvtimeo = 10000, linger = 0,
        connect = host .. ":" .. port + 1 })
      repeat
        req:send(name)
        local answer = assert(req:recv_multipart())
        if answer[1] ~= "0" or not want then print(table.concat(answer, " ")) end
      until answer[1] ~= "0" or not want
    ]]
    local code, out, err = process.shell(([[
      EDDY='%s'; at='%s'; dir=$(mktemp -d); mkfifo $dir/said
      serve() { "$EDDY" $at serve %s %d $dir/db >$dir/said & pid=$!; read -r line <$dir/said; }
      serve
      "$EDDY" %s %s %d; "$EDDY" %s %s %d last wait; "$EDDY" %s %s %d a
      kill -TERM $pid; wait $pid; echo $?
      serve
      "$EDDY" %s %s %d a
      kill -TERM $pid; wait $pid; echo $?
      rm -r $dir]]):format(EDDY_HOST, examples.path "metrics_collector", host, port, send, host,
      port, ask, host, port, ask, host, port, ask, host, port))
    process.check(0, code, out, err)
    assert.message(err).equal("1 1 1 1 5\n3 1 3 6 5\n0\n3 1 3 6 0\n0\n", out)
  end)
end)
