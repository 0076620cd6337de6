-- The layout of the tree, as the tables of core/README.md have it.
local function read(path)
  local file = assert(io.open(EDDY_ROOT .. "/" .. path))
  local text = file:read("*a")
  file:close()
  return text
end

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

local page = read("core/README.md")

-- The rows of a table, of whose heading the beginning is given, as lists of cells.
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

-- Reads the folders of one side ("core", "lua/eddy"): folder to what it may use, and
-- "folder/file" to true for each file that has a row. A folder uses only those above it.
local function layout(side)
  local uses, rooms, above = {}, {}, {}
  for _, row in ipairs(rows_of("folder of `" .. side .. "` |")) do
    local folder = names_in(row[1])[1]
    uses[folder] = { [folder] = true }
    for _, other in ipairs(names_in(row[3])) do
      assert.message(folder .. " may use " .. other .. ", which is not above it")
        .is_true(above[other])
      uses[folder][other] = true
    end
    above[folder] = true
    for _, room in ipairs(rows_of("`" .. side .. "/" .. folder .. "` | |")) do
      for _, name in ipairs(names_in(room[1])) do rooms[folder .. "/" .. name] = true end
    end
  end
  return uses, rooms
end

-- Raises when the files of a map (name to the list of what it needs) need each other in a circle.
local function check_no_circle(needs)
  local state = {}
  local function visit(name, path)
    if state[name] == "done" or not needs[name] then return end
    path = path .. " -> " .. name
    assert.message("a circle: " .. path).is_nil(state[name])
    state[name] = "open"
    for _, other in ipairs(needs[name]) do visit(other, path) end
    state[name] = "done"
  end
  for name in pairs(needs) do visit(name, "") end
end

describe("the layout of the core", function()
  local uses, rooms = layout "core"

  it("has a row for every file, and arrows only to the folders that the table names", function()
    local needs, seen = {}, {}
    for _, path in ipairs(find("core", "*.[ch]")) do
      if path ~= "core/eddy.h" and not path:match "^core/build/" then
        local room = path:match("^core/(.+)%.[ch]$")
        local folder = room:match "^[^/]+"
        assert.message(path .. " has no row in core/README.md").is_true(rooms[room])
        seen[room] = true
        needs[room] = needs[room] or {}
        for other in read(path):gmatch('#include "([^"]+)%.h"') do
          if other ~= "eddy_facts" and other ~= "eddy" and other ~= room then
            local target = other:match "^([^/]+)/"
            assert.message(path .. " includes " .. other).is_true(uses[folder][target])
            table.insert(needs[room], other)
          end
        end
      end
    end
    check_no_circle(needs)
    for room in pairs(rooms) do
      assert.message("core/README.md has a row for core/" .. room .. ", which is not there")
        .is_true(seen[room])
    end
  end)

  it("keeps Lua's C API in core/host", function()
    for _, path in ipairs(find("core", "*.[ch]")) do
      if not path:match "^core/host/" then
        assert.message(path).is_nil(read(path):match("lua%.h"))
      end
    end
  end)
end)
