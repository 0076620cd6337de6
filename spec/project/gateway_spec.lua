-- The gateway as others meet it: curl, WebSockets, peers that leave or say nothing.
local examples = require "spec.support.examples"
local process = require "spec.support.process"

describe("http_gateway", function()
  if not pcall(require, "http.server") then
    return pending("needs lua-http; on Debian: apt-get install lua-http")
  end

  -- Runs shell commands beside a gateway, which is at $url ($port); then ends it by SIGTERM, unless
  -- they did: a second one would end it at once.
  local function beside(commands, are_last)
    return process.shell(([[
      dir=$(mktemp -d); mkfifo $dir/said
      '%s' '%s' serve 0 >$dir/said & gateway=$!
      exec 3<$dir/said; read -r _ url <&3; port=${url##*:}; port=${port%%/}
      %s
      %s wait $gateway; code=$?
      rm -r $dir; exit $code]]):format(EDDY_HOST, examples.path "http_gateway", commands,
      are_last and "" or "kill -TERM $gateway;"))
  end

  -- The same with a script in a host; `url`, `port` and `request` are there.
  local function with_script(text, is_last)
    local name = process.script([[
      local url, port, gateway = ...
      local eddy = require "eddy"
      local cqueues, request = require "cqueues", require "http.request"
      local function fail(err) io.stderr:write(tostring(err), "\n") os.exit(1) end
      local task = eddy.cqueues.run(function()
    ]] .. text .. [[
      end)
      local ok, err = pcall(task.await, task)
      if not ok then fail(err) end
    ]])
    local code, out, err = beside(("'%s' %s $url $port $gateway || kill -KILL $gateway"):format(
      EDDY_HOST, name), is_last)
    os.remove(name)
    assert.message(out .. err).equal(0, code)
    return out, err
  end

  local has_curl = process.shell("command -v curl") == 0

  it("answers curl, and ends at a signal", function()
    if not has_curl then return pending("needs curl") end
    local code, out, err = beside [[
      ask() { curl -s -m 10 -w '|%{http_code}\n' "$@"; }
      ask -d '{"number": 9}' ${url}square
      ask -d '{' ${url}square
      ask -d '{"number": 1, "ms": 20000}' ${url}square
      ask ${url}nowhere
      ask $url | grep -c WebSocket]]
    -- The worker is in the middle of what took too long.
    assert.message(out .. err).equal(75, code)
    assert.matches("1 handler did not end", err)
    local lines = {}
    for line in out:gmatch("[^\n]+") do lines[#lines + 1] = line end
    assert.equal('{"square":81}', lines[1])
    assert.equal("|200", lines[2])
    assert.matches("expected JSON", lines[3])
    assert.equal("|400", lines[4])
    assert.matches("ETIMEDOUT", lines[5])
    assert.equal("|504", lines[6])
    assert.equal("|404", lines[8])
    assert.equal("1", lines[9])
  end)

  it("talks over WebSockets, to many at a time", function()
    local out = with_script [[
      local websocket, promise = require "http.websocket", require "cqueues.promise"
      local list = {}
      for i = 1, 20 do
        list[i] = promise.new(function()
          local socket = websocket.new_from_uri("ws://127.0.0.1:" .. port .. "/")
          assert(socket:connect(5))
          local answers = {}
          for _, text in ipairs { ('{"number": %d, "ms": 50}'):format(i), "?" } do
            assert(socket:send(text, "text", 5))
            answers[#answers + 1] = assert(socket:receive(5)):sub(1, 20)
          end
          socket:close()
          return table.concat(answers, " ")
        end)
      end
      local answers = {}
      for i = 1, 20 do answers[i] = list[i]:get() end
      print(answers[3], answers[20])
    ]]
    local bad = ' 400 {"error":"expect'
    assert.equal('200 {"square":9}' .. bad .. '\t200 {"square":400}' .. bad .. "\n", out)
  end)

  it("answers what was asked before a signal, and takes nothing after it", function()
    local out = with_script([[
      local cond = require "cqueues.condition".new()
      local function ask(text)
        local asked = request.new_from_uri(url .. "square")
        asked.headers:upsert(":method", "POST")
        asked:set_body(text)
        local headers, stream = asked:go(5)
        if not headers then return "nothing" end
        return headers:get ":status" .. " " .. stream:get_body_as_string(5):gsub("\n", "")
      end
      local first, others = nil, 0
      require "cqueues".running():wrap(function()
        first = ask '{"number": 8, "ms": 250}'
        cond:signal()
      end)
      cqueues.sleep(0)
      for _ = 1, 3 do print(ask '{"number": 2}') end -- by then, the first one is there
      os.execute("kill -TERM " .. gateway)
      while not first do cond:wait() end
      print(first)
      print(ask '{"number": 3}')
    ]], true)
    assert.equal(('200 {"square":4}\n'):rep(3) .. '200 {"square":64}\nnothing\n', out)
  end)

  it("refuses what is too large, and outlives peers that leave in the middle", function()
    local out, err = with_script [[
      local socket = require "cqueues.socket"
      for _, text in ipairs { "", "POST /squ", "nonsense\r\n\r\n",
        "POST /square HTTP/1.1\r\nContent-Length: 9\r\n\r\n{" } do
        local peer = socket.connect("127.0.0.1", port)
        assert(peer:connect(5))
        peer:xwrite(text, "bn", 5)
        peer:close()
      end
      local large = request.new_from_uri(url .. "square")
      large.headers:upsert(":method", "POST")
      large:set_body(("x"):rep(2 * 1024 * 1024))
      local headers = assert(large:go(5))
      print(headers:get ":status")
      local again = request.new_from_uri(url .. "square")
      again:set_body('{"number": 3}')
      again.headers:upsert(":method", "POST")
      local _, stream = assert(again:go(5))
      print((stream:get_body_as_string(5):gsub("\n", "")))
    ]]
    assert.message(err).equal('413\n{"square":9}\n', out)
    assert.not_matches("eddy:", err)
  end)
end)
