local process = require "spec.support.process"

-- The page of `eddy metrics` in a browser, light and dark. Its pictures are in the folder `metrics`
-- of the build's.
describe("eddy metrics' page", function()
  local has_http = pcall(require, "http.server")
  local chromium = has_http and require "spec.support.chromium"
  local eddy = require "eddy"

  local BUSY = [[
    local eddy, zmq = require "eddy", require "eddy.zmq"
    local loop, context = eddy.loop.instance(), zmq.instance()
    local function stream(type, name, settings)
      settings.linger = 0
      local made = eddy.stream(context:socket(type, settings))
      made.name = name
      return made
    end
    local jobs = stream(zmq.PULL, "jobs", { bind = "inproc://jobs" })
    local results = stream(zmq.PUSH, "results", { bind = "inproc://results" })
    local sink = stream(zmq.PULL, "sink", { connect = "inproc://results" })
    local source = stream(zmq.PUSH, "<b>source</b>", { connect = "inproc://jobs" })
    local audit = stream(zmq.PUSH, "audit", { connect = "ipc:///nonexistent/socket" })
    audit:set_send_limit { messages = 500, policy = "drop_oldest" }
    local done = eddy.metrics.counter("jobs_done", "Jobs.", { "kind" })
    local depth = eddy.metrics.gauge("depth", "How deep.")
    jobs:on_recv(function(msg)
      local x = 0
      for i = 1, math.random(30000) do x = x + i end
      done:with({ kind = x % 2 == 0 and "even" or "odd" }):inc()
      results:send(msg[1])
    end)
    sink:on_recv(function() end)
    local t = 0
    loop:call_every(10, function()
      t = t + 0.01
      depth:set(math.sin(t))
      for _ = 1, 10 + 8 * math.sin(t) do source:send "a job" end
      audit:send "a line"
    end)
  ]]

  it("shows processes and streams, in light and dark, and says what hangs", function()
    if not has_http then return pending "needs lua-http; on Debian: apt-get install lua-http" end
    if not chromium.find() then return pending "needs Chromium, or EDDY_CHROMIUM that names it" end
    local runtime = select(2, process.shell "mktemp -d"):match "%S+"
    local through = "env XDG_RUNTIME_DIR=" .. runtime
    local busy = process.start(BUSY, through)
    local hanging = process.start([[require("eddy").loop.instance():call_later(0, function()
      while true do end
    end)]], through)
    local folder = EDDY_HOST:match "^(.*)/" .. "/metrics"
    local pipe = assert(io.popen(([[mkdir -p %s; XDG_RUNTIME_DIR=%s %s metrics \
      --listen 127.0.0.1:0 2>&1 & echo $!; wait]]):format(process.quote(folder), runtime,
      process.quote(EDDY_HOST))))
    local pid, url = pipe:read "*l", pipe:read "*l":match "http%S+"
    local colors = {}
    local loop = eddy.loop.instance()
    local task = eddy.cqueues.run(function()
      chromium.with(url, function(page)
        local row = ([[document.querySelector("tr[data-id^='%d/']")]])
        page:wait(row:format(busy.pid))
        page:value(row:format(busy.pid) .. ".click()")
        page:wait [[document.querySelectorAll("#streams tbody tr").length === 5]]
        page:wait [[[...document.querySelectorAll("#one-plots svg")].some(
          svg => svg.querySelectorAll("path").length === 4)]]
        assert.equal("<b>source</b>", page:value
          [=[[...document.querySelectorAll("#streams td.name")].map(td => td.textContent)
            .find(text => text.includes("source"))]=])
        page:wait [[document.querySelectorAll("#metrics tbody tr").length === 3]]
        for i, scheme in ipairs { "light", "dark" } do
          page:scheme(scheme)
          colors[i] = page:value "getComputedStyle(document.body).backgroundColor"
          page:picture(("%s/%s.png"):format(folder, scheme), 1240, 1500)
        end
        page:wait(row:format(hanging.pid) .. ".textContent.includes('hangs for')")
        page:value(row:format(hanging.pid) .. ".click()")
        page:wait [[document.getElementById("note").textContent.startsWith("It hangs for")]]
        busy:kill()
        page:wait(row:format(busy.pid) .. ".textContent.includes('died')")
        process.shell("kill " .. pid)
        page:wait [[document.getElementById("live").className === "lost"]]
        for _, problem in ipairs(page.problems) do
          assert.matches("ERR_CONNECTION_REFUSED", problem, 1, true) -- the server is gone
        end
      end)
    end)
    task:add_done_callback(function() loop:stop() end)
    loop:start()
    process.shell("kill " .. pid)
    pipe:close()
    hanging:kill()
    busy:kill()
    process.shell("rm -rf " .. runtime)
    task:result()
    assert.not_equal(colors[1], colors[2])
  end)
end)
