-- The annotations that editors read (build/types): of all that is public, and as the code has it.
local bytecode = require "jit.util"
local errors = require "eddy.base.errors"
local vmdef = require "jit.vmdef"
local futures = require "eddy.tasks.future"
local files = require "spec.support.files"
local folders = require "spec.support.folders"
local luacats = require "spec.support.luacats"
local process = require "spec.support.process"
local public = require "spec.lua.reentrancy.public"
local support = require "spec.lua.support"

local TYPES = EDDY_HOST:match("^(.*)/[^/]+$") .. "/types"

-- What the annotations call those that the list of public functions has other names for.
local classes = {
  ["async socket"] = "eddy.async.Socket", ["green socket"] = "eddy.green.Socket",
  ["async poller"] = "eddy.async.Poller", ["green poller"] = "eddy.Poller",
  ["REP stream"] = "eddy.Stream", ["pool of jobs"] = "eddy.Pool", on_stop = "eddy.OnStop",
  link = "eddy.jetstream.Link", ["stored stream"] = "eddy.jetstream.Stream",
  subscription = "eddy.jetstream.Subscription", bucket = "eddy.jetstream.Bucket",
  ["stored job"] = "eddy.jetstream.Job", watch = "eddy.jetstream.Watch",
  request = "eddy.jetstream.Request",
  ["topic logger"] = "eddy.TopicLogger", ["stderr handler"] = "eddy.StderrHandler",
  ["file handler"] = "eddy.FileHandler", ["pub handler"] = "eddy.PubHandler",
}

-- One function that two names have: the annotations have the names of the plain one's arguments.
local shared = { ["REP stream.send_multipart"] = true, ["green socket.send_multipart"] = true,
  ["async socket.send_multipart"] = true }

local function class_of(owner)
  if owner:find "^eddy" then return owner end
  return classes[owner] or "eddy." .. owner:gsub("^%l", string.upper)
end

-- Tables of options: the functions that take them, and the upvalues, from one to the next, that
-- have the names which they know.
local options = {
  ["eddy.JobsOptions"] = { require("eddy.jobs").new, "fields" },
  ["eddy.FrontSettings"] = { require("eddy.devices").front, "front_plan", "front_settings" },
  ["eddy.WorkerSettings"] = { require("eddy.front").worker, "check", "own" },
  ["eddy.Inner"] = { require("eddy.loop")._class.embed, "OPTIONS" },
  ["eddy.SendLimit"] = { require("eddy.stream")._class.set_send_limit, "limits" },
  ["eddy.SpawnOptions"] = { require("eddy.process").spawn, "options_of", "of_spawn" },
  ["eddy.RunOptions"] = { require("eddy.process").run, "of_run" },
  ["eddy.Curve"] = { require("eddy.security.curve").check, "fields" },
  ["eddy.Cut"] = { require("eddy.security.revoked").check, "fields" },
}

local function names_of(place)
  local value = public.behind(place[1])
  for i = 2, #place do
    local found
    for at = 1, math.huge do
      local name, upvalue = debug.getupvalue(value, at)
      if name == place[i] then found = upvalue end
      if not name then break end
    end
    value = assert(found, place[i])
  end
  return value
end

