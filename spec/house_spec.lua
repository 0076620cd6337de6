-- The order of the house, as core/README.md has it.
local function read(path)
  local file = assert(io.open(EDDY_ROOT .. "/" .. path))
  local text = file:read("*a")
  file:close()
  return text
end

local function files(pattern)
  local list = {}
  for name in io.popen("cd " .. EDDY_ROOT .. " && ls " .. pattern):lines() do
    list[#list + 1] = name
  end
  assert.is_true(#list > 0)
  return list
end

-- Both tables of rooms: name to floor, 1 being the ground.
local function floors()
  local tables = {}
  for part in read("core/README.md"):gmatch("| floor | [^\n]+\n| %-%-%-[^\n]+\n(.-)\n\n") do
    local map, floor = {}, 0
    for rooms in (part .. "\n"):gmatch("| [^|]+ | ([^|]+) |[^\n]*\n") do
      floor = floor + 1
      for room in rooms:gmatch("`([^`]+)`") do map[room] = floor end
    end
    tables[#tables + 1] = map
  end
  return unpack(tables)
end

describe("the house", function()
  local _, lua = floors()

  it("has a floor for every Lua module, and no arrow that points up or sideways", function()
    for _, path in ipairs(files("lua/eddy/*.lua")) do
      local module = path:match("^lua/eddy/(.+)%.lua$")
      assert.message(path .. " is not in core/README.md").is_number(lua[module])
      for other in read(path):gmatch('require "eddy%.([%w_.]+)"') do
        assert.message(path .. " requires " .. other).is_true(lua[other] < lua[module])
      end
    end
  end)

  it("keeps Lua's C API in core/host, and FFI's declarations in lua/eddy/c.lua", function()
    for _, path in ipairs(files("$(ls core/*/*.[ch] | grep -v core/host/)")) do
      assert.message(path).is_nil(read(path):match("lua%.h"))
    end
    for _, path in ipairs(files("lua/eddy/*.lua")) do
      local text = read(path)
      if path ~= "lua/eddy/c.lua" then
        assert.message(path).is_nil(text:match("ffi%.cdef") or text:match("ffi%.load"))
      end
      -- No function of Lua's is ever handed to C.
      assert.message(path).is_nil(text:match('ffi%.cast%s*%(%s*"[^"]*%(%*'))
    end
  end)

  it("has rooms of a size that can be read", function()
    for _, path in ipairs(files("core/*/*.[ch] lua/eddy/*.lua")) do
      local _, lines = read(path):gsub("\n", "")
      -- The door is a list, which has no insides to split.
      local most = path == "core/eddy.h" and 600 or 400
      assert.message(path .. " has " .. lines .. " lines").is_true(lines <= most)
    end
  end)

  it("has a top level of what is on the card, and nothing else", function()
    local allowed = { core = 1, lua = 1, examples = 1, spec = 1, build = 1,
      ["CMakeLists.txt"] = 1, ["README.md"] = 1, LICENSE = 1 }
    for _, name in ipairs(files("-1")) do assert.message(name).is_truthy(allowed[name]) end
  end)
end)
