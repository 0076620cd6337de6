-- The annotations that editors read (build/types): of all that is public, and as the code has it.
local bytecode = require "jit.util"
local vmdef = require "jit.vmdef"
local luacats = require "spec.support.luacats"
local process = require "spec.support.process"
local public = require "spec.lua.reentrancy.public"

local TYPES = EDDY_HOST:match("^(.*)/[^/]+$") .. "/types"

-- What the annotations call those that the list of public functions has other names for.
local classes = {
  ["async socket"] = "eddy.async.Socket", ["green socket"] = "eddy.green.Socket",
  ["async poller"] = "eddy.async.Poller", ["green poller"] = "eddy.Poller",
  ["REP stream"] = "eddy.Stream", on_stop = "eddy.OnStop", ["pool of jobs"] = "eddy.Pool",
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

-- The arguments of a function, by their names, and whether they are all that there is to know: one
-- that was made for several names takes what it is given.
local function arguments_of(fn)
  local info, names = debug.getinfo(fn, "u"), {}
  for i = 1, info.nparams do names[i] = debug.getlocal(fn, i) end
  if info.isvararg then names[#names + 1] = "..." end
  return names
end

-- Whether a function returns values: always, never, or as one does that it ends with a call of.
local function results_of(fn)
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

  it("say what is returned, where anything is", function()
    public.each(function(owner, name, value)
      if type(value) ~= "function" then return end
      local its = luacats.member(annotated, class_of(owner), name)
      if not its or its.is_field then return end
      local real, said = results_of(value), its.returns > 0
      if real == "always" and not said or real == "never" and said then
        problem("%s.%s returns values %s, and is annotated with %d", owner, name, real, its.returns)
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
        local is_there = known[class][name] or parent[name] or
          class == "eddy" and require("eddy")[name] ~= nil
        if member.arguments and not is_there then
          problem("%s.%s is no function of the code's", class, name)
        end
      end
    end
    check()
  end)

  it("let a language server read the examples without a warning", function()
    if process.shell("command -v lua-language-server") ~= 0 then
      return pending "needs lua-language-server"
    end
    local _, folder = process.shell "mktemp -d"
    folder = folder:match "%S+"
    local code, out, err = process.shell(([[cp -r '%s/examples' '%s'
      printf '{ "runtime.version": "LuaJIT", "workspace.library": ["%s"] }' > '%s/.luarc.json'
      lua-language-server --check='%s' --checklevel=Warning --logpath='%s/log']]):format(EDDY_ROOT,
      folder, TYPES, folder, folder, folder))
    process.shell("rm -r " .. folder)
    assert.message(out .. err).equal(0, code)
  end)
end)
