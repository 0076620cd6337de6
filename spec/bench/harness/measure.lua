-- Runs the contestants of a benchmark in turns and collects what they print.
local M = {}

local LIMIT = 30 -- seconds for one program

local function open(line) return assert(io.popen(("exec timeout %d %s"):format(LIMIT, line))) end

-- Adds each NAME=NUMBER of a text to the result.
local function collect(result, text)
  for name, value in text:gmatch("([%w_]+)=([%-%d.]+)") do result[name] = tonumber(value) end
end

-- Runs a contestant once. With two programs, the first prints an endpoint, which is the second
-- one's in place of ENDPOINT.
local function run(contestant)
  local result = {}
  local first = open(contestant[1].line)
  local second
  if contestant[2] then
    local endpoint = first:read("*l")
    if not endpoint then
      first:close()
      return nil, "did not start"
    end
    second = open((contestant[2].line:gsub("ENDPOINT", endpoint)))
  end
  collect(result, first:read("*a"))
  first:close()
  if second then
    collect(result, second:read("*a"))
    second:close()
  end
  if not next(result) then return nil, "has no result" end
  return result
end

-- The programs that a contestant needs and that are not there: a Debian package, or nil.
local known = {}
local function missing(contestant)
  for _, command in ipairs(contestant) do
    if known[command.needs] == nil then
      known[command.needs] = os.execute("(" .. command.needs .. ") >/dev/null 2>&1") == 0
    end
    if not known[command.needs] then return command.package end
  end
end

-- Measures `pairs` rounds. Returns contestant -> metric -> list of values, and what is missing
-- or failed, as texts.
function M.run(benchmark, rounds)
  local results, problems, out = {}, {}, {}
  for _, contestant in ipairs(benchmark.contestants) do
    local package = missing(contestant)
    results[contestant.name] = {}
    if package then
      out[contestant] = true
      problems[#problems + 1] = ("%s: %s is missing (Debian: %s)"):format(benchmark.name,
        contestant.name, package)
    end
  end
  for _ = 1, rounds do
    for _, contestant in ipairs(benchmark.contestants) do
      if not out[contestant] then
        local result, err = run(contestant)
        if not result then
          out[contestant] = true
          problems[#problems + 1] = ("%s: %s %s"):format(benchmark.name, contestant.name, err)
        end
        for metric, value in pairs(result or {}) do
          local values = results[contestant.name][metric] or {}
          results[contestant.name][metric] = values
          values[#values + 1] = value
        end
      end
    end
  end
  return results, problems
end

return M
