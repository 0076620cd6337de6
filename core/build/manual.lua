-- Writes the manual pages of the commands, from the tables that they are made of, and the parts of
-- the reference that tell of the same: eddy manual.lua FOLDER
local options = require "eddy.commands.options"
local outline = require "eddy.commands.outline"
local documents = require "eddy.help.documents"
local markdown = require "eddy.help.markdown"
local version = require("eddy").version

local folder = ...
local COLUMNS = 80

-- A text of our documents as roff.
local function roff(text)
  local marked = text:gsub("\\", "\1"):gsub("`([^`]+)`", "\2%1\3"):gsub("%*%*(.-)%*%*", "\2%1\3")
  local plain = markdown.plain(marked):gsub("%-", "\\-"):gsub("%^", "\\(ha"):gsub("~", "\\(ti")
  return (plain:gsub("\1", "\\e"):gsub("\2", "\\fB"):gsub("\3", "\\fP"))
end

-- Lines of roff's, none of which begins as a request does.
local function harmless(text)
  return (text:gsub("^([.'])", "\\&%1"):gsub("\n([.'])", "\n\\&%1"))
end

-- A text in lines that are not too long.
local function wrapped(text)
  local lines, line = {}, ""
  for word in roff(text):gmatch "%S+" do
    if #line + #word >= COLUMNS then
      lines[#lines + 1], line = line, ""
    end
    line = line .. (line == "" and "" or " ") .. word
  end
  lines[#lines + 1] = line
  return harmless(table.concat(lines, "\n"))
end

local function sentence(text)
  return (text:gsub("^%l", string.upper):gsub("([^.])$", "%1."))
end

local Page = {}
Page.__index = Page

local function page(name, line)
  local epoch = tonumber(os.getenv "SOURCE_DATE_EPOCH") or os.time()
  local self = setmetatable({ lines = {} }, Page)
  self:put(('.TH %s 1 "%s" "eddy %s" "User Commands"'):format(name:upper():gsub("%-", "\\-"),
    os.date("!%Y-%m-%d", epoch), version))
  self:section "Name"
  self:put(roff(name) .. " \\- " .. roff(line))
  return self
end

function Page:put(line) self.lines[#self.lines + 1] = line end
function Page:section(title) self:put(".SH " .. title:upper()) end
function Page:text(text)
  if not self.lines[#self.lines]:find "^%.S" then self:put ".PP" end
  self:put(wrapped(text))
end
function Page:item(head, text)
  self:put ".TP"
  self:put(head)
  self:put(wrapped(text))
end
function Page:code(text)
  self:put ".PP"
  self:put ".RS 4"
  self:put ".nf"
  self:put(harmless(roff(text)))
  self:put ".fi"
  self:put ".RE"
end

function Page:option(option)
  local names = {}
  for i, name in ipairs(option.names) do names[i] = "\\fB" .. roff(name) .. "\\fP" end
  local value = option.value and "\\fI" .. roff(option.value) .. "\\fP"
  local is_joined = value and option.value:find "^%[="
  self:item(table.concat(names, ", ") .. (value and (is_joined and "" or " ") .. value or ""),
    sentence(option.text))
end

function Page:exit_status(only)
  self:section "Exit status"
  for _, document in ipairs(documents) do
    for _, section in ipairs(document.path == "lua/README.md" and markdown.parse(document) or {}) do
      for _, block in ipairs(section.title == "The host's end" and section.blocks or {}) do
        for i, row in ipairs(block.rows or {}) do
          local is_one = block.rows[1][1] == "exit code" and i > 1
          if is_one and (not only or only[row[1]]) then
            self:item("\\fB" .. roff(row[1]) .. "\\fP", sentence(row[2]))
          end
        end
      end
    end
  end
end

function Page:write(path)
  local file = assert(io.open(path, "w"))
  file:write(table.concat(self.lines, "\n"), "\n")
  file:close()
end

local ENVIRONMENT = {
  { "EDDY_CONTROL", "As `--control`: `on`, `eval`, a path, or `eval:PATH`." },
  { "EDDY_COUNTERS", "`off`: the process has no counters page, so that `eddy ps` does not show it." },
  { "EDDY_INSECURE", "`1`: as `--insecure`." },
  { "EDDY_JIT", "`off`: nothing is compiled; else options of LuaJIT's -O, with commas." },
  { "EDDY_LIBRARY", "The core's library, for modules that run in plain `luajit`." },
  { "EDDY_TEST_TIMEOUT", "How many milliseconds a wait of a test may take (5000)." },
  { "EDDY_TRACEBACK", "`full`: tracebacks have eddy's own functions, too." },
  { "EDDY_WORKER, EDDY_WORKERS", "Set for what a worker starts: its number, and how many there are." },
  { "LUA_PATH, LUA_CPATH", "Where `require` looks, behind the folder of the script." },
  { "PAGER, LESS", "What shows long pages of `eddy help`: `less` unless set." },
  { "XDG_RUNTIME_DIR, TMPDIR", "Where counters pages and control sockets are: see FILES." },
  { "XDG_STATE_HOME", "Where the history of the prompt is." },
  { "NOTIFY_SOCKET, WATCHDOG_USEC, LISTEN_FDS, JOURNAL_STREAM, CREDENTIALS_DIRECTORY",
    "As systemd sets them." },
}

local SIGNALS = {
  { "SIGINT, SIGTERM", "End in order: handlers and tasks that are under way come to their end, " ..
    "messages that wait are sent, within the drain time. A second one ends the process at once." },
  { "SIGHUP", "Loads the script again, where it uses `eddy.keep`; opens log files anew; replaces " ..
    "the workers of `--workers` one by one." },
}

local FILES = {
  { "$XDG_RUNTIME_DIR/eddy/PID, /run/eddy/PID", "The counters page of a process; without these " ..
    "folders it is in a private one in the temporary folder." },
  { "PID.sock", "Beside it: the control socket." },
  { "$XDG_STATE_HOME/eddy/history, \\(ti/.local/state/eddy/history", "What was typed." },
}

local function items(self, title, list)
  self:section(title)
  for _, each in ipairs(list) do
    self:item("\\fB" .. each[1]:gsub("%-", "\\-") .. "\\fP", each[2])
  end
end

local function of_eddy()
  local self = page("eddy", "an event loop for ZeroMQ that runs Lua scripts")
  self:section "Synopsis"
  for i, form in ipairs { "[options] [--] SCRIPT [ARG...]", "[options] -i [SCRIPT] [ARG...]",
    "[options] -e CODE [ARG...]", "[options] test [BUSTED OPTION...] [SPEC...]",
    "COMMAND [options] [ARG...]" } do
    if i > 1 then self:put ".br" end
    self:put("\\fBeddy\\fP " .. roff(form))
  end
  self:section "Description"
  self:text("Runs a Lua script whose functions are the handlers of ZeroMQ sockets, timers, " ..
    "descriptors and signals, and then its loop, as long as something is alive on it. SCRIPT is a " ..
    "file, or - for the standard input; without one, on a terminal, Lua code is typed in while " ..
    "the loop runs. `test` runs busted on files and folders of specs, `spec` unless some are named.")
  self:text "`eddy help NAME` shows any function that scripts can call."
  self:section "Options"
  for _, row in ipairs(options) do
    local text = table.concat(row[3], " ")
    local value = row[2] and row[2]:gsub("^%[", "[=") or nil
    if text ~= "" then
      self:option { names = { row[1], row.short }, value = value, text = text }
    end
  end
  self:section "Commands"
  for _, command in ipairs(outline.commands()) do
    self:put(".SS \"eddy " .. roff(command.name) .. " " .. roff(command.arguments) .. "\"")
    self:put(wrapped(command.text))
    for _, option in ipairs(command.options) do
      if option.names[#option.names] ~= "--help" then self:option(option) end
    end
  end
  items(self, "Signals", SIGNALS)
  self:exit_status()
  items(self, "Environment", ENVIRONMENT)
  items(self, "Files", FILES)
  self:section "Examples"
  self:text "An echo server:"
  self:code([[eddy -e 'local eddy, zmq = require "eddy", require "eddy.zmq"
  local echo = eddy.stream(zmq.instance():socket(zmq.REP, {
    bind = "tcp://127.0.0.1:12345" }))
  echo:on_recv(function(msg) echo:send_multipart(msg) end)']])
  self:section "See also"
  self:put "\\fBeddy\\-ctl\\fP(1), \\fBluajit\\fP(1), \\fBbusted\\fP(1), \\fBzmq\\fP(7)"
  self:write(folder .. "/eddy.1")
end

local function of_ctl()
  local self = page("eddy-ctl", "asks a process of eddy's that runs, or has it do something")
  self:section "Synopsis"
  self:put "\\fBeddy ctl\\fP [options] [PID] VERB [ARG...]"
  self:section "Description"
  local command
  for _, each in ipairs(outline.commands()) do
    if each.name == "ctl" then command = each end
  end
  self:text(command.text)
  self:text("When its loop does not answer within 200 ms, the control socket's own thread says " ..
    "which handler runs, and since when.")
  self:section "Options"
  for _, option in ipairs(command.options) do self:option(option) end
  self:section "Verbs"
  for _, verb in ipairs(outline.verbs()) do
    local words = { "\\fB" .. roff(verb.name) .. "\\fP" }
    for _, each in ipairs(verb.arguments) do
      words[#words + 1] = each.is_optional and "[" .. each.name .. "]" or each.name
    end
    self:item(table.concat(words, " "), sentence(verb.line))
    local has_more = verb.arguments[1] or verb.options[1]
    if has_more then self:put ".RS" end
    for _, each in ipairs(verb.arguments) do self:item("\\fI" .. each.name .. "\\fP", each.text) end
    for _, option in ipairs(verb.options) do self:option(option) end
    if has_more then self:put ".RE" end
  end
  self:exit_status { ["0"] = true }
  self:item("\\fB1\\fP", "There is no answer, or it is an error.")
  self:item("\\fB2\\fP", "The arguments are wrong.")
  items(self, "Files", { FILES[1], FILES[2] })
  self:section "See also"
  self:put "\\fBeddy\\fP(1)"
  self:write(folder .. "/eddy-ctl.1")
end

of_eddy()
of_ctl()
