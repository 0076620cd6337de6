local process = require "spec.support.process"

describe("eddy help", function()
  local function help(code, ...) return process.check(code, process.eddy("help", ...)) end

  it("shows a function of the reference, with an example", function()
    local out = help(0, "queue:put")
    assert.matches("^queue:put%(value%)\n    a future of true, done already when there is ", out)
    assert.matches("\n    In the reference: Between coroutines\n", out)
    assert.matches("\n        for i = 1, 100 do jobs:put%(i%):await%(%) end\n", out)
    assert.equal(out, help(0, "eddy.queue.put"))
  end)

  it("tells those apart that have the same name", function()
    assert.matches("^send%(data, opts%), send_multipart%(list, opts%)\n", help(0, "stream:send"))
    assert.matches("^send%(data, flags, copy, track%)\n", help(0, "socket:send"))
    local both = help(0, "send")
    assert.matches("\nsend%(data, opts%)", both)
    assert.matches("send%(data, flags", both)
  end)

  it("shows options of the command, and what is told of them", function()
    local out = help(0, "--drain")
    assert.matches("^%-%-drain MS\n    how long messages that wait may still be sent", out)
    assert.matches("In the reference: The host's end\n", out)
    assert.matches("^%-i\n    type code", help(0, "-i"))
  end)

  it("shows what only a text tells of, and the environment", function()
    assert.matches("set_jitter%(share%) for periodic", help(0, "set_jitter"))
    assert.matches("^EDDY_JIT in the environment sets others", help(0, "EDDY_JIT"))
  end)

  it("shows pages, by their titles and modules", function()
    local out = help(0, "eddy.profile")
    assert.matches("^eddy.profile: where the time goes\n\nLuaJIT's profiler", out)
    assert.matches("\n  profile.start{interval = 10, depth = 100, lines = false}\n      be", out)
    assert.matches('\n    eddy.profile.start { interval = 1 }\n', out)
    assert.equal(out, help(0, "profile"))
    assert.matches("^The host's end\n", help(0, "the", "host's", "end"))
    assert.matches("^Live operation\n.*See also: Which processes are there%?;", help(0,
      "examples/live-operation.md"))
  end)

  it("shows a command's own help, and what is told of it", function()
    local out = help(0, "keygen")
    assert.matches("^usage: eddy keygen ", out)
    assert.matches("\nSee also eddy help 'eddy.metrics'\n", help(0, "metrics"))
  end)

  it("finds words anywhere, and says where", function()
    local out = help(0, "grace", "time")
    assert.matches("^%d+ pages? tells? of grace time", out)
    assert.matches("\nthe reference: [^\n]+\n", out)
    assert.matches("eddy help '[^\n]+' shows the first of them%.\n$", out)
    assert.matches("\nexamples/across%-machines.md: ", help(0, "CURVE", "container"))
  end)

  it("names what was meant, and fails", function()
    local out, err = help(1, "recieve_multipart")
    assert.same({ "", "eddy: help: nothing is called recieve_multipart " ..
      "(did you mean recv_multipart?)\n" }, { out, err })
    assert.equal("eddy: help: nothing is called qqq\n", (select(2, help(1, "qqq"))))
  end)

  it("lists commands and pages", function()
    local out = help(0)
    assert.matches("^Commands: .-\n  keygen NAME: make the two files", out)
    assert.matches("\nThe reference %(lua/README.md%)\n  eddy.zmq: contexts and sockets\n", out)
    assert.matches("\n[^\n]+ %(examples/README.md%)\n", out)
    assert.matches("^usage: eddy help ", help(0, "--help"))
  end)

  it("fits 80 columns, but for code, and is bold on a terminal alone", function()
    for _, words in ipairs { { "eddy.loop" }, { "the host's end" }, {}, { "drain" } } do
      local out = help(0, unpack(words))
      assert.is_nil(out:find("\27", 1, true))
      for line in out:gmatch "[^\n]+" do
        assert.message(line).is_true(#line <= 80 or line:find "^    " ~= nil or
          not line:sub(1, 80):find "%S%s+%S")
      end
    end
    local _, shown = process.shell(("TERM=xterm PAGER=cat script -qc %s /dev/null </dev/null")
      :format(process.quote(process.quote(EDDY_HOST) .. " help queue:put")))
    if shown ~= "" then assert.matches("^\27%[1mqueue:put%(value%)\27%[0m\r\n", shown) end
  end)
end)