-- The arguments of a function, by their names.
local function arguments_of(fn)
  fn = public.behind(fn)
  fn = public.behind(fn)
  local info, names = debug.getinfo(fn, "u"), {}
  for i = 1, info.nparams do names[i] = debug.getlocal(fn, i) end
  if info.isvararg then names[#names + 1] = "..." end
  return names
end

-- What ends with a call of another one that returns nothing.
local hands_over = {}
for name in ([[device.stop socket.close socket.set semaphore.release loop.remove_handler
    stream.on_recv_json job.nak job.term]]):gmatch "%S+" do
  hands_over[name] = true
end
for _, name in ipairs { "stored stream.on_recv", "stored job.nak", "stored job.term",
    "file handler.handle", "stderr handler.handle" } do
  hands_over[name] = true
end

-- Whether a function returns values: always, never, or as one does that it ends with a call of.
local function results_of(fn)
  fn = public.behind(fn)
  fn = public.behind(fn)
  local returns, calls = false, false
  for at = 1, math.huge do
    local instruction = bytecode.funcbc(fn, at)
    if not instruction then break end
    local number = bit.band(instruction, 0xff)
    local name = vmdef.bcnames:sub(number * 6 + 1, number * 6 + 6):match "%S+"
    if name == "RET1" or name == "RET" or name == "RETM" then returns = true end
    if name:find "^CALLM?T" then calls = true end
  end
  return returns and "always" or calls and "as called" or "never"
end

-- Calls fn(name, arguments) for what is called in a text of code: "f(a, b)", "f{...}".
local function each_call(span, fn)
  for name, arguments in span:gmatch "([%a_][%w_]*)%s?([({][^()]*)" do
    fn(name, (arguments:gsub("^%(", "")))
  end
end

-- The reference's text, without its code.
local function reference()
  return (files.read(EDDY_ROOT .. "/lua/README.md"):gsub("\n```.-\n```", ""))
end

-- What the reference calls anywhere, by name, lists of arguments; what the first cells of its
-- tables call; and the names there that go without arguments, where another one's hold.
local function read_reference()
  local signatures, rows, bare = {}, {}, {}
  local text = reference()
  for span in text:gmatch "`([^`\n]+)`" do
    each_call(span, function(name, arguments)
      signatures[name] = signatures[name] or {}
      table.insert(signatures[name], arguments)
    end)
  end
  for cell in text:gmatch "\n| (`.-) |" do
    for span in cell:gmatch "`([^`]+)`" do
      each_call(span, function(name, arguments)
        rows[#rows + 1] = { name = name, arguments = arguments }
      end)
      for name, after in span:gmatch "([%a_][%w_]*)()" do
        if not span:find("^%s?[({]", after) then bare[name] = true end
      end
    end
  end
  return signatures, rows, bare
end

-- Whether a signature has the arguments of a function's, or the first of them, or values in their
-- place.
local function is_of(signature, names)
  local i = 0
  for each in (signature:gsub("%b{}", "{}"):gsub("{.*", "{}") .. ","):gmatch "%s*(.-)%s*," do
    i = i + 1
    if names[i] == "..." then return true end
    local is_value = each:find '^["{%d]' or each == "true" or each == "false"
    if each ~= "" and not (names[i] and (is_value or each == names[i])) then return false end
  end
  return true
end

local write = files.write

-- Writes the Lua blocks of a page to files in a folder, but those that are specs.
local function write_blocks(path, folder)
  local count = 0
  for block in files.read(path):gmatch "```lua\n(.-)```" do
    count = count + 1
    -- Of an error that pcall has caught the server thinks that it is what the function returns.
    local has_errors = block:find("pcall(", 1, true)
    if has_errors then block = "---@diagnostic disable: undefined-field\n" .. block end
    if not block:find "\ndescribe%(" then
      local name = ("%s/%s_%d.lua"):format(folder, path:match("[^/]+$"):gsub("%W", "_"), count)
      write(name, block)
    end
  end
end

describe("type annotations", function()
  local annotated, problems

  setup(function() annotated = luacats.read(TYPES) end)
  before_each(function() problems = {} end)

  local function problem(...) problems[#problems + 1] = (...):format(select(2, ...)) end

  local function check()
    table.sort(problems)
    assert.message(table.concat(problems, "\n")).equal(0, #problems)
  end

  it("are of a form that language servers read", function()
    for _, text in ipairs(annotated.problems) do problem("%s", text) end
    check()
  end)

  it("name no type that they do not have", function()
    for name, where in pairs(annotated.named) do
      if not annotated.classes[name] then problem("%s: there is no type %s", where, name) end
    end
    check()
  end)

  it("have every public function and field, with the arguments of the code", function()
    public.each(function(owner, name, value)
      local class = class_of(owner)
      local its = luacats.member(annotated, class, name)
      if not its then return problem("%s.%s is not there", class, name) end
      if type(value) ~= "function" or not its.arguments then return end
      local real, said = arguments_of(value), its.arguments
      if its.has_self and real[1] ~= "..." then table.remove(real, 1) end
      if shared[owner .. "." .. name] or real[1] == "..." then return end
      local of_code, of_types = table.concat(real, ", "), table.concat(said, ", ")
      if of_code ~= of_types then
        problem("%s.%s(%s) is annotated with (%s)", class, name, of_code, of_types)
      end
    end)
    check()
  end)

  it("can be called where modules can", function()
    for name, class in pairs(annotated.classes) do
      local module = name:find "^eddy%.%l+$" and package.loaded[name]
      local meta = module and getmetatable(module)
      if module and class.is_callable ~= (meta ~= nil and meta.__call ~= nil) then
        problem("%s: %s", name, class.is_callable and "cannot be called" or "can be called")
      end
    end
    check()
  end)

  it("say what is returned, where anything is", function()
    public.each(function(owner, name, value)
      if type(value) ~= "function" then return end
      local its = luacats.member(annotated, class_of(owner), name)
      if not its or its.is_field then return end
      local real, said = results_of(value), #its.returns > 0
      local is_vague = real == "as called" and not hands_over[owner .. "." .. name]
      if (real == "always" or is_vague) and not said or real == "never" and said then
        problem("%s.%s returns values %s, and is annotated with %d", owner, name, real,
          #its.returns)
      end
    end)
    check()
  end)

  it("have nothing that is not public", function()
    local known = {}
    public.each(function(owner, name)
      local class = class_of(owner)
      known[class] = known[class] or {}
      known[class][name] = true
    end)
    for class, its in pairs(annotated.classes) do
      local parent = known[its.parents[1]] or {}
      for name, member in pairs(known[class] and its.members or {}) do
        local is_there = not member.arguments or known[class][name] or parent[name] or
          class == "eddy" and require("eddy")[name] ~= nil
        if not is_there then
          problem("%s.%s is no function of the code's", class, name)
        end
      end
    end
    check()
  end)

  it("have the options that the code knows", function()
    local function compare(class, known)
      local its = annotated.classes[class].members
      for name in pairs(known) do
        if not its[name] then problem("%s has no %s", class, name) end
      end
      for name in pairs(its) do
        if known[name] == nil and name ~= "[string]" then
          problem("%s has %s, which is no option", class, name)
        end
      end
    end
    for class, place in pairs(options) do
      local known = {}
      for name in pairs(names_of(place)) do known[name] = true end
      if class == "eddy.SpawnOptions" then known["[integer]"] = true end
      compare(class, known)
    end
    local of_sockets = { bind = true, connect = true, hwm = true }
    for name in pairs(require("eddy.zmq.access").settings) do of_sockets[name] = true end
    for _, name in ipairs(require("eddy.zmq").option_names()) do of_sockets[name] = true end
    compare("eddy.SocketSettings", of_sockets)
    check()
  end)

  it("have what the reference has, with the same arguments", function()
    local signatures, _, bare = read_reference()
    public.each(function(owner, name, value)
      if type(value) ~= "function" then return end
      local class = class_of(owner)
      local its = luacats.member(annotated, class, name)
      -- A device has the same for each of its sockets; a module's call is its `new` or `embed`.
      local told = name
      if owner == "device" then
        told = name:gsub("_%l+", { _out = "_in", _mon = "_in", _ctrl = "_in" })
      elseif (name == "new" or name == "embed") and class:find "^%l+%.%l+$" then
        told = class:match "%l+$"
      end
      if not signatures[told] and not bare[told] then
        return problem("%s.%s is not in lua/README.md", class, name)
      end
      local is_told = bare[told] or false
      for _, signature in ipairs(signatures[told] or {}) do
        is_told = is_told or is_of(signature, its and its.arguments or {})
      end
      if not is_told then
        problem("%s.%s(%s) is %s(%s in lua/README.md", class, name,
          table.concat(its and its.arguments or {}, ", "), told,
          table.concat(signatures[told], ", or "))
      end
    end)
    check()
  end)

  it("have the fields that the reference speaks of", function()
    -- Words that stand for others than the class of the name; and what is a file, and an example.
    local others = { job = { "eddy.jetstream.Job" }, jobs = { "eddy.jetstream.Stream" } }
    local known = { ["eddy.lua"] = true, ["logger:notice"] = true }
    for span in reference():gmatch "`([^`\n]+)`" do
      local owner, name = span:match "^(%l+)[.:]([%a_][%w_]*)%f[^%w_]"
      local class = owner and class_of(owner)
      local is_ours = class and (annotated.classes[class] or others[owner]) and not known[span]
      local is_there = false
      local candidates = { class or "", "eddy." .. (owner or ""), unpack(others[owner] or {}) }
      for _, each in ipairs(candidates) do
        is_there = is_there or luacats.member(annotated, each, name)
      end
      if is_ours and not is_there then problem("%s is not there", span) end
    end
    check()
  end)

  -- Has the public functions look at what they are given and return, for as long as fn runs; at
  -- calls that raise nothing.
  local function with_checks(fn)
    local undo, told = {}, {}
    local function compare(matches, full, what, value)
      if matches and not matches(value) then
        local text = ("%s: %s is %s (%s)"):format(full, what, type(value), tostring(value))
        if not told[text] then problem("%s", text) end
        told[text] = true
      end
    end
    local function checked(owner, full, its, value)
      local first = its.has_self and 1 or 0
      local function check_all(given, ...)
        local is_partial = full:find "handler%.handle$" -- a record with what matters there
        for i, matches in ipairs(not is_partial and its.takes or {}) do
          if its.arguments[i] ~= "..." then
            compare(matches, full, its.arguments[i], given[i + first])
          end
        end
        local results, fails = its.returns, its.returns.fails
        -- Async sockets inherit it.
        if futures.is((...)) and owner == "socket" then return ... end
        local has_failed = fails and (...) == nil and errors.is_error((select(2, ...)))
        for i = 1, (has_failed or its.has_others) and 0 or fails and #results - 1 or #results do
          compare(results[i], full, "result " .. i, (select(i, ...)))
        end
        return ...
      end
      return function(...) return check_all({ ... }, value(...)) end
    end
    public.each(function(owner, name, value, members)
      local its = luacats.member(annotated, class_of(owner), name)
      if type(value) ~= "function" or not its or its.is_field then return end
      undo[#undo + 1] = { members, name, value }
      members[name] = checked(owner, owner .. "." .. name, its, value)
    end)
    local ok, err = pcall(fn)
    for _, each in ipairs(undo) do each[1][each[2]] = each[3] end
    if not ok then error(err, 0) end
  end

  local scenarios = {}
  for _, part in ipairs { "auth", "end", "plain", "loop", "link" } do
    for name, fn in pairs(require("spec.lua.reentrancy." .. part .. "_calls")) do
      scenarios[name] = fn
    end
  end
  for name, scenario in pairs(scenarios) do
    it("are true of what calls take and return: " .. name, function()
      with_checks(function()
        local loop, context = support.open()
        local ok, err = pcall(scenario, loop, context)
        support.close()
        if not ok then error(err, 0) end
      end)
      check()
    end)
  end

  local function settings()
    return files.read(EDDY_ROOT .. "/examples/editor.md"):match "```json\n(.-)```"
  end

  it("are where the guide's settings for editors have them", function()
    assert.matches('"runtime.version": "LuaJIT"', settings(), 1, true)
    local to = files.read(EDDY_ROOT .. "/CMakeLists.txt"):match(
      "install%(DIRECTORY %${TYPES} DESTINATION (%S+)%)")
    assert.equal("${CMAKE_INSTALL_DATADIR}/eddy", to)
    assert.matches('"workspace.library": ["/usr/share/eddy/types"]', settings(), 1, true)
  end)

  it("have the arguments that the reference's tables name", function()
    local arguments = {} -- lists of them, by the function's name
    for class, its in pairs(annotated.classes) do
      for name in pairs(its.members) do
        local member = luacats.member(annotated, class, name)
        arguments[name] = arguments[name] or {}
        table.insert(arguments[name], member.arguments)
      end
    end
    local _, rows = read_reference()
    for _, row in ipairs(rows) do
      local is_word = row.arguments:find "^%u" -- of a command
      local is_right = not arguments[row.name] or #arguments[row.name] == 0 or is_word
      for _, names in ipairs(arguments[row.name] or {}) do
        is_right = is_right or is_of(row.arguments, names)
      end
      if not is_right then
        problem("lua/README.md has %s(%s), which nothing takes", row.name, row.arguments)
      end
    end
    check()
  end)

  -- Has the language server look at a folder that fill(folder) fills.
  -- @return its exit code, and what it says; nil where there is none
  local function look(fill)
    if process.shell("command -v lua-language-server") ~= 0 then return nil end
    local folder = folders.new()
    fill(folder)
    write(folder .. "/.luarc.json", (settings():gsub("/usr/share/eddy/types", TYPES)))
    local code, out, err = process.shell(("lua-language-server --check='%s' " ..
      "--checklevel=Warning --logpath='%s/log'"):format(folder, folder))
    folders.remove(folder)
    return code, (out .. err):gsub("\27%[[%d;]*m", "")
  end

  it("let a language server read the examples without a warning", function()
    local code, said = look(function(folder)
      process.shell(("cp -r '%s/examples' '%s'"):format(EDDY_ROOT, folder))
      local pages = assert(io.popen("find '" .. EDDY_ROOT .. "/examples' -name '*.md'"))
      for path in pages:lines() do write_blocks(path, folder) end
      pages:close()
      process.shell(("cd '%s' && '%s' init made && rm -r made/spec"):format(folder, EDDY_HOST))
    end)
    if not code then return pending "needs lua-language-server" end
    assert.message(said).equal(0, code)
  end)

  it("let a language server warn of what cannot be", function()
    local wrong = {
      "loop:call_latr(5, print)", "loop:call_later(\"5\", print)", "loop:call_later(5)",
      "context:socket(zmq.REP, { binds = \"inproc://x\" })", "context:socket(\"REP\")",
      "stream:set_send_limit { byte = 5 }", "stream:send(5)", "eddy.sleeep(1)",
      "stream:on_recv(function(msg) print(msg[1]:u16be()) end)",
      "stream:on_recv(function(msg) print(msg[1]:upper()) end, \"view\")",
      "print(eddy.async.instance():socket(zmq.REQ):recv():await():u8())",
      "eddy.process.spawn { \"ls\", stdin = \"pip\" }", "eddy.jobs { modul = \"x\" }",
    }
    local code, said = look(function(folder)
      write(folder .. "/wrong.lua", [[
        local eddy, zmq = require "eddy", require "eddy.zmq"
        local loop, context = eddy.loop.instance(), zmq.instance()
        local stream = eddy.stream(context:socket(zmq.PAIR))
        ]] .. table.concat(wrong, "\n"))
    end)
    if not code then return pending "needs lua-language-server" end
    for i, line in ipairs(wrong) do
      local at = said:find("wrong.lua:" .. i + 3 .. ":", 1, true)
      assert.message(line .. " is let pass:\n" .. said).is_truthy(at)
    end
  end)
end)
