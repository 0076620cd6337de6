-- The layout of the tree, as the tables of core/README.md have it.
local read_file = require("spec.support.files").read

local function read(path) return read_file(EDDY_ROOT .. "/" .. path) end

local function lines_of(command)
  local list = {}
  local pipe = io.popen("cd '" .. EDDY_ROOT .. "' && " .. command)
  for line in pipe:lines() do list[#list + 1] = line end
  pipe:close()
  assert.is_true(#list > 0)
  return list
end

local function find(folder, pattern)
  return lines_of("find " .. folder .. " -type f -name '" .. pattern .. "' | sort")
end

local function core_files()
  local list = {}
  for _, path in ipairs(find("core", "*.[ch]")) do
    if not path:match "^core/build/" then list[#list + 1] = path end
  end
  return list
end

local page = read("core/README.md")

-- The rows of the table whose heading begins with this text, as lists of cells.
local function rows_of(heading)
  local _, to = page:find("\n| " .. heading, 1, true)
  assert.message("core/README.md has no table of " .. heading).is_number(to)
  local body = page:sub(to + 1):match("^[^\n]*\n| %-[^\n]*\n(.-)\n\n")
  local rows = {}
  for line in (body .. "\n"):gmatch("|([^\n]*)|\n") do
    local cells = {}
    for cell in (line .. "|"):gmatch(" ?(.-) ?|") do cells[#cells + 1] = cell end
    rows[#rows + 1] = cells
  end
  return rows
end

local function names_in(cell)
  local names = {}
  for name in cell:gmatch("`([^`]+)`") do names[#names + 1] = name end
  return names
end

-- Reads the tables of "core" or "lua/eddy": each folder ("stream/") or module ("stream") to what
-- it may use, and each file ("stream/inbox") that has a row. What is used is above in the table.
local function layout(side)
  local uses, files, above = {}, {}, {}
  for _, row in ipairs(rows_of("of `" .. side .. "` |")) do
    local unit = names_in(row[1])[1]
    uses[unit] = { [unit] = true }
    for _, other in ipairs(names_in(row[3])) do
      local text = unit .. " may use " .. other .. ", which is not above it"
      assert.message(text).is_true(above[other])
      uses[unit][other] = true
    end
    above[unit] = true
    local folder = unit:match "^(.*)/$"
    if not folder then files[unit] = true end
    for _, file in ipairs(folder and rows_of("`" .. side .. "/" .. folder .. "` | |") or {}) do
      for _, name in ipairs(names_in(file[1])) do files[unit .. name] = true end
    end
  end
  return uses, files
end

local function unit_of(file) return file:match "^[^/]+/" or file end

-- Raises when files (name to what it needs) need each other in a circle.
local function check_no_circle(needs)
  local state = {}
  local function visit(name, path)
    if state[name] == "done" or not needs[name] then return end
    path = path .. " -> " .. name
    assert.message("a circle: " .. path).is_nil(state[name])
    state[name] = "open"
    for other in pairs(needs[name]) do visit(other, path) end
    state[name] = "done"
  end
  for name in pairs(needs) do visit(name, "") end
end

-- Checks one side: `needed(path)` iterates over the files that a file needs.
local function check(side, paths, needed)
  local uses, rows = layout(side)
  local needs = {}
  for _, path in ipairs(paths) do
    local file = path:sub(#side + 2):match "^(.*)%.%w+$"
    assert.message(path .. " has no row in core/README.md").is_true(rows[file])
    needs[file] = needs[file] or {}
    for other in needed(path) do
      if other ~= file then
        assert.message(path .. " uses " .. other .. ", which core/README.md does not allow")
          .is_true(uses[unit_of(file)][unit_of(other)])
        needs[file][other] = true
      end
    end
  end
  check_no_circle(needs)
  for file in pairs(rows) do
    assert.message("core/README.md has a row for " .. file .. ", which is not in " .. side)
      .is_table(needs[file])
  end
end

describe("the layout", function()
  it("has a row for every file of the core, and only the arrows that the table names", function()
    local everywhere = { eddy = true, eddy_facts = true }
    local paths = {}
    for _, path in ipairs(core_files()) do
      if path ~= "core/eddy.h" then paths[#paths + 1] = path end
    end
    check("core", paths, function(path)
      local includes = read(path):gmatch('#include "([^"]+)%.h"')
      return function()
        local other
        repeat other = includes() until not everywhere[other]
        return other
      end
    end)
  end)

  it("has a row for every Lua module, and only the arrows that the table names", function()
    check("lua/eddy", find("lua/eddy", "*.lua"), function(path)
      local required = read(path):gmatch('require%s*%(?%s*"eddy%.?([%w_.]*)"')
      return function()
        local other = required()
        return other and (other == "" and "init" or other:gsub("%.", "/"))
      end
    end)
  end)

  it("keeps Lua's C API in core/host, and FFI's declarations in one file", function()
    for _, path in ipairs(core_files()) do
      if not path:match "^core/host/" then
        assert.message(path).is_nil(read(path):match("lua%.h"))
      end
    end
    for _, path in ipairs(find("lua/eddy", "*.lua")) do
      local text = read(path)
      if path ~= "lua/eddy/base/libeddy.lua" then
        assert.message(path).is_nil(text:match("ffi%.cdef") or text:match("ffi%.load"))
      end
      -- No function of Lua's is ever handed to C.
      assert.message(path).is_nil(text:match('ffi%.cast%s*%(%s*"[^"]*%(%*'))
    end
  end)

  it("has files of a size that can be read", function()
    local paths = core_files()
    for _, path in ipairs(find("lua/eddy", "*.lua")) do paths[#paths + 1] = path end
    for _, path in ipairs(paths) do
      local text = read(path)
      local _, lines = text:gsub("\n", "")
      -- What an editor reads does not count.
      local _, tags = text:gsub("\n%s*%-%-%-[@|]", "")
      lines = lines - tags
      -- The header is a list, which has no insides to split.
      local most = path == "core/eddy.h" and 1200 or 400
      assert.message(path .. " has " .. lines .. " lines").is_true(lines <= most)
    end
  end)

  it("has nothing at its top but what the layout allows", function()
    local allowed = { core = 1, lua = 1, examples = 1, spec = 1, build = 1,
      ["CMakeLists.txt"] = 1, ["README.md"] = 1, LICENSE = 1 }
    for _, name in ipairs(lines_of("ls -1")) do
      assert.message(name .. " is at the top; files of your own go to build/, or outside the tree")
        .is_truthy(allowed[name])
    end
  end)
end)
