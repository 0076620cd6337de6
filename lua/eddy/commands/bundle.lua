-- The command `eddy bundle`: a script and its modules in one executable.
local collect = require "eddy.bundle.collect"
local executable = require "eddy.bundle.executable"
local arguments = require "eddy.commands.arguments"
local loops = require "eddy.loop"
local process = require "eddy.process"

local M = {}

local OK, FAILED, USAGE = 0, 1, 2
local MIB = 2 ^ 20

local function parser()
  local made = arguments.parser("bundle", "Makes one executable file of a script and the " ..
    "modules that it requires from its folder. It runs where libzmq and LuaJIT are, without " ..
    "eddy; its arguments are the script's.")
  if made then
    made:argument("script", "The script, a file of Lua.")
    made:argument("option", "Options of eddy's with which it runs, after --: such as " ..
      "--workers=2 or --control."):args "*"
    made:option("-o --output", "The executable; the script's name without .lua unless given.")
      :argname "FILE"
    made:option("--with", "A module to put in, too, with what it requires: one that is named " ..
      "as the program runs, or that is installed here and not there. Or a file beside the " ..
      "script, for threads. May be repeated."):argname "MODULE":count "*"
  end
  return made
end

local function complain(text) io.stderr:write("eddy: bundle: ", text, "\n") end

-- Options that make no sense in a bundle.
local refused = {
  ["--watch"] = "a bundle's files do not change", ["--worker"] = "it is for --workers",
  ["--help"] = "the script would never run", ["--version"] = "the script would never run",
}

-- What is wrong with eddy's options, if anything is.
local function check_options(options)
  local words = { "/proc/self/exe" }
  for _, word in ipairs(options) do
    local name = word:match "^%-%-[%l-]+"
    if not name then return ("%s: options are like --drain=1000, in one word"):format(word) end
    if refused[name] then return ("%s: %s"):format(word, refused[name]) end
    words[#words + 1] = word
  end
  if not options[1] then return nil end
  words[#words + 1] = "--version"
  local loop = loops.new()
  local code, _, err = loop:run_sync(function() return process.run(words):await() end)
  loop:close()
  if code ~= 0 then return (err:gsub("^eddy: ", ""):gsub(" %(eddy.*$", "")) end
end

local function names_in(set)
  local names = {}
  for name in pairs(set) do names[#names + 1] = name end
  table.sort(names)
  return table.concat(names, ", ")
end

local function report(output, size, packed)
  print(("%s: %.1f MiB: %s"):format(output, size / MIB, names_in(packed.files)))
  if next(packed.outside) then
    print("it needs, where it runs, the modules " .. names_in(packed.outside))
  end
  if next(packed.beside) then
    print("it names files that are not in it: " .. names_in(packed.beside))
  end
end

local reasons = {
  EEXIST = "%s is there already, and is not overwritten: remove it, or name another with -o",
  ENOENT = "there is no folder for %s: make it first",
  EACCES = "you may not write %s",
}

--- Runs the command.
-- @param args the arguments after its name
-- @return the exit code
function M.main(args)
  local job, code = arguments.read("bundle", parser(), args)
  if not job then return code end
  local output = job.output or job.script:gsub("%.lua$", "")
  if output == job.script then
    complain(("%s does not end in .lua: name the executable with -o"):format(job.script))
    return USAGE
  end
  local problem = check_options(job.option)
  if problem then
    complain(problem)
    return USAGE
  end
  local packed
  packed, problem = collect.collect(job.script, job.with)
  if not packed then
    complain(problem)
    return FAILED
  end
  packed.options = job.option
  local size, err = executable.write(output, packed)
  if not size then
    complain(reasons[err.name] and reasons[err.name]:format(output) or err.message)
    return FAILED
  end
  report(output, size, packed)
  return OK
end

return M
