-- A headless Chromium, steered by its debugging protocol, for pages that are for people.
local cqueues = require "cqueues"
local json = require "eddy.zmq.json"
local process = require "spec.support.process"

local M = {}

local SECONDS = 30
local NAMES = { os.getenv "EDDY_CHROMIUM" or false, "chromium", "chromium-browser",
  "google-chrome" }

--- Its command, or nil: EDDY_CHROMIUM names one that is elsewhere.
function M.find()
  for _, name in ipairs { unpack(NAMES, NAMES[1] and 1 or 2, #NAMES) } do
    if process.shell("command -v " .. process.quote(name)) == 0 then return name end
  end
end

local Page = {}
Page.__index = Page

-- Asks for something, and returns the answer. Events are kept.
function Page:ask(method, parameters)
  self.last = self.last + 1
  assert(self.socket:send(json.encode { id = self.last, method = method,
    params = parameters or { none = 0 } }, "text", SECONDS))
  while true do
    local text = assert(self.socket:receive(SECONDS))
    local answer = json.decode(text)
    if answer.id == self.last then
      assert(not answer.error, text)
      return answer.result
    end
    if answer.method == "Runtime.exceptionThrown" or answer.method == "Log.entryAdded" then
      self.problems[#self.problems + 1] = text
    end
  end
end

--- The value of an expression in the page.
function Page:value(expression)
  local got = self:ask("Runtime.evaluate", { expression = expression, returnByValue = true })
  assert(not got.exceptionDetails, json.encode(got))
  return got.result.value
end

--- Waits until an expression is true.
function Page:wait(expression)
  local latest = cqueues.monotime() + SECONDS
  while self:value("!!(" .. expression .. ")") ~= true do
    assert(cqueues.monotime() < latest, expression)
    cqueues.sleep(0.1)
  end
end

--- Shows the page as who likes "light" or "dark" sees it.
function Page:scheme(name)
  self:ask("Emulation.setEmulatedMedia", { features = json.list {
    { name = "prefers-color-scheme", value = name } } })
end

--- Writes what it looks like to a file.
function Page:picture(name, width, height)
  self:ask("Emulation.setDeviceMetricsOverride", { width = width, height = height,
    deviceScaleFactor = 1, mobile = false })
  local got = self:ask("Page.captureScreenshot", { format = "png" })
  local file = assert(io.popen("base64 -d > " .. process.quote(name), "w"))
  file:write(got.data)
  file:close()
end

-- The address where a page of it is steered, once it is there.
local function address(folder)
  local request = require "http.request"
  local latest = cqueues.monotime() + SECONDS
  repeat
    local file = io.open(folder .. "/DevToolsActivePort")
    local port = file and file:read "*l"
    if file then file:close() end
    if port then
      local _, stream = request.new_from_uri(("http://127.0.0.1:%s/json/list"):format(port)):go(5)
      for _, each in ipairs(stream and json.decode(stream:get_body_as_string(5)) or {}) do
        if each.type == "page" then return each.webSocketDebuggerUrl end
      end
    end
    cqueues.sleep(0.1)
  until cqueues.monotime() > latest
  error "Chromium did not start"
end

--- Runs fn(page) with a page at an address. In a coroutine of cqueues'.
function M.with(url, fn)
  local folder = select(2, process.shell "mktemp -d"):match "%S+"
  local pipe = assert(io.popen(([[HOME=%s %s --headless=new --no-sandbox --disable-gpu \
    --disable-dev-shm-usage --no-first-run --hide-scrollbars --remote-debugging-port=0 \
    --user-data-dir=%s about:blank >/dev/null 2>&1 & echo $!]]):format(folder, M.find(), folder)))
  local pid = pipe:read "*l"
  pipe:close()
  local ok, err = xpcall(function()
    local socket = require("http.websocket").new_from_uri(address(folder))
    assert(socket:connect(SECONDS))
    local page = setmetatable({ socket = socket, last = 0, problems = {} }, Page)
    for _, domain in ipairs { "Page", "Runtime", "Log" } do page:ask(domain .. ".enable") end
    page:ask("Page.navigate", { url = url })
    fn(page)
    socket:close()
  end, debug.traceback)
  process.shell(("kill %s; while kill -0 %s; do sleep 0.05; done; rm -rf %s"):format(pid, pid,
    process.quote(folder)))
  if not ok then error(err, 0) end
end

return M
