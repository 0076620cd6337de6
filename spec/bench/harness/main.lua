-- usage: main.lua ROOT BUILD [--pairs N] [--scale SHARE] [--out FOLDER] [BENCHMARK...]
local root, build = ...
package.path = root .. "/spec/bench/?.lua;" .. package.path
local cjson = require "cjson"
local measure = require "harness.measure"
local picture = require "harness.picture"
local programs = require "harness.programs"
local report = require "harness.report"
local zmq = require "eddy.zmq"

local all = { "recv", "single", "inproc", "sizes", "send", "echo", "json", "await", "handlers",
  "turns", "idle", "timers", "fan", "pause", "start", "idling" }

local function first_line(command)
  local pipe = io.popen(command .. " 2>/dev/null")
  local line = pipe:read("*l")
  pipe:close()
  return line and line ~= "" and line
end

local function machine()
  local cpu = first_line "grep -m1 'model name' /proc/cpuinfo | cut -d: -f2 | sed 's/^ *//'"
  return ("%s cores (%s), %s, libzmq %s, %s"):format(first_line "nproc", cpu or "unknown",
    first_line "uname -sr", zmq.version(), jit.version)
end

local function versions()
  local list = {}
  local packages = "libczmq4 libuv1 lua-luv python3 python3-zmq python3-tornado python3-gevent"
  local pipe = io.popen("dpkg-query -W -f '${Package} ${Version}\\n' " .. packages ..
    " nodejs 2>/dev/null")
  for line in pipe:lines() do
    if line:match " %S" then list[#list + 1] = line end
  end
  pipe:close()
  return list
end

local function write(path, text)
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
end

local function misuse(problem)
  io.stderr:write("spec/bench/run: ", problem, "\nbenchmarks: ", table.concat(all, " "), "\n")
  os.exit(2)
end

local function parse(...)
  local options = { pairs = 5, scale = 1, out = build .. "/bench" }
  local args, names, i = { ... }, {}, 1
  while args[i] do
    local option = args[i]:match "^%-%-(.+)"
    if not option then
      names[#names + 1], i = args[i], i + 1
    else
      local value = args[i + 1]
      if option ~= "out" then value = tonumber(value) end
      if options[option] == nil or not value then misuse("cannot use " .. args[i]) end
      options[option], i = value, i + 2
    end
  end
  return options, #names > 0 and names or all
end

local options, names = parse(select(3, ...))
programs.root, programs.build, programs.scale = root, build, options.scale

local rows, problems = {}, {}
for _, name in ipairs(names) do
  local found, benchmark = pcall(require, "benchmarks." .. name)
  if not found then misuse("there is no benchmark " .. name .. " (" .. benchmark .. ")") end
  benchmark.name = name
  io.stderr:write("measuring ", name, "\n")
  local results, missing = measure.run(benchmark, options.pairs)
  for _, row in ipairs(report.rows(benchmark, results)) do rows[#rows + 1] = row end
  for _, problem in ipairs(missing) do problems[#problems + 1] = problem end
end

os.execute("mkdir -p '" .. options.out .. "'")
local about = machine()
print(about .. "\n" .. table.concat(versions(), ", ") .. "\n")
print(report.table(rows))
for _, problem in ipairs(problems) do print("\n" .. problem) end
write(options.out .. "/results.json", cjson.encode {
  machine = about, versions = versions(), pairs = options.pairs, rows = rows, missing = problems,
} .. "\n")
write(options.out .. "/results.svg", picture.svg(rows, about))
